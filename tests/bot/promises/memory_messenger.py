"""A messenger that lives in the test's memory: it is there also while Redis is away, and remembers who said what."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count

from bot.errors import StoreAway
from bot.messengers.base import Bubble, Ears, Pause
from chat.message import Author, ChatKey, Message

MEMORY = "memory"


class MemoryMessenger:
    """Implements `bot.messengers.base.Connector`; `hear` is somebody writing, `said` is what was sent."""

    messenger = MEMORY
    held = ()

    def __init__(self, *, idempotent: bool = True) -> None:
        self.idempotent = idempotent
        self.serves: Callable[[ChatKey], bool] | None = None
        self.said: list[Bubble] = []
        """What stands in the chats, in order."""
        self.signs: list[tuple[ChatKey, str]] = []
        """The messages under which it was shown that their kill was heard."""
        self.calls = 0
        """How often a bubble was handed over, repeated ones included."""
        self.before_send: Callable[[Bubble], Awaitable[None]] | None = None
        self.paused: Pause | None = None
        self.away: dict[str, str] = {}
        """`{MEMORY: why}` while the account cannot work."""
        self.lacks: dict[ChatKey, str] = {}
        self._numbers = count(1)
        self._heard: asyncio.Queue[Message] = asyncio.Queue()
        self._keys: dict[str, Message] = {}

    def hear(self, chat: ChatKey, text: str) -> Message:
        message = Message(chat, f"m{next(self._numbers)}", Author("mia", "Mia"), text, datetime.now(UTC))
        self._heard.put_nowait(message)
        return message

    async def listen(self, ears: Ears) -> None:
        while True:
            message = await self._heard.get()
            while True:
                try:
                    await ears.receive(message)
                except StoreAway:
                    await asyncio.sleep(0.05)
                else:
                    break

    def sign(self, chat: ChatKey, message_id: str) -> None:
        self.signs.append((chat, message_id))

    async def typing(self, chat: ChatKey, seconds: float) -> None:
        return None

    def troubles(self, chats: Sequence[ChatKey]) -> Mapping[str, str]:
        return {str(key): line for key, line in self.lacks.items() if key in chats} | self.away

    async def pause(self, chat: ChatKey) -> Pause | None:
        return self.paused

    async def send(self, bubble: Bubble) -> Message:
        self.calls += 1
        if self.before_send is not None:
            await self.before_send(bubble)
        if not self.idempotent or bubble.id not in self._keys:
            self.said.append(bubble)
            author = Author("persona:sam", "Sam")
            id_ = f"m{next(self._numbers)}"
            self._keys[bubble.id] = Message(
                bubble.chat, id_, author, bubble.text, datetime.now(UTC), own=True
            )
        return self._keys[bubble.id]

    def texts(self, chat: ChatKey) -> list[str]:
        return [bubble.text for bubble in self.said if bubble.chat == chat]
