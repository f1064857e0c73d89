"""Sliding windows for the rate-limit rule, counted in Redis: all of them or none, in one step."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.store.store import Store
from chat.message import ChatKey
from safety.window import WindowAnswer, WindowLimit


class RedisWindows:
    """Implements `safety.window.Windows` for the chats of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def take(
        self, chat: ChatKey, limits: Sequence[WindowLimit], member: str, now: datetime
    ) -> WindowAnswer:
        """Count a member in every window, or in none if one is full. Raises StoreAway."""
        arguments: list[str | int] = [int(now.timestamp() * 1000), member, str(chat)]
        for limit in limits:
            arguments += [limit.key, limit.limit, int(limit.seconds * 1000)]
        taken, full, wait = await self._store.run("windows", chat, *arguments)
        return WindowAnswer(bool(taken), full or None, wait / 1000)
