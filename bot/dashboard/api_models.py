"""What the REST API takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bot.chats import ChatState, MessageOutcome
from bot.drafts import Draft
from bot.journal import JournalEntry
from bot.people import Person, Role
from bot.presence import Presence
from bot.rulebook import RulebookEntry
from chat.message import Message
from safety.kill import Kill, KillReport
from safety.mode import Mode
from safety.verdict import Outcome

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


class DraftBody(_Given):
    """A draft; `state` is `held` or `frozen` while it is open."""

    id: str
    chat: str
    state: str
    reason: str
    bubbles: tuple[str, ...]
    original: tuple[str, ...] | None
    """What the model wrote, where a moderator edited it."""
    messages: tuple[str, ...]
    """The ids of the messages that it answers."""
    turn: str
    decided_by: str | None
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
            messages=draft.messages,
            turn=draft.turn,
            decided_by=draft.decided_by,
            created_at=draft.created_at,
            expires_at=draft.expires_at,
            sent=draft.sent,
            made=dict(draft.fields),
        )


class Approval(_Taken):
    """An approval, with the text as edited, a bubble a line; without, as it is."""

    text: Annotated[str, StringConstraints(max_length=20_000)] | None = None


class Rejection(_Taken):
    """A rejection."""

    reason: ShortText = ""


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
    """The chat's own, beside those of all chats."""
    waiting: int
    """Messages that wait for the next turn."""
    leaving: int
    """Bubbles that are on their way out."""
    answering: bool

    @classmethod
    def of(cls, state: ChatState) -> Self:
        """Show a chat."""
        return cls(
            chat=str(state.chat.key),
            title=state.chat.title,
            mode=state.policy.mode,
            probability=state.policy.probability,
            kill_words=state.policy.kill_words,
            waiting=state.waiting,
            leaving=state.leaving,
            answering=state.answering,
        )


class ChatChange(_Taken):
    """What to change of a chat; what is left out stays."""

    mode: Mode | None = None
    probability: float | None = Field(default=None, ge=0, le=1)
    kill_words: Annotated[tuple[ShortText, ...], Field(max_length=50)] | None = None
    """All of the chat's own kill words; an empty list takes them away."""


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

    @classmethod
    def of(cls, presence: Presence) -> Self:
        """Show a service."""
        return cls(
            name=presence.name,
            persona=presence.persona,
            fingerprint=presence.fingerprint,
            model_alive=presence.model_alive,
            generating=presence.generating,
        )


class StatusBody(_Given):
    """How things are: an answer at all means that Redis is there."""

    redis: bool
    services: tuple[ServiceBody, ...]
    kills: tuple[KillBody, ...]
    chats: int
    drafts: int
    """How many wait for a moderator."""
