"""`kill` and `resume`: the switch, from a terminal."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated, Final

import typer

from bot.app import open_office
from bot.cli.screen import say
from bot.cli.wishes import owner, wishes
from bot.clock import SystemClock
from bot.errors import ChatUnknown, SettingsInvalid, StoreAway, StoreError
from bot.kill_folder import KillFolder, KillNote
from bot.settings import Settings
from safety.kill import KillScope

_PATIENCE_SECONDS: Final = 30.0
"""An embedded Redis may have to be started, and read its data."""
_SCOPE = typer.Argument(help="everywhere, account:<messenger>, or chat:<messenger>/<chat id>.")


def kill(
    context: typer.Context,
    scope: Annotated[str, _SCOPE] = "everywhere",
    reason: Annotated[str, typer.Option(help="For the journal.")] = "killed from the command line",
) -> None:
    """Stop all sending, at once and until resumed. Works with the model down."""
    asked = wishes(context)
    # The scope first: what is wrong with it must not be said after "killing all the same".
    wanted = _scope(scope)
    asked.run(_kill(asked.store_settings(), wanted, reason))


def resume(context: typer.Context, scope: Annotated[str, _SCOPE] = "everywhere") -> None:
    """Lift a kill, and show what it froze."""
    asked = wishes(context)
    asked.run(_resume(asked.settings(quiet="error"), _scope(scope)))


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(kill)
    app.command()(resume)


async def _kill(settings: Settings, scope: KillScope, reason: str) -> None:
    # On disk first: the services on this machine fall silent on the note, also while Redis is away or hangs.
    folder = KillFolder(settings.state_dir)
    note = KillNote(secrets.token_hex(8), scope, owner().name, reason, SystemClock().now_ms())
    noted = True
    try:
        await asyncio.to_thread(folder.keep, note)
    except OSError:
        noted = False
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await _put_on_record(settings, note)
    except (StoreError, TimeoutError) as error:
        if not noted:
            raise
        raise StoreAway(
            f"not on record yet ({_first_words(error)}): each service that shares {settings.state_dir} falls silent "
            f"now and records the kill of {scope} once Redis is back; services elsewhere have not heard of it"
        ) from error


async def _put_on_record(settings: Settings, note: KillNote) -> None:
    async with open_office(settings) as office:
        report = await office.desk.kill(owner(), note.scope, note.reason, note.id)
        say(f"Killed: {report.scope}. Nothing leaves until an owner resumes.", "bold red")
        if report.in_flight:
            say(f"{report.in_flight} already handed to a messenger cannot be called back.")
        # Written all the same, for a chat may come; but whoever mistyped it must not feel safe.
        if note.scope != KillScope.everywhere() and not any(
            note.scope.covers(state.chat.key, state.chat.part_of) for state in await office.desk.chats.all()
        ):
            raise ChatUnknown(f"no chat known so far is in {note.scope}: `understudy status` lists the chats")


def _first_words(error: Exception) -> str:
    return str(error).partition(":")[0].partition(";")[0] or "Redis does not answer"


async def _resume(settings: Settings, scope: KillScope) -> None:
    async with open_office(settings) as office:
        standing = {kill.scope for kill in await office.kill_switch.kills()}
        waiting = await office.desk.resume(owner(), scope)
        if scope in standing:
            say(f"Resumed: {scope}.", "bold green")
            for draft in waiting:
                say(f"  {draft.state} draft {draft.id} in {draft.chat} waits (understudy drafts)")
        else:
            say(f"There was no kill to lift: {scope}.")
        for left in sorted(standing - {scope}):
            say(f"  still killed: {left}", "bold red")


def _scope(text: str) -> KillScope:
    try:
        return KillScope.parse(text)
    except ValueError:
        raise SettingsInvalid(
            f"{text!r} is no scope: write everywhere, account:<messenger> or chat:<messenger>/<chat id>"
        ) from None
