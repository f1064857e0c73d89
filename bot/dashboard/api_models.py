"""What the REST API takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bot.chats import ChatState, MessageOutcome
from bot.desk import Result
from bot.drafts import MOST_CANDIDATES, Draft
from bot.journal import JournalEntry
from bot.people import Person, Role
from bot.presence import Presence
from bot.review import Edit, Summary
from bot.rulebook import RulebookEntry
from chat.message import Message
from safety.disclosure import Disclosure
from safety.kill import Kill, KillReport
from safety.mode import Mode
from safety.verdict import Outcome

MOST_AT_ONCE: Final = 200
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Taken(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ErrorBody(_Given):
    """Why something was refused."""

    error: str
    """A stable word for programs."""
    message: str
    """One line for people."""


class PersonBody(_Given):
    """Somebody who is signed in."""

    name: str
    role: Role

    @classmethod
    def of(cls, person: Person) -> Self:
        """Show a person."""
        return cls(name=person.name, role=person.role)


class RuleBody(_Given):
    """A rule of a chain, `gate` or `draft`; `verdicts` counts how often it said what."""

    chain: str
    rule: str
    does: str
    on: bool
    optional: bool
    """Whether it may be switched off."""
    verdicts: Mapping[Outcome, int]

    @classmethod
    def of(cls, entry: RulebookEntry) -> Self:
        """Show a rule."""
        return cls(
            chain=entry.chain,
            rule=entry.name,
            does=entry.does,
            on=entry.on,
            optional=entry.optional,
            verdicts=entry.verdicts,
        )


class CandidateBody(_Given):
    """One of the texts to choose from."""

    number: int
    bubbles: tuple[str, ...]
    seed: int
    refusal: str | None
    """Why the rules refused it; it cannot be approved as it is."""


class VersionBody(_Given):
    """A text that a draft had before."""

    bubbles: tuple[str, ...]
    replaced_at: datetime
    asked_by: str


class DraftBody(_Given):
    """A draft; `state` is `held`, `frozen` or `rewriting` while it is open."""

    id: str
    chat: str
    state: str
    reason: str
    bubbles: tuple[str, ...]
    original: tuple[str, ...] | None
    """What the model wrote, where a moderator edited it."""
    edited_by: str | None
    edited_at: datetime | None
    candidates: tuple[CandidateBody, ...]
    """The texts to choose from; `bubbles` is number `chosen`."""
    chosen: int
    version: int
    """Counts its texts; name the one that you looked at when you decide."""
    versions: tuple[VersionBody, ...]
    """The texts it had before, oldest first."""
    messages: tuple[str, ...]
    """The ids of the messages that it answers."""
    turn: str
    decided_by: str | None
    taken_by: str | None
    """Who has taken it to decide on it; nobody else may until `taken_until`."""
    taken_until: datetime | None
    created_at: datetime
    expires_at: datetime
    sent: int
    """How many bubbles have left."""
    made: Mapping[str, str]
    """Persona, fingerprint, seed."""

    @classmethod
    def of(cls, draft: Draft) -> Self:
        """Show a draft."""
        return cls(
            id=draft.id,
            chat=str(draft.chat),
            state=draft.state,
            reason=draft.reason,
            bubbles=draft.bubbles,
            original=draft.original,
            edited_by=draft.edited_by,
            edited_at=draft.edited_at,
            candidates=tuple(CandidateBody(**asdict(one)) for one in draft.candidates),
            chosen=draft.chosen,
            version=draft.version,
            versions=tuple(VersionBody(**asdict(one)) for one in draft.versions),
            messages=draft.messages,
            turn=draft.turn,
            decided_by=draft.decided_by,
            taken_by=draft.taken_by,
            taken_until=draft.taken_until,
            created_at=draft.created_at,
            expires_at=draft.expires_at,
            sent=draft.sent,
            made=dict(draft.fields),
        )


_Version = Annotated[int | None, Field(ge=1, description="The version that was looked at")]
_Candidate = Annotated[int | None, Field(ge=1, le=MOST_CANDIDATES, description="By default the chosen one")]


class Approval(_Taken):
    """An approval, with the text as edited, a bubble a line; without, as it is."""

    text: Annotated[str, StringConstraints(max_length=20_000)] | None = None
    candidate: _Candidate = None
    version: _Version = None


class Rejection(_Taken):
    """A rejection."""

    reason: ShortText = ""


class Claim(_Taken):
    """Taking a draft; only owners take over what somebody else has taken."""

    take_over: bool = False


class RewriteOrder(_Taken):
    """An order for another text; with `newest`, the model sees what has been said since."""

    newest: bool = False
    version: _Version = None


class BulkItem(_Taken):
    """One draft of many, as it was looked at."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    candidate: _Candidate = None
    version: _Version = None


class BulkOrder(_Taken):
    """One decision on many drafts, each by its own compare-and-set."""

    action: Literal["approve", "reject"]
    drafts: Annotated[tuple[BulkItem, ...], Field(min_length=1, max_length=MOST_AT_ONCE)]
    reason: ShortText = ""
    """Of a rejection."""


class ResultBody(_Given):
    """What came of one draft of many."""

    draft: str
    came_to: str
    """`approved` or `rejected`, or why not in one word, as in the errors of the single calls."""
    message: str

    @classmethod
    def of(cls, result: Result) -> Self:
        """Show a result."""
        return cls(draft=result.draft, came_to=result.came_to, message=result.message)


class SummaryBody(_Given):
    """How drafts were decided on, of those still on record; most first."""

    states: Mapping[str, int]
    reasons: Mapping[str, int]
    """Of the rejected ones: how often each reason was given."""
    edited: int

    @classmethod
    def of(cls, summary: Summary) -> Self:
        """Show a summary."""
        return cls(states=summary.states, reasons=summary.reasons, edited=summary.edited)


class EditBody(_Given):
    """A draft that was let go with an edit, both texts."""

    draft: str
    chat: str
    messages: tuple[str, ...]
    said: tuple[str, ...]
    """The messages it answers, as far as the transcript still has them."""
    model: tuple[str, ...]
    approved: tuple[str, ...]
    by: str
    at: datetime | None

    @classmethod
    def of(cls, edit: Edit) -> Self:
        """Show an edit."""
        return cls(**{**asdict(edit), "chat": str(edit.chat)})


class KillBody(_Given):
    """A kill in force."""

    scope: str
    """`everywhere`, `account:<messenger>` or `chat:<messenger>/<chat id>`."""
    by: str
    at: datetime
    reason: str

    @classmethod
    def of(cls, kill: Kill) -> Self:
        """Show a kill."""
        return cls(scope=str(kill.scope), by=kill.by, at=kill.at, reason=kill.reason)


class KillOrder(_Taken):
    """Where to stop all sending."""

    scope: Annotated[str, StringConstraints(max_length=500)] = "everywhere"
    reason: ShortText = ""


class KillReportBody(_Given):
    """What a kill found."""

    scope: str
    in_flight: int
    """Bubbles that were already handed to a messenger and may still arrive."""
    at: datetime

    @classmethod
    def of(cls, report: KillReport) -> Self:
        """Show a report."""
        return cls(scope=str(report.scope), in_flight=report.in_flight, at=report.at)


class ResumeOrder(_Taken):
    """Which kill to lift: exactly this scope's."""

    scope: Annotated[str, StringConstraints(max_length=500)] = "everywhere"


class ResumeBody(_Given):
    """The drafts that wait for a moderator now that the kill is lifted."""

    scope: str
    drafts: tuple[DraftBody, ...]


class ChatBody(_Given):
    """A chat and its settings."""

    chat: str
    title: str
    mode: Mode
    probability: float
    kill_words: tuple[str, ...]
    disclosure: tuple[Disclosure, ...]
    """How the people in it are told of the stand-in."""
    """The chat's own, beside those of all chats."""
    waiting: int
    """Messages that wait for the next turn."""
    leaving: int
    """Bubbles that are on their way out."""
    answering: bool
    owner_seen: datetime | None
    """When the owner was last there in person."""

    @classmethod
    def of(cls, state: ChatState) -> Self:
        """Show a chat."""
        return cls(
            chat=str(state.chat.key),
            title=state.chat.title,
            mode=state.policy.mode,
            probability=state.policy.probability,
            kill_words=state.policy.kill_words,
            disclosure=tuple(sorted(state.policy.disclosure)),
            waiting=state.waiting,
            leaving=state.leaving,
            answering=state.answering,
            owner_seen=state.owner_seen,
        )


class ChatChange(_Taken):
    """What to change of a chat; what is left out stays."""

    mode: Mode | None = None
    probability: float | None = Field(default=None, ge=0, le=1)
    kill_words: Annotated[tuple[ShortText, ...], Field(max_length=50)] | None = None
    """All of the chat's own kill words; an empty list takes them away."""
    disclosure: Annotated[frozenset[Disclosure], Field(min_length=1)] | None = None


class MessageBody(_Given):
    """A message."""

    id: str
    author_id: str
    author: str
    text: str
    sent_at: datetime
    own: bool
    reply_to: str | None

    @classmethod
    def of(cls, message: Message) -> Self:
        """Show a message."""
        return cls(
            id=message.id,
            author_id=message.author.id,
            author=message.author.name,
            text=message.text,
            sent_at=message.sent_at,
            own=message.own,
            reply_to=message.reply_to,
        )


class OutcomeBody(_Given):
    """What became of a message."""

    outcome: str
    reason: str
    turn: str | None
    draft: str | None

    @classmethod
    def of(cls, outcome: MessageOutcome) -> Self:
        """Show an outcome."""
        return cls(outcome=outcome.outcome, reason=outcome.reason, turn=outcome.turn, draft=outcome.draft)


class JournalEntryBody(_Given):
    """One line of the journal."""

    id: str
    at: datetime
    kind: str
    chat: str
    """The chat, or a kill's scope."""
    facts: Mapping[str, Any]

    @classmethod
    def of(cls, entry: JournalEntry) -> Self:
        """Show an entry."""
        return cls(id=entry.id, at=entry.at, kind=entry.kind, chat=entry.chat, facts=entry.facts)


class ServiceBody(_Given):
    """A running service."""

    name: str
    persona: str
    fingerprint: str
    model_alive: bool
    generating: int
    model_trouble: str
    """Why the model is not alive, in a line; empty while it is."""
    troubles: Mapping[str, str]
    """Of a messenger, by its name, or of a chat, by its key: what keeps it from working, in a line."""

    @classmethod
    def of(cls, presence: Presence) -> Self:
        """Show a service."""
        return cls(
            name=presence.name,
            persona=presence.persona,
            fingerprint=presence.fingerprint,
            model_alive=presence.model_alive,
            generating=presence.generating,
            model_trouble=presence.model_trouble,
            troubles={**presence.deaf, **presence.troubles},
        )


class StatusBody(_Given):
    """How things are: an answer at all means that Redis is there."""

    redis: bool
    services: tuple[ServiceBody, ...]
    kills: tuple[KillBody, ...]
    chats: int
    drafts: int
    """How many wait for a moderator."""
    owner_absent_since: datetime | None = None
    """Since when the owner gives no sign, so that auto is as manual; None when all is well."""
