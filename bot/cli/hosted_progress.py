"""How a hosted job shows itself: a bar at a terminal, lines elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from bot.cli.screen import clean, say
from training.hosted.protocol import JobEvent


class HostedProgress:
    """Tells each step; use it with `with`."""

    def __init__(self) -> None:
        self._console = Console(soft_wrap=True, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def tell(self, text: str, event: JobEvent | None = None) -> None:
        """Show a step, or what the host reports. Never given a message's text."""
        if event is not None and self._console.is_terminal and event.type == "metrics":
            self._advance(event)
            return
        style = {"error": "red", "warn": "yellow"}.get(event.level, "") if event else ""
        if text and not self._console.is_terminal:
            say(text, style)
        elif text:
            self._bar.console.print(clean(text), style=style, markup=False)

    def _advance(self, event: JobEvent) -> None:
        step, total = event.number("step"), event.number("total_steps")
        figures = ", ".join(
            f"{name} {value:.3f}"
            for name in ("train_loss", "valid_loss")
            if (value := event.number(name)) is not None
        )
        if self._task is None:
            self._task = self._bar.add_task("training", total=total, figures=figures)
        self._bar.update(self._task, completed=step or 0, total=total, figures=figures)
