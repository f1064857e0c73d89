"""`dataset report`: what a dataset is like, on the terminal and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.screen import say, show_table
from bot.cli.wishes import wishes
from chat.private_file import write_private

if TYPE_CHECKING:
    from training.dataset.report import Report, TokenCount

_BAR = 40


def add_to(group: typer.Typer) -> None:
    """Add this verb."""
    group.command()(report)


def report(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(help="A dataset's folder, or the name of one in the state folder.")
    ] = Path("turns"),
    page: Annotated[
        Path | None,
        typer.Option(help="Where to write the HTML page.", show_default="report.html in the folder"),
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(help="The base model's tokenizer.json, to count its tokens.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the examples.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="For programs, without examples.")] = False,
) -> None:
    """Show what a dataset is like, with warnings in plain words, and write it as one HTML page."""
    # Tables take a moment to load, and no other verb needs them.
    from training.dataset.report import report_json, report_on  # noqa: PLC0415
    from training.dataset.report_page import page as page_of  # noqa: PLC0415

    if not folder.exists() and len(folder.parts) == 1:
        folder = wishes(context).settings(quiet="warning").state_dir / "datasets" / folder
    made = report_on(folder, _counter(tokenizer), seed)
    if as_json:
        typer.echo(report_json(made))
        return
    _show(made)
    path = page or folder / "report.html"
    write_private(path, page_of(made).encode())
    say(f"The page with plots and examples: {path}")


def _counter(tokenizer: Path | None) -> tuple[str, TokenCount] | None:
    if tokenizer is None:
        return None
    from training.dataset.report import tokens_by  # noqa: PLC0415

    return str(tokenizer.name), tokens_by(tokenizer)


def _show(made: Report) -> None:
    say(made.title, "bold")
    for name, value in made.numbers:
        say(f"    {name}: {value}")
    for figure in made.figures:
        highest = max((count for _, count in figure.bars), default=0)
        if highest:
            say(f"{figure.title}{f' ({figure.note})' if figure.note else ''}", "bold")
            width = max(len(name) for name, _ in figure.bars)
            for name, count in figure.bars:
                say(f"    {name:>{width}} {'█' * round(_BAR * count / highest)} {count:,}")
    if made.taken:
        show_table(
            ("filter", "chat", "messages"), [(kind, chat, f"{count:,}") for kind, chat, count in made.taken]
        )
    for number, example in enumerate(made.examples, 1):
        say(f"example {number}", "bold")
        for line in example.splitlines():
            say(f"    {line}")
    for warning in made.warnings:
        say(f"! {warning}", "yellow")
