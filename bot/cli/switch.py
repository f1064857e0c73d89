"""`kill` and `resume`: the switch, from a terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.app import open_office
from bot.cli.screen import say
from bot.cli.wishes import owner, wishes
from bot.errors import ChatUnknown, SettingsInvalid
from bot.settings import Settings
from safety.kill import KillScope

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
    async with open_office(settings) as office:
        report = await office.desk.kill(owner(), scope, reason)
        say(f"Killed: {report.scope}. Nothing leaves until an owner resumes.", "bold red")
        if report.in_flight:
            say(f"{report.in_flight} already handed to a messenger cannot be called back.")
        # Written all the same, for a chat may come; but whoever mistyped it must not feel safe.
        if scope != KillScope.everywhere() and not any(
            scope.covers(state.chat.key) for state in await office.desk.chats.all()
        ):
            raise ChatUnknown(f"no chat known so far is in {scope}: `understudy status` lists the chats")


async def _resume(settings: Settings, scope: KillScope) -> None:
    async with open_office(settings) as office:
        standing = {kill.scope for kill in await office.kill_switch.kills()}
        waiting = await office.desk.resume(owner(), scope)
        if scope in standing:
            say(f"Resumed: {scope}.", "bold green")
            for draft in waiting:
                say(f"  {draft.state} draft {draft.id} in {draft.chat} waits (understudy drafts)")
        else:
            say(f"No kill of {scope} was in force.")
        for left in sorted(standing - {scope}):
            say(f"  still killed: {left}", "bold red")


def _scope(text: str) -> KillScope:
    try:
        return KillScope.parse(text)
    except ValueError:
        raise SettingsInvalid(
            f"{text!r} is no scope: write everywhere, account:<messenger> or chat:<messenger>/<chat id>"
        ) from None
