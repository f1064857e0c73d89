"""The ledger: who agreed to what, in which chat, how and when; and who has taken it back.

Nobody's words are kept, shown to a model or answered without it: a chat needs its owner's enabling entry, and
each person in it may say no.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from chat.message import Author, ChatKey


class Purpose(StrEnum):
    """What a person may agree to."""

    ANSWERED = "answered"
    """Their messages are kept, shown to the model and answered."""
    TRAINED = "trained"
    """Their messages may stand beside the owner's in a dataset."""
    IMITATED = "imitated"
    """They may be the one whom a dataset is about: a persona may learn to write as they do."""
    HOSTED = "hosted"
    """Their messages may be sent to the host of a persona that was trained there, for it to answer the chat."""


class How(StrEnum):
    """How an entry came about."""

    OWNER = "owner"
    """An owner wrote it down."""
    IN_CHAT = "in_chat"
    """The person said so in the chat."""
    IMPORTED = "imported"
    """It came with a dataset, with consent given elsewhere."""


class People(StrEnum):
    """Who is answered in an enabled chat, where the ledger says nothing of a person."""

    OPT_OUT = "opt_out"
    """Everybody, until they take it back."""
    OPT_IN = "opt_in"
    """Nobody, until they agree."""


@dataclass(frozen=True, slots=True)
class ConsentSettings:
    """How silence is read: `people` is `opt_out` or `opt_in`."""

    people: People = People.OPT_OUT


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: agreed, or taken back. `by` is who said so, `name` the person's when it was written; `at` is aware."""

    agreed: bool
    how: How
    by: str
    at: datetime
    name: str = ""
    part_of: str = ""
    """The chat with whose entry this one came, where a thread follows its channel."""


@dataclass(frozen=True, slots=True)
class ChatConsent:
    """What the ledger says of one chat. The default is the one of a chat that nobody enabled."""

    enabled: Entry | None = None
    """The owner's entry that lets the stand-in in, or took it out again."""
    entries: Mapping[tuple[Purpose, str], Entry] = field(default_factory=dict)
    """By purpose and person's id."""
    people: People = People.OPT_OUT

    @property
    def is_enabled(self) -> bool:
        """Whether an owner let the stand-in in."""
        return self.enabled is not None and self.enabled.agreed

    @property
    def stays_out(self) -> bool:
        """Whether an owner took the stand-in out of this chat alone: of a thread, so that it does not follow."""
        return self.enabled is not None and not self.enabled.agreed and not self.enabled.part_of

    def may_answer(self, person: str) -> bool:
        """Whether the chat is enabled and the person may be answered in it."""
        if not self.is_enabled:
            return False
        entry = self.entries.get((Purpose.ANSWERED, person))
        return self.people is People.OPT_OUT if entry is None else entry.agreed

    def may_train(self, person: str) -> bool:
        """Whether the person agreed that their messages stand in a dataset. Silence is a no."""
        return self._said_yes(Purpose.TRAINED, person)

    def may_host(self, person: str) -> bool:
        """Whether the person agreed that a host reads their messages, and may be answered. Silence is a no."""
        return self.may_answer(person) and self._said_yes(Purpose.HOSTED, person)

    def _said_yes(self, purpose: Purpose, person: str) -> bool:
        entry = self.entries.get((purpose, person))
        return entry is not None and entry.agreed


class Ledger(Protocol):
    """Keeps the entries; `bot/` does in Redis. Each method raises what its store raises when it is away."""

    async def of(self, chat: ChatKey) -> ChatConsent:
        """Give what stands in the ledger for a chat."""

    async def grant(self, chat: ChatKey, person: Author, purpose: Purpose, how: How, by: str) -> None:
        """Write down that a person agreed."""

    async def withdraw(self, chat: ChatKey, person: Author, purpose: Purpose, how: How, by: str) -> None:
        """Write down that a person took it back. When this returns, nothing of theirs is shown or answered."""
