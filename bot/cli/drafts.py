"""`drafts`: see what waits, approve, edit, reject."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.app import open_office
from bot.cli.wishes import owner, wishes
from bot.drafts import Draft
from bot.settings import Settings

group = typer.Typer(help="Drafts: see what waits, approve, edit, reject.", invoke_without_command=True)


@group.callback()
def listed(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Decided ones, too.")] = False,
) -> None:
    """List the drafts that wait for a moderator."""
    if context.invoked_subcommand is None:
        asked = wishes(context)
        asked.run(_list(asked.settings(quiet="warning"), everything=everything))


@group.command()
def approve(
    context: typer.Context,
    draft: str,
    text: Annotated[str | None, typer.Option(help="What to send instead; \\n parts the bubbles.")] = None,
) -> None:
    """Let a draft leave."""
    asked = wishes(context)
    asked.run(
        _approve(asked.settings(quiet="warning"), draft, None if text is None else text.replace("\\n", "\n"))
    )


@group.command()
def reject(context: typer.Context, draft: str, reason: Annotated[str, typer.Option()] = "") -> None:
    """Throw a draft away."""
    asked = wishes(context)
    asked.run(_reject(asked.settings(quiet="warning"), draft, reason))


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(group, name="drafts")


async def _list(settings: Settings, *, everything: bool) -> None:
    async with open_office(settings) as office:
        drafts = await (office.desk.drafts.newest(50) if everything else office.desk.drafts.waiting())
        if not drafts:
            Console().print("No drafts wait." if not everything else "There are no drafts.")
            return
        table = Table("draft", "chat", "state", "text", "reason")
        for draft in drafts:
            table.add_row(draft.id, str(draft.chat), draft.state, _text(draft), escape(draft.reason))
        Console().print(table)


async def _approve(settings: Settings, draft_id: str, text: str | None) -> None:
    async with open_office(settings) as office:
        await office.desk.approve(owner(), draft_id, text)
        Console().print("Approved; it leaves when a running service sends it.")


async def _reject(settings: Settings, draft_id: str, reason: str) -> None:
    async with open_office(settings) as office:
        await office.desk.reject(owner(), draft_id, reason)
        Console().print("Rejected.")


def _text(draft: Draft) -> str:
    return "\n".join(escape(bubble) for bubble in draft.bubbles)
