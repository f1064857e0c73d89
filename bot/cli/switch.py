"""`kill` and `resume`: the switch, from a terminal."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from bot.app import open_office
from bot.cli.wishes import owner, wishes
from bot.errors import SettingsInvalid
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
    asked.run(_kill(asked.settings(quiet="error"), _scope(scope), reason))


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
        console = Console(highlight=False)
        console.print(f"Killed: {report.scope}. Nothing leaves until an owner resumes.", style="bold red")
        if report.in_flight:
            console.print(f"{report.in_flight} already handed to a messenger cannot be called back.")


async def _resume(settings: Settings, scope: KillScope) -> None:
    async with open_office(settings) as office:
        standing = {kill.scope for kill in await office.kill_switch.kills()}
        waiting = await office.desk.resume(owner(), scope)
        console = Console(highlight=False)
        if scope not in standing:
            console.print(f"No kill of {scope} was in force.")
            return
        console.print(f"Resumed: {scope}.", style="bold green")
        for draft in waiting:
            console.print(f"  {draft.state} draft {draft.id} in {draft.chat} waits (understudy drafts)")
        for left in standing - {scope}:
            console.print(f"  still killed: {left}", style="bold red")


def _scope(text: str) -> KillScope:
    try:
        return KillScope.parse(text)
    except ValueError as error:
        raise SettingsInvalid(str(error)) from None
