"""`reveal`: tell the chats what was the stand-in's."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.app import Office, open_office
from bot.cli.chats import key_of
from bot.cli.screen import say
from bot.cli.wishes import owner, wishes
from bot.settings import Settings
from chat.message import ChatKey


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(reveal)


def reveal(
    context: typer.Context,
    chats: Annotated[
        list[str] | None, typer.Argument(help="messenger/chat-id; without any, every chat.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be written, send nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Write to each chat what was the stand-in's: when, and how it began. What was told is not told twice."""
    asked = wishes(context)
    asked.run(
        _reveal(
            asked.settings(quiet="warning"), [key_of(chat) for chat in chats or ()], dry_run=dry_run, yes=yes
        )
    )


async def _reveal(settings: Settings, keys: list[ChatKey], *, dry_run: bool, yes: bool) -> None:
    async with open_office(settings) as office:
        for key in keys:
            await office.desk.chats.get(key)
        keys = keys or [state.chat.key for state in await office.desk.chats.all()]
        counts = {key: len(await office.desk.reveals.unrevealed(key)) for key in keys}
        counts = {key: count for key, count in counts.items() if count}
        if not counts:
            say("There is nothing to reveal.")
            return
        if dry_run:
            await _show(office, list(counts))
            return
        chats = ", ".join(f"{key} ({count})" for key, count in counts.items())
        if not yes:
            typer.confirm(f"Tell what was the stand-in's to {chats}?", abort=True)
        for key in counts:
            count = await office.desk.reveal(owner(), key)
            say(f"{key}: {count} revealed; it leaves when a running service sends it.")


async def _show(office: Office, keys: list[ChatKey]) -> None:
    for key in keys:
        say(f"{key}:", "bold")
        for text, _ in office.desk.reveals.told(await office.desk.reveals.unrevealed(key)):
            say(text)
