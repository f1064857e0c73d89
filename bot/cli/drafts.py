"""`drafts`: see what waits, take, approve, edit, reject, have it rewritten; see what people made of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from bot.app import open_office
from bot.cli.chats import key_of
from bot.cli.screen import say
from bot.cli.wishes import owner, wishes
from bot.desk import Look, Result
from bot.drafts import Draft, Drafts
from bot.errors import DraftRefused, SettingsInvalid
from bot.settings import Settings

group = typer.Typer(help="Drafts: see what waits, approve, edit, reject.", invoke_without_command=True)

_DRAFT = Annotated[str, typer.Argument(help="The draft's id, as `understudy drafts` shows it.")]


_DRAFTS = Annotated[
    list[str] | None, typer.Argument(help="The drafts' ids, as `understudy drafts` shows them.")
]
_ALL = Annotated[bool, typer.Option("--all", help="All that wait, of the chat that --chat names.")]
_CHAT = Annotated[str | None, typer.Option(help="messenger/chat-id, such as local/friends.")]


@group.callback()
def listed(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Decided ones, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON document.")] = False,
    summary: Annotated[
        bool, typer.Option("--summary", help="How they were decided on, and why some were rejected.")
    ] = False,
) -> None:
    """List the drafts that wait for a moderator."""
    if context.invoked_subcommand is None:
        asked = wishes(context)
        settings = asked.settings(quiet="warning")
        if summary:
            asked.run(_summary(settings, as_json=as_json))
        else:
            asked.run(_list(settings, everything=everything, as_json=as_json))


@group.command()
def approve(
    context: typer.Context,
    drafts: _DRAFTS = None,
    text: Annotated[str | None, typer.Option(help="What to send instead; \\n parts the bubbles.")] = None,
    candidate: Annotated[
        int | None, typer.Option(min=1, help="Which of its texts; by default the chosen one.")
    ] = None,
    everything: _ALL = False,
    chat: _CHAT = None,
) -> None:
    """Let drafts leave."""
    if (text is not None or candidate is not None) and len(drafts or ()) != 1:
        raise SettingsInvalid("--text and --candidate are for one draft: name it")
    asked = wishes(context)
    text = None if text is None else text.replace("\\n", "\n")
    which = _Which(tuple(drafts or ()), everything=everything, chat=chat)
    asked.run(_approve(asked.settings(quiet="warning"), which, text, candidate))


@group.command()
def reject(
    context: typer.Context,
    drafts: _DRAFTS = None,
    reason: Annotated[str, typer.Option(help="For the journal and the summary.")] = "",
    everything: _ALL = False,
    chat: _CHAT = None,
) -> None:
    """Throw drafts away."""
    asked = wishes(context)
    which = _Which(tuple(drafts or ()), everything=everything, chat=chat)
    asked.run(_reject(asked.settings(quiet="warning"), which, reason))


@group.command()
def claim(
    context: typer.Context,
    draft: _DRAFT,
    take_over: Annotated[bool, typer.Option("--take-over", help="Also from somebody else.")] = False,
) -> None:
    """Take a draft, so that nobody else decides on it for a while."""
    asked = wishes(context)
    asked.run(_claim(asked.settings(quiet="warning"), draft, take_over=take_over))


@group.command()
def release(context: typer.Context, draft: _DRAFT) -> None:
    """Give a draft that was taken back."""
    asked = wishes(context)
    asked.run(_release(asked.settings(quiet="warning"), draft))


@group.command()
def regenerate(
    context: typer.Context,
    draft: _DRAFT,
    newest: Annotated[bool, typer.Option("--newest", help="With what has been said since.")] = False,
) -> None:
    """Have another text written for a draft."""
    asked = wishes(context)
    asked.run(_regenerate(asked.settings(quiet="warning"), draft, newest=newest))


@group.command()
def edits(
    context: typer.Context,
    as_lines: Annotated[bool, typer.Option("--jsonl", help="For programs: a JSON document a line.")] = False,
) -> None:
    """Show what was let go with an edit: what the model wrote, and what a person made of it."""
    asked = wishes(context)
    asked.run(_edits(asked.settings(quiet="warning"), as_lines=as_lines))


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(group, name="drafts")


async def _list(settings: Settings, *, everything: bool, as_json: bool) -> None:
    async with open_office(settings) as office:
        drafts = await (office.desk.drafts.newest(50) if everything else office.desk.drafts.waiting())
        # By its id alone nobody knows a channel of Discord's again.
        titles = {state.chat.key: f" ({state.chat.title})" for state in await office.desk.chats.all()}
    if as_json:
        typer.echo(json.dumps([_facts(draft) for draft in drafts], indent=2, ensure_ascii=False))
        return
    if not drafts:
        say("There are no drafts." if everything else "No drafts wait.")
    for draft in drafts:
        taken = f", taken by {draft.taken_by}" if draft.taken_by else ""
        # What waits is held, and its reason says why.
        state = f"{draft.state}: " if everything else ""
        say(f"{draft.id}  {draft.chat}{titles.get(draft.chat, '')}  {state}{draft.reason}{taken}", "bold")
        several = len(draft.candidates) > 1 and draft.open
        for one in draft.candidates if several else ():
            say(f"  candidate {one.number}" + (f" (refused: {one.refusal})" if one.refusal else ""))
            for bubble in one.bubbles:
                say(f"    {bubble}")
        for bubble in () if several else draft.bubbles:
            say(f"    {bubble}")


async def _summary(settings: Settings, *, as_json: bool) -> None:
    async with open_office(settings) as office:
        summary = await office.desk.summary(owner())
    if as_json:
        typer.echo(json.dumps(asdict(summary), indent=2, ensure_ascii=False))
        return
    if not summary.states:
        say("There are no drafts.")
    for state, count in summary.states.items():
        say(f"{count:>6}  {state}")
    if summary.edited:
        say(f"{summary.edited:>6}  of them let go with an edit")
    for reason, count in summary.reasons.items():
        say(f"{count:>6}  rejected: {reason}")


@dataclass(frozen=True, slots=True)
class _Which:
    """The drafts that were named, or all that wait in a chat."""

    ids: tuple[str, ...]
    everything: bool
    chat: str | None

    def __post_init__(self) -> None:
        if self.everything != (self.chat is not None) or self.everything == bool(self.ids):
            raise SettingsInvalid("name drafts by their ids, or all of a chat: --all --chat local/friends")

    async def looks(self, drafts: Drafts) -> tuple[Look, ...]:
        """Give them as they are now."""
        if self.ids:
            return tuple(Look(id_) for id_ in self.ids)
        key = key_of(self.chat or "")
        return tuple(Look(draft.id, draft.version) for draft in await drafts.waiting() if draft.chat == key)


async def _approve(settings: Settings, which: _Which, text: str | None, candidate: int | None) -> None:
    async with open_office(settings) as office:
        looks = await which.looks(office.desk.drafts)
        if len(looks) == 1:
            await office.desk.approve(owner(), looks[0].draft, text, candidate=candidate)
            say("Approved; it leaves when a running service sends it.")
        else:
            _tell(await office.desk.approve_many(owner(), looks))


async def _reject(settings: Settings, which: _Which, reason: str) -> None:
    async with open_office(settings) as office:
        looks = await which.looks(office.desk.drafts)
        if len(looks) == 1:
            await office.desk.reject(owner(), looks[0].draft, reason)
            say("Rejected.")
        else:
            _tell(await office.desk.reject_many(owner(), looks, reason))


def _tell(results: Sequence[Result]) -> None:
    """Say what came of each; leaves with the exit code of a refused draft when one was."""
    if not results:
        say("No drafts wait.")
    for result in results:
        say(result.message)
    if any(result.came_to not in {"approved", "rejected"} for result in results):
        raise typer.Exit(DraftRefused.exit_code)


async def _claim(settings: Settings, draft_id: str, *, take_over: bool) -> None:
    async with open_office(settings) as office:
        await office.desk.claim(owner(), draft_id, take_over=take_over)
        say(f"Taken, for {settings.drafts.claim_minutes:g} minutes.")


async def _release(settings: Settings, draft_id: str) -> None:
    async with open_office(settings) as office:
        await office.desk.release(owner(), draft_id)
        say("Given back.")


async def _regenerate(settings: Settings, draft_id: str, *, newest: bool) -> None:
    async with open_office(settings) as office:
        await office.desk.regenerate(owner(), draft_id, newest=newest)
        say("Another text is written by a running service; until then the draft keeps the one it has.")


async def _edits(settings: Settings, *, as_lines: bool) -> None:
    async with open_office(settings) as office:
        edits = await office.desk.edits(owner())
    if not edits and not as_lines:
        say("Nothing was let go with an edit.")
    for edit in edits:
        if as_lines:
            facts = asdict(edit) | {"chat": str(edit.chat), "at": edit.at and edit.at.isoformat()}
            typer.echo(json.dumps(facts, ensure_ascii=False))
            continue
        say(f"{edit.draft}  {edit.chat}  by {edit.by}", "bold")
        for sign, bubbles in (("-", edit.model), ("+", edit.approved)):
            for bubble in bubbles:
                say(f"  {sign} {bubble}")


def _facts(draft: Draft) -> dict[str, object]:
    return {
        "id": draft.id,
        "chat": str(draft.chat),
        "state": draft.state,
        "reason": draft.reason,
        "bubbles": draft.bubbles,
        "candidates": [asdict(one) for one in draft.candidates],
        "chosen": draft.chosen,
        "version": draft.version,
        "taken_by": draft.taken_by,
        "sent": draft.sent,
        "created_at": draft.created_at.isoformat(),
        "expires_at": draft.expires_at.isoformat(),
    }
