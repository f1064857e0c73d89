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
_MOST: Final = 5_000
"""Things heard that wait at most, in all chats together."""
_MOST_CHARACTERS: Final = 4_000_000
"""Characters of all that waits."""
_FRAME: Final = 200
"""What a thing takes beside its text, roughly."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """Messages that were deleted in a chat; None: the chat itself."""

    chat: ChatKey
    ids: tuple[str, ...] | None

    def __str__(self) -> str:
        """Which, as a message says it."""
        return f"{self.chat}/{','.join(self.ids or ())}"


Heard = Message | Deleted | Place | Gap


class Lane(deque[Heard]):
    """What waits in one chat, in order."""

    is_cut: bool = False
    """Whether it ends with a gap that stands for all that was said since."""


class Lanes:
    """Gives what was heard to the ears. A store that is away holds up nothing but what it would have to keep.

    What waits is bounded. Beyond that a message leaves nothing but a gap behind: whether it kills has been heard, and
    its text is fetched from the chat's history once the store is back.
    """

    def __init__(self, ears: Ears) -> None:
        self._ears = ears
        self._lanes: dict[ChatKey, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._characters = 0
        self.waiting = 0
        """How many things wait."""

    def put(self, heard: Heard, gap: Gap | None = None) -> None:
        """Take what was heard, or a gap; whether a message kills is heard at once, also behind others that wait.

        `gap` stands for a message where there is no room for it.
        """
        if isinstance(heard, Message) and gap is not None and self._is_full:
            self.hear(heard)
            self._cut(heard.chat, gap)
            return
        lane = self._lanes.get(heard.chat)
        if lane is None:
            self._open(heard)
            return
        if isinstance(heard, Deleted) and heard.ids is not None and len(lane) > 1:
            last = lane[-1]
            if isinstance(last, Deleted) and last.ids is not None:
                self._count(lane.pop(), -1)
                heard = Deleted(heard.chat, last.ids + heard.ids)
        if isinstance(heard, Message):
            lane.is_cut = False
            self.hear(heard)
        lane.append(heard)
        self._count(heard, 1)

    @property
    def _is_full(self) -> bool:
        return self._characters >= _MOST_CHARACTERS or self.waiting >= _MOST

    def _cut(self, chat: ChatKey, gap: Gap) -> None:
        """Have a lane end with a gap, if it does not: that one reaches to whatever comes behind it."""
        lane = self._lanes.get(chat)
        if lane is None:
            lane = self._open(gap)
        elif not lane.is_cut:
            lane.append(gap)
            self._count(gap, 1)
        if not lane.is_cut:
            lane.is_cut = True
            _log.warning("discord.too_much_waits", chat=str(chat), waiting=self.waiting)

    def _count(self, heard: Heard, times: int) -> None:
        self.waiting += times
        self._characters += times * _size(heard)

    def _open(self, heard: Heard) -> Lane:
        lane = self._lanes[heard.chat] = Lane((heard,))
        self._count(heard, 1)
        self._begin(self._run(lane, heard.chat))
        return lane

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

    async def _tell(self, lane: Lane) -> None:
        match lane[0]:
            case Gap() as gap:
                await gap.fill(lambda: _first_id(lane))
            case Message() as message:
                await self._ears.receive(message)
            case Deleted(chat, ids):
                await self._ears.deleted(chat, ids)
            case Place() as place:
                await self._ears.place(place)

    def _done(self, lane: Lane) -> None:
        self._count(lane.popleft(), -1)
        if lane.is_cut and not any(isinstance(one, Gap) for one in lane):
            lane.is_cut = False

    async def _run(self, lane: Lane, chat: ChatKey) -> None:
        while lane:
            try:
                await self._tell(lane)
            except StoreAway:
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001 - the next ones must not wait for ever behind it
                what = str(lane[0]) if not isinstance(lane[0], Place) else str(chat)
                _log.error("discord.message_not_kept", message=what, error=type(error).__name__)
                self._done(lane)
            else:
                self._done(lane)
        del self._lanes[chat]


def _size(heard: Heard) -> int:
    match heard:
        case Message():
            return _FRAME + len(heard.text)
        case Deleted(_, ids):
            return _FRAME + sum(map(len, ids or ()))
        case _:
            return _FRAME


def _first_id(lane: Iterable[Heard]) -> int | None:
    """The id of the first message of a lane that was heard as it was written."""
    return next((int(one.id) for one in lane if isinstance(one, Message) and not one.edited), None)
