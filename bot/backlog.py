"""What a connector needs for reading up on a chat after a while in which nobody listened."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.clock import Clock, as_datetime
from bot.store.store import Store
from chat.message import ChatKey, Message, message_from_json

_CLOCKS: Final = timedelta(minutes=2)
"""How far a messenger's clock may be ahead of ours before nobody can say how old a message is."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a chat has been read."""

    let_in: datetime
    """When an owner let the stand-in into the chat. What was said before is context, and nothing else comes of it."""
    watermark: str
    """The id of the newest message that stands in the store or was decided on there; empty before the first."""
    transcript: tuple[Message, ...]


class Backlog:
    """Reads how far each chat is, and says what may come of a message that is late. All methods raise StoreAway."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def chats(self, messenger: str) -> tuple[ChatKey, ...]:
        """Give the chats of a messenger that the stand-in was let into, by name."""
        partitions = self._store.partitions
        found: set[str] = set()
        for partition in partitions.all():
            found |= await self._store.ask("smembers", partitions.prefix(partition) + "chats")
        return tuple(key for key in map(ChatKey.parse, sorted(found)) if key.messenger == messenger)

    async def standing(self, chat: ChatKey) -> Standing | None:
        """Give how far a chat has been read; None where the stand-in is not in it."""
        let_in = await self.let_in(chat)
        if let_in is None:
            return None
        # The watermark first: what is written between the two looks is then asked for once more, and known.
        watermark = await self._store.ask("hget", self._name("chat", chat), "watermark")
        lines = await self._store.ask("lrange", self._name("transcript", chat), 0, -1)
        return Standing(let_in, watermark or "", tuple(_readable(lines)))

    async def let_in(self, chat: ChatKey) -> datetime | None:
        """Give when an owner let the stand-in into a chat; None where it is not in it."""
        text = await self._store.ask("hget", self._name("consent", chat), "chat")
        entry = json.loads(text) if text else None
        # A part of a chat, such as a thread, was let in with the whole, whenever something was first heard of it.
        return as_datetime(int(entry.get("since", entry["at"]))) if entry and entry["agreed"] else None

    async def knows(self, message: Message) -> bool:
        """Whether a message was taken in before."""
        found = await self._store.ask("zscore", self._name("seen", message.chat), message.id)
        return found is not None

    def why_not(self, message: Message, let_in: datetime, within: timedelta) -> str:
        """Why a message that is late is not answered; empty where it is, as any other."""
        if message.sent_at < let_in:
            return "it was said before the stand-in was in the chat"
        age = as_datetime(self._clock.now_ms()) - message.sent_at
        if age < -_CLOCKS:
            return "it was missed, and the clocks disagree on when it was said"
        if age > within:
            return f"it was missed, and is older than {within / timedelta(minutes=1):g} minutes"
        return ""

    def _name(self, kind: str, chat: ChatKey) -> str:
        return f"{self._store.partitions.prefix(self._store.partitions.of(chat))}{kind}:{chat}"


def _readable(lines: Iterable[str]) -> Iterator[Message]:
    for line in lines:
        # A damaged line must not keep the others from being read.
        with suppress(ValueError):
            yield message_from_json(line)
