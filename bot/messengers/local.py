"""The local messenger: rooms on the same Redis, for the demo, the tests and the sandbox.

A room is a stream. People post to it, the stand-in's connector reads it from where it stopped, and a post with an
idempotency key is made once. It outlives every process, as a messenger's server would.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.clock import Clock, as_datetime
from bot.errors import StoreAway, StoreError
from bot.messengers.base import Bubble, Ears, Pause, SendUncertain
from bot.store.store import WAKE_CHANNEL, Store
from chat.message import Author, Chat, ChatKey, Message

MESSENGER: Final = "local"
_ROOMS: Final = "understudy:local:rooms"
_TYPING_CHANNEL: Final = "understudy:local:typing"
_ROOM_LENGTH: Final = 10_000
_RETRY_SECONDS: Final = 0.3
_DELETED: Final = "deleted"


class LocalRooms:
    """The messenger's own side: rooms, who posts in them, and who is typing."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def open(self, chat: Chat) -> None:
        """Make a room; one that exists stays as it is."""
        await self._store.ask("hset", _ROOMS, chat.key.chat_id, chat.title)
        await self._store.ask("publish", WAKE_CHANNEL, "room")

    async def rooms(self) -> tuple[Chat, ...]:
        """Give all rooms."""
        found = await self._store.hash(_ROOMS)
        return tuple(Chat(ChatKey(MESSENGER, id_), title) for id_, title in sorted(found.items()))

    async def post(
        self,
        key: ChatKey,
        author: Author,
        text: str,
        *,
        own: bool = False,
        once: str = "",
        reply_to: str = "",
    ) -> Message:
        """Post to a room; with `once`, the first post under that key is given back instead of a second one."""
        now = self._clock.now_ms()
        id_ = await self._store.run_at(
            *("room_post", _prefix(key), once, author.id, author.name, int(own), text, reply_to, now),
            _ROOM_LENGTH,
        )
        return Message(key, str(id_), author, text, as_datetime(now), own, reply_to or None)

    async def delete(self, key: ChatKey, message_id: str) -> None:
        """Delete a message in a room. Those who listen are told of it behind what was posted before."""
        room = f"{_prefix(key)}room"
        await self._store.ask("xadd", room, {_DELETED: message_id}, maxlen=_ROOM_LENGTH)
        await self._store.ask("xdel", room, message_id)
        await self._store.ask("publish", WAKE_CHANNEL, "room")

    async def said(self, key: ChatKey, count: int = 200) -> tuple[Message, ...]:
        """Give the newest messages of a room, oldest first."""
        rows = await self._store.ask("xrevrange", f"{_prefix(key)}room", count=count)
        return tuple(_message(key, id_, fields) for id_, fields in reversed(rows) if _DELETED not in fields)

    async def show_typing(self, key: ChatKey, name: str, seconds: float) -> None:
        """Show that somebody types, for at most that long."""
        await self._store.ask("set", f"{_prefix(key)}typing", name, px=max(1, int(seconds * 1000)))

    async def who_types(self, key: ChatKey) -> str | None:
        """Give the name of who is typing."""
        name: str | None = await self._store.ask("get", f"{_prefix(key)}typing")
        return name

    async def hide_typing(self, key: ChatKey) -> None:
        """Whoever was typing has stopped."""
        await self._store.ask("delete", f"{_prefix(key)}typing")

    async def owner_types(self, key: ChatKey) -> None:
        """The owner types in a room, as a person."""
        await self._store.ask("publish", _TYPING_CHANNEL, key.chat_id)

    async def clear(self, key: ChatKey) -> None:
        """Forget what was said in a room."""
        await self._store.ask("delete", f"{_prefix(key)}room", f"{_prefix(key)}cursor")


@dataclass(frozen=True, slots=True)
class Account:
    """The account in whose name the stand-in writes."""

    author: Author


class LocalConnector:
    """The stand-in's account on the local messenger.

    `idempotent=False` makes it a messenger without idempotency keys, as WhatsApp is.
    """

    messenger: Final = MESSENGER
    serves: Final = None
    held: Final = ()

    def __init__(self, rooms: LocalRooms, store: Store, account: Account, *, idempotent: bool = True) -> None:
        self._rooms = rooms
        self._store = store
        self._account = account
        self._idempotent = idempotent

    @property
    def idempotent(self) -> bool:
        """Whether sending a bubble twice under one id gives one message."""
        return self._idempotent

    def troubles(self, chats: Sequence[ChatKey]) -> Mapping[str, str]:
        """None: it is the store, and whoever asks has that."""
        return {}

    async def listen(self, ears: Ears) -> None:
        """Read all rooms from where each was left; a message counts as read once it was received."""
        async with self._store.listening(WAKE_CHANNEL, _TYPING_CHANNEL) as messages:
            async for channel, text in messages:
                if channel == _TYPING_CHANNEL:
                    # The next key stroke says it again.
                    with contextlib.suppress(StoreError):
                        await ears.owner_types(ChatKey(MESSENGER, text))
                    continue
                # An empty channel: just (re)connected, so something may have been posted unheard.
                if not channel or text == "room":
                    await self._read_all(ears)

    def sign(self, chat: ChatKey, message_id: str) -> None:
        """A room shows no signs."""

    async def typing(self, chat: ChatKey, seconds: float) -> None:
        """Show that the account types. Never fails: it is only a courtesy."""
        try:
            await self._rooms.show_typing(chat, self._account.author.name, seconds)
        except StoreError:
            return

    async def pause(self, chat: ChatKey) -> Pause | None:
        """None: it takes bubbles at any time."""
        return None

    async def send(self, bubble: Bubble) -> Message:
        """Post a bubble to its room."""
        once = bubble.id if self._idempotent else ""
        try:
            message = await self._rooms.post(
                *(bubble.chat, self._account.author, bubble.text),
                own=True,
                once=once,
                reply_to=bubble.reply_to or "",
            )
        except StoreError as error:
            # The post may have been made and only its answer lost.
            raise SendUncertain("the local messenger went away while sending") from error
        # Only now: nothing may stand between the fence's yes and the post.
        with contextlib.suppress(StoreError):
            await self._rooms.hide_typing(bubble.chat)
        return message

    async def _read_all(self, ears: Ears) -> None:
        while True:
            try:
                for chat in await self._rooms.rooms():
                    while await self._read(chat.key, ears):
                        pass
            except StoreAway:
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    async def _read(self, key: ChatKey, ears: Ears) -> bool:
        cursor = f"{_prefix(key)}cursor"
        last = await self._store.ask("get", cursor) or "-"
        rows = await self._store.ask(
            "xrange", f"{_prefix(key)}room", min="-" if last == "-" else f"({last}", count=100
        )
        for id_, fields in rows:
            if _DELETED in fields:
                await ears.deleted(key, (fields[_DELETED],))
            else:
                await ears.receive(_message(key, id_, fields))
            # Only now: a crash before this line gives the message again, and the inbox knows it.
            await self._store.ask("set", cursor, id_)
        return bool(rows)


def _prefix(key: ChatKey) -> str:
    return f"understudy:{{local:{key.chat_id}}}:"


def _message(key: ChatKey, id_: str, fields: Mapping[str, Any]) -> Message:
    return Message(
        chat=key,
        id=id_,
        author=Author(fields["author"], fields["name"]),
        text=fields["text"],
        sent_at=as_datetime(int(fields["at"])),
        own=fields["own"] == "1",
        reply_to=fields["reply_to"] or None,
    )
