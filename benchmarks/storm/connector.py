"""The connector to the fake messenger, over its socket."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.storm.messenger import KEYED
from benchmarks.storm.record import Record
from benchmarks.storm.wire import HungUp, Object, put, take
from bot.clock import as_datetime
from bot.errors import StoreAway
from bot.messengers.base import Bubble, Ears, Pause, SendRefused, SendUncertain
from chat.message import Author, ChatKey, Message

_AGAIN_SECONDS: Final = 0.1


class StormConnector:
    """Implements `bot.messengers.base.Connector`; notes in a record of its own when each message was taken in."""

    serves: Final = None
    held: Final = ()

    def __init__(self, messenger: str, port: int, record: Record) -> None:
        self._messenger = messenger
        self._port = port
        self._record = record

    @property
    def messenger(self) -> str:
        """The messenger's name."""
        return self._messenger

    @property
    def idempotent(self) -> bool:
        """Whether it knows a bubble's id again."""
        return self._messenger == KEYED

    def troubles(self, chats: Sequence[ChatKey]) -> Mapping[str, str]:
        """None that anybody would mend: the weather passes."""
        return {}

    async def listen(self, ears: Ears) -> None:
        """Hear until cancelled; what was not taken in is not acknowledged, and so comes again."""
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            try:
                async with asyncio.TaskGroup() as group:
                    put(writer, {"do": "listen", "messenger": self._messenger})
                    while not reader.at_eof():
                        message = self._message(await take(reader))
                        # Beside each other: a kill that waits for Redis must not keep other messages waiting.
                        group.create_task(self._hear(ears, message, writer))
            except* HungUp:
                await asyncio.sleep(_AGAIN_SECONDS)
            finally:
                writer.transport.abort()

    async def _hear(self, ears: Ears, message: Message, writer: asyncio.StreamWriter) -> None:
        self._record.write("heard", id=message.id)
        try:
            received = await ears.receive(message)
        except StoreAway:
            return
        self._record.write("received", id=message.id, chat=str(message.chat), received=received.value)
        put(writer, {"ack": message.id, "chat": message.chat.chat_id})

    def sign(self, chat: ChatKey, message_id: str) -> None:
        """The messengers of the town show no signs."""

    async def typing(self, chat: ChatKey, seconds: float) -> None:
        """Show nothing: nobody looks."""

    async def pause(self, chat: ChatKey) -> Pause | None:
        """Ask for none."""
        return None

    async def send(self, bubble: Bubble) -> Message:
        """Hand a bubble over."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError as error:
            raise SendRefused("the messenger cannot be reached") from error
        try:
            put(
                writer,
                {
                    "do": "send",
                    "messenger": self._messenger,
                    "chat": bubble.chat.chat_id,
                    "id": bubble.id,
                    "text": bubble.text,
                },
            )
            answer = await take(reader)
        except (HungUp, OSError) as error:
            raise SendUncertain("the messenger hung up") from error
        finally:
            writer.transport.abort()
        if "refused" in answer:
            raise SendRefused(answer["refused"])
        return self._message(answer["message"])

    def _message(self, what: Object) -> Message:
        return Message(
            chat=ChatKey(self._messenger, what["chat"]),
            id=what["id"],
            author=Author(what["author"], what["author"].capitalize()),
            text=what["text"],
            sent_at=as_datetime(what["at"]),
            own=what["own"],
        )
