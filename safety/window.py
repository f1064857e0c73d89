"""Sliding windows: how many answers a chat or a person may have in a stretch of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chat.message import ChatKey


@dataclass(frozen=True, slots=True)
class WindowLimit:
    """At most `limit` members in any `seconds` in the window `key` of a chat. Raises ValueError below 1."""

    key: str
    limit: int
    seconds: float

    def __post_init__(self) -> None:
        if not self.key or self.limit < 1 or not self.seconds > 0:
            raise ValueError("a window needs a key, a limit of at least 1 and a length above 0 s")


@dataclass(frozen=True, slots=True)
class WindowAnswer:
    """Whether there was room in all windows; if not, the first full one and when to ask again."""

    taken: bool
    full: str | None = None
    retry_after: float = 0.0
    """Seconds until the full window has room."""


class Windows(Protocol):
    """Counts in sliding windows; `bot/` keeps them in Redis, beside the chat's other state."""

    async def take(
        self, chat: ChatKey, limits: Sequence[WindowLimit], member: str, now: datetime
    ) -> WindowAnswer:
        """Count `member` in all the windows, or, when one is full, in none.

        One atomic step. A member that is already counted stays counted once and is taken again, so
        that a retry after a crash does not count twice. Keys are the chat's own: the same key in
        another chat is another window. Raises what the store raises.
        """
