"""How a training is shown while it runs: a bar, the loss, tokens a second and the time left."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars

from training.record import Progress


class TrainingBar:
    """A bar on a terminal; elsewhere, where it would be one line after another, a line a tenth of the way.

    Called with each `Progress` of a training, from the thread that trains.
    """

    def __init__(self, console: Console, words: str = "training") -> None:
        self._console = console
        self._words = words
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bars.add_task(words, total=None, told="")
        self._tenths = -1

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def __call__(self, progress: Progress) -> None:
        """Show it."""
        told = describe(progress)
        if self._console.is_terminal:
            self._bars.update(self._task, completed=progress.step, total=progress.steps, told=told)
            return
        tenths = 10 * progress.step // max(1, progress.steps)
        if tenths > self._tenths:
            self._tenths = tenths
            self._console.print(
                f"{self._words}: {progress.step} of {progress.steps}, {told}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )


def describe(progress: Progress) -> str:
    """The loss, how fast it goes and how long it takes on, as far as each is known."""
    parts = [f"loss {progress.loss:.3f}"]
    if progress.held_out is not None:
        parts.append(f"held out {progress.held_out:.3f}")
    if progress.tokens_per_second:
        parts.append(f"{progress.tokens_per_second:,.0f} tokens/s")
    if progress.seconds_left is not None:
        parts.append(f"{_span(progress.seconds_left)} left")
    return ", ".join(parts)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
