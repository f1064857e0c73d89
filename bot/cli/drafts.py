"""`drafts`: see what waits, approve, edit, reject."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from bot.app import open_office
from bot.cli.screen import say
from bot.cli.wishes import owner, wishes
from bot.drafts import Draft
from bot.settings import Settings

group = typer.Typer(help="Drafts: see what waits, approve, edit, reject.", invoke_without_command=True)

_DRAFT = Annotated[str, typer.Argument(help="The draft's id, as `understudy drafts` shows it.")]


@group.callback()
def listed(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Decided ones, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON document.")] = False,
) -> None:
    """List the drafts that wait for a moderator."""
    if context.invoked_subcommand is None:
        asked = wishes(context)
        asked.run(_list(asked.settings(quiet="warning"), everything=everything, as_json=as_json))


@group.command()
def approve(
    context: typer.Context,
    draft: _DRAFT,
    text: Annotated[str | None, typer.Option(help="What to send instead; \\n parts the bubbles.")] = None,
) -> None:
    """Let a draft leave."""
    asked = wishes(context)
    asked.run(
        _approve(asked.settings(quiet="warning"), draft, None if text is None else text.replace("\\n", "\n"))
    )


@group.command()
def reject(
    context: typer.Context,
    draft: _DRAFT,
    reason: Annotated[str, typer.Option(help="For the journal.")] = "",
) -> None:
    """Throw a draft away."""
    asked = wishes(context)
    asked.run(_reject(asked.settings(quiet="warning"), draft, reason))


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(group, name="drafts")


async def _list(settings: Settings, *, everything: bool, as_json: bool) -> None:
    async with open_office(settings) as office:
        drafts = await (office.desk.drafts.newest(50) if everything else office.desk.drafts.waiting())
    if as_json:
        typer.echo(json.dumps([_facts(draft) for draft in drafts], indent=2, ensure_ascii=False))
        return
    if not drafts:
        say("There are no drafts." if everything else "No drafts wait.")
    for draft in drafts:
        say(f"{draft.id}  {draft.chat}  {draft.state}: {draft.reason}", "bold")
        for bubble in draft.bubbles:
            say(f"    {bubble}")


async def _approve(settings: Settings, draft_id: str, text: str | None) -> None:
    async with open_office(settings) as office:
        await office.desk.approve(owner(), draft_id, text)
        say("Approved; it leaves when a running service sends it.")


async def _reject(settings: Settings, draft_id: str, reason: str) -> None:
    async with open_office(settings) as office:
        await office.desk.reject(owner(), draft_id, reason)
        say("Rejected.")


def _facts(draft: Draft) -> dict[str, object]:
    return {
        "id": draft.id,
        "chat": str(draft.chat),
        "state": draft.state,
        "reason": draft.reason,
        "bubbles": draft.bubbles,
        "sent": draft.sent,
        "created_at": draft.created_at.isoformat(),
        "expires_at": draft.expires_at.isoformat(),
    }
