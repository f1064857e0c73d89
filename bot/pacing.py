"""Pacing: what a messenger has asked to wait with, known to every process that writes from the same account."""

from __future__ import annotations

import hashlib
import time

import structlog

from bot.errors import StoreError
from bot.messengers.base import Pause
from bot.store.store import Store
from chat.message import ChatKey

_log = structlog.get_logger()


class Pacing:
    """Keeps pauses until they are over: of one chat, or of all of an account's chats.

    They are shared through the store, and outlive the process there. With the store away each process knows its own
    alone: nothing leaves then anyway, since the fence is shut. Without a store they are this process's from the start.
    """

    def __init__(self, messenger: str, store: Store | None = None) -> None:
        self._messenger = messenger
        self._store = store
        self._own: dict[ChatKey | None, tuple[float, str]] = {}

    def note(self, pause: Pause, chat: ChatKey | None = None) -> None:
        """Keep a pause of a chat, or without one of the account, for this process."""
        until = time.monotonic() + pause.seconds
        if until > self._own.get(chat, (0.0, ""))[0]:
            self._own[chat] = (until, pause.reason)

    async def share(self, pause: Pause, chat: ChatKey | None = None) -> None:
        """Keep a pause for all processes."""
        self.note(pause, chat)
        await self._shared(chat, pause)

    def own(self, chat: ChatKey | None = None) -> Pause | None:
        """What this process knows of a chat and of the account: the longer pause."""
        now = time.monotonic()
        self._own = {of: (until, reason) for of, (until, reason) in self._own.items() if until > now}
        known = [self._own[of] for of in (None, chat) if of in self._own]
        until, reason = max(known, default=(now, ""))
        return Pause(until - now, reason) if known else None

    async def pause(self, chat: ChatKey) -> Pause | None:
        """What any process knows of a chat and of the account: the longest pause."""
        for of in (None, chat):
            if (told := await self._shared(of)) is not None:
                self.note(told, of)
        return self.own(chat)

    async def _shared(self, chat: ChatKey | None, pause: Pause | None = None) -> Pause | None:
        if self._store is None:
            return None
        # A chat's id may be a phone number: what would stand in the key's name is hashed.
        name = hashlib.sha256(str(chat or self._messenger).encode()).hexdigest()[:24]
        prefix = f"understudy:{{pace:{name}}}:"
        told = (int(pause.seconds * 1000), pause.reason) if pause else (0, "")
        try:
            left, reason = await self._store.run_at("pace", prefix, *told)
        except StoreError:
            _log.warning("pacing.store_away")
            return None
        return Pause(int(left) / 1000, str(reason)) if int(left) else None
