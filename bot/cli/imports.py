"""`import`: exports in, and what was understood of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.wishes import wishes
from chat.exports.dates import DateOrder


def import_exports(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Exports: files, folders or zips.", show_default=False)],
    me: Annotated[str, typer.Option(help="Your name as the exports write it, where they do not tell.")] = "",
    date_order: Annotated[
        DateOrder | None, typer.Option(help="What 3/4 means, where nothing in the exports tells.")
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(help="The folder to keep the chats in.", show_default="imports/ of the state"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is there; keep nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON document.")] = False,
) -> None:
    """Read chat exports of any known format and keep their chats; the same export twice counts once."""
    # Tables take a moment to load, and no other verb needs them.
    from bot.cli.importing import Importing  # noqa: PLC0415

    folder = into or wishes(context).settings(quiet="warning").state_dir / "imports"
    ended = Importing(folder, me, date_order, as_json=as_json).run(paths, keep=not dry_run)
    if ended:
        raise typer.Exit(ended)


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command("import")(import_exports)
