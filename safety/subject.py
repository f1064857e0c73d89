"""What rules judge: a gate (may this turn be answered?) and a draft's text (may it leave?)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from chat.message import Message
from chat.transcript import Turn
from safety.consent import ChatConsent
from safety.kill import Kill
from safety.mode import ChatPolicy


@dataclass(frozen=True, slots=True)
class Gate:
    """A turn before anything is written, with all that the gate rules need to know.

    `kill` is the kill in force for the chat. `persona_names` are the persona's name and aliases as
    people write them. `own_ids` are the ids of the persona's own messages that are known in the chat.
    `now` is aware.
    """

    turn: Turn
    policy: ChatPolicy
    now: datetime
    kill: Kill | None = None
    persona_names: tuple[str, ...] = ()
    own_ids: frozenset[str] = frozenset()
    consent: ChatConsent = field(default_factory=ChatConsent)
    """What the ledger says of the chat; by default, that nobody enabled it."""
    owner_seen: datetime | None = None
    """When the owner last typed or wrote in the chat in person; aware."""
    turns_alone: int = 0
    """How many turns in which only bots wrote were answered since a person last wrote in the chat."""
    host: str = ""
    """Who reads what the model is shown, where it is at a host; empty where it is the owner's own."""

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise ValueError("the time of a gate needs a zone")

    @property
    def others(self) -> tuple[Message, ...]:
        """The turn's messages that are neither the owner's nor an echo of the persona's, oldest first."""
        return tuple(
            message for message in self.turn.messages if not message.own and message.id not in self.own_ids
        )


@dataclass(frozen=True, slots=True)
class DraftText:
    """What the model wrote for a turn, cut into bubbles, before any of it may leave."""

    turn: Turn
    bubbles: tuple[str, ...]
    policy: ChatPolicy
    persona_names: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The bubbles, a line break between each two."""
        return "\n".join(self.bubbles)
