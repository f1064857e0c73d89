"""The kill words of each chat, known in this process: they are asked about while Redis may be away."""

from __future__ import annotations

import asyncio
import json
from typing import Final

import structlog

from bot.errors import StoreError
from bot.store.store import CHATS_CHANNEL, Store
from chat.message import ChatKey
from safety.kill_word import KillWords

_log = structlog.get_logger()
_EVERY_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = 0.5


class ChatWords:
    """The words that hold everywhere, and those that a chat has beside them. What was known last counts."""

    def __init__(self, store: Store, everywhere: KillWords) -> None:
        self._store = store
        self._everywhere = everywhere
        self._own: dict[ChatKey, KillWords] = {}
        self._known = asyncio.Event()

    def found_in(self, chat: ChatKey, text: str) -> str | None:
        """The kill word that a text in a chat contains; asks nobody."""
        return self._own.get(chat, self._everywhere).found_in(text)

    async def refresh(self) -> None:
        """Read all chats' words. Raises StoreError; what was known then stays."""
        for partition in self._store.partitions.all():
            name = self._store.partitions.prefix(partition) + "chats"
            keys = [ChatKey.parse(key) for key in await self._store.ask("smembers", name)]
            await asyncio.gather(*map(self._read, keys))
        self._known.set()

    async def refresh_chat(self, chat: ChatKey) -> None:
        """Read one chat's words. Raises StoreError."""
        await self._read(chat)

    async def known(self) -> None:
        """Wait until they were read once; nothing may be heard before."""
        await self._known.wait()

    async def run(self) -> None:
        """Keep them up to date until cancelled: when a chat's settings change, and every few seconds."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            while True:
                try:
                    await self.refresh()
                except StoreError:
                    _log.warning("kill_words.store_away")
                await asyncio.sleep(_EVERY_SECONDS if self._known.is_set() else _AGAIN_SECONDS)

    async def _listen(self) -> None:
        async with self._store.listening(CHATS_CHANNEL) as messages:
            async for channel, chat in messages:
                try:
                    await (self._read(ChatKey.parse(chat)) if channel else self.refresh())
                except StoreError:
                    _log.warning("kill_words.store_away")

    async def _read(self, chat: ChatKey) -> None:
        name = f"{self._store.partitions.prefix(self._store.partitions.of(chat))}chat:{chat}"
        stored = await self._store.ask("hget", name, "kill_words")
        if not stored:
            return
        try:
            self._own[chat] = self._everywhere.beside(tuple(json.loads(stored)))
        except ValueError:
            # Written by another version or by hand; the desk refuses such words.
            _log.error("kill_words.unusable", chat=str(chat))
