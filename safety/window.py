"""Sliding windows: how many answers there may be in a stretch of time, in a chat, to a person, or in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from chat.message import ChatKey


class Reach(StrEnum):
    """Whose answers a window counts, from narrowest to widest."""

    CHAT = "chat"
    PERSON = "person"
    """One person in all chats of a messenger."""
    ACCOUNT = "account"
    """All chats of a messenger."""
    EVERYWHERE = "everywhere"


@dataclass(frozen=True, slots=True)
class WindowLimit:
    """At most `limit` members in any `seconds`, counted over a reach. Raises ValueError below 1.

    `person` is the author's id, for windows of a person and for no others.
    """

    reach: Reach
    limit: int
    seconds: float
    person: str = ""

    def __post_init__(self) -> None:
        if self.limit < 1 or not self.seconds > 0:
            raise ValueError("a window has a limit of at least 1 and a length above 0 s")
        if bool(self.person) != (self.reach is Reach.PERSON):
            raise ValueError("a person is named for a person's window, and only there")


@dataclass(frozen=True, slots=True)
class WindowAnswer:
    """Whether there was room; if not, the first full window and when to ask again."""

    taken: bool
    full: Reach | None = None
    retry_after: float = 0.0
    """Seconds until the full window has room."""


class Windows(Protocol):
    """Counts in sliding windows; `bot/` keeps them in Redis."""

    async def take(
        self, chat: ChatKey, limits: Sequence[WindowLimit], member: str, now: datetime
    ) -> WindowAnswer:
        """Count `member` in all the windows, or, when one is full, in none.

        Of the persons' windows one with room is enough, and only those with room count: somebody who writes too
        much must not silence the others. A member that is already counted stays counted once and is taken again, so
        that a retry after a crash does not count twice. However many ask at once, no window ever holds more than
        its limit. Raises what the store raises.
        """
