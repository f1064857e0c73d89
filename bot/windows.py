"""Sliding windows for the rate-limit rule, counted in Redis.

Each window lives under a hash tag of its own, since a person, an account and all chats together span partitions. A
window is taken in one step, so no number of workers overfills it; where one of several is full, the places that were
just taken in the others are given back. For that moment the others are stricter than they need be, never laxer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from bot.store.store import Store
from chat.message import ChatKey
from safety.window import Reach, WindowAnswer, WindowLimit


class RedisWindows:
    """Implements `safety.window.Windows` for the chats of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def take(
        self, chat: ChatKey, limits: Sequence[WindowLimit], member: str, now: datetime
    ) -> WindowAnswer:
        """Count a member in every window, or in none if one is full. Raises StoreAway."""
        member = f"{chat}/{member}"
        at = int(now.timestamp() * 1000)
        fresh: list[str] = []
        persons: list[WindowAnswer] = []
        for limit in limits:
            prefix = _prefix(chat, limit)
            room, wait = await self._store.run_at(
                "window_take", prefix, at, member, limit.limit, int(limit.seconds * 1000)
            )
            answer = WindowAnswer(bool(room), None if room else limit.reach, wait / 1000)
            if room == 1:
                fresh.append(prefix)
            if limit.reach is Reach.PERSON:
                persons.append(answer)
            elif not answer.taken:
                return await self._give_back(fresh, member, answer)
        if persons and not any(answer.taken for answer in persons):
            soonest = min(persons, key=lambda answer: answer.retry_after)
            return await self._give_back(fresh, member, soonest)
        return WindowAnswer(True)

    async def _give_back(self, fresh: Sequence[str], member: str, answer: WindowAnswer) -> WindowAnswer:
        for prefix in fresh:
            await self._store.run_at("window_give", prefix, member)
        return answer


def _prefix(chat: ChatKey, limit: WindowLimit) -> str:
    match limit.reach:
        case Reach.CHAT:
            whose = str(chat)
        case Reach.PERSON:
            whose = f"{chat.messenger}/{limit.person}"
        case Reach.ACCOUNT:
            whose = chat.messenger
        case Reach.EVERYWHERE:
            whose = ""
    # A person's id may be a phone number: what would stand in the key's name is hashed.
    name = hashlib.sha256(f"{limit.reach}\0{whose}".encode()).hexdigest()[:24]
    return f"understudy:{{window:{name}}}:"
