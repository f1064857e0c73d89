"""Lanes: what was heard, chat by chat in order, until the inbox has it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from bot.errors import StoreAway, StoreError
from bot.messengers.base import Ears
from bot.messengers.discord.history import Gap
from bot.places import Place
from chat.message import ChatKey, Message

_log = structlog.get_logger()
_RETRY_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True)
class Deleted:
    """Messages that were deleted in a chat; None: the chat itself."""

    chat: ChatKey
    ids: tuple[str, ...] | None

    def __str__(self) -> str:
        """Which, as a message says it."""
        return f"{self.chat}/{','.join(self.ids or ())}"


Heard = Message | Deleted | Place | Gap


class Lanes:
    """Gives what was heard to the ears. A store that is away holds up nothing but what it would have to keep."""

    def __init__(self, ears: Ears) -> None:
        self._ears = ears
        self._lanes: dict[ChatKey, deque[Heard]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, heard: Heard) -> None:
        """Take what was heard, or a gap; whether a message kills is heard at once, also behind others that wait."""
        lane = self._lanes.get(heard.chat)
        if lane is None:
            lane = self._lanes[heard.chat] = deque()
            lane.append(heard)
            self._begin(self._run(lane, heard.chat))
            return
        lane.append(heard)
        if isinstance(heard, Message):
            self.hear(heard)

    def hear(self, message: Message) -> None:
        """Only hear whether a message kills; nothing of it is kept."""
        self._begin(self._hear(message))

    async def close(self) -> None:
        """Let go of everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hear(self, message: Message) -> None:
        try:
            await self._ears.hear(message)
        except StoreError:
            # The latch is set, and `receive` will hear it again.
            _log.warning("discord.kill_not_on_record_yet", message=str(message))

    async def _tell(self, lane: deque[Heard]) -> None:
        match lane[0]:
            case Gap() as gap:
                await gap.fill(lambda: _first_id(lane))
            case Message() as message:
                await self._ears.receive(message)
            case Deleted(chat, ids):
                await self._ears.deleted(chat, ids)
            case Place() as place:
                await self._ears.place(place)

    async def _run(self, lane: deque[Heard], chat: ChatKey) -> None:
        while lane:
            try:
                await self._tell(lane)
            except StoreAway:
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001 - the next ones must not wait for ever behind it
                what = str(lane[0]) if not isinstance(lane[0], Place) else str(chat)
                _log.error("discord.message_not_kept", message=what, error=type(error).__name__)
                lane.popleft()
            else:
                lane.popleft()
        del self._lanes[chat]


def _first_id(lane: Iterable[Heard]) -> int | None:
    """The id of the first message of a lane that was heard as it was written."""
    return next((int(one.id) for one in lane if isinstance(one, Message) and not one.edited), None)
