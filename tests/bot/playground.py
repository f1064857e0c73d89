"""A room with friends in it, for tests of the whole way of a message."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bot.app import Office, Service, open_service
from bot.chats import MessageOutcome
from bot.people import Person, Role
from chat.message import Author, Chat, ChatKey, Message
from inference.engines.engine import Engine
from safety.disclosure import Disclosure
from safety.mode import ChatPolicy, Mode

OWNER = Person("olivia", Role.OWNER)
MODERATOR = Person("max", Role.MODERATOR)
VIEWER = Person("vera", Role.VIEWER)
MIA = Author("mia", "Mia")
LEO = Author("leo", "Leo")
ROOM = ChatKey("local", "weekend-plans")
PENDING = {"waiting", "approved", "rewriting"}


async def until(true: Callable[[], Awaitable[object]], seconds: float = 20.0) -> None:
    """Wait until something holds; fails with TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.02)


async def let_in(office: Office, key: ChatKey, ago: float) -> None:
    """Have the stand-in be in a chat since so many seconds ago."""
    name = f"{office.store.partitions.prefix(office.store.partitions.of(key))}consent:{key}"
    at = office.clock.now_ms() - int(ago * 1000)
    entry = {"agreed": True, "how": "owner", "by": "olivia", "at": at}
    await office.store.ask("hset", name, "chat", json.dumps(entry))


class Playground:
    """One room, and what can be seen and done in it."""

    def __init__(self, office: Office, key: ChatKey = ROOM) -> None:
        self.office = office
        self.key = key

    async def open(self, mode: Mode = Mode.AUTO, probability: float = 1.0) -> None:
        chat = Chat(self.key, "Weekend Plans")
        await self.office.rooms.open(chat)
        # What is announced is another test's: here, what stands in the room is what was answered.
        told = frozenset({Disclosure.REVEALED})
        policy = ChatPolicy(mode=mode, probability=probability, disclosure=told)
        await self.office.desk.chats.enable(chat, "olivia", policy)

    async def say(self, text: str, author: Author = MIA) -> Message:
        return await self.office.rooms.post(self.key, author, text)

    async def outcome(self, message: Message) -> MessageOutcome | None:
        return (await self.office.desk.chats.outcomes(self.key)).get(message.id)

    async def settled(self, message: Message, seconds: float = 20.0) -> MessageOutcome:
        """Wait until a message has an outcome that no machine will change."""

        async def final() -> bool:
            found = await self.outcome(message)
            return found is not None and found.outcome not in PENDING

        await until(final, seconds)
        found = await self.outcome(message)
        assert found is not None
        return found

    async def answers(self) -> list[str]:
        """What stands in the room in the persona's name."""
        return [message.text for message in await self.office.rooms.said(self.key) if message.own]

    async def kinds(self) -> list[str]:
        """The journal's kinds, oldest first."""
        entries = await self.office.desk.journal.newest(500)
        return [entry.kind for entry in reversed(entries)]


@asynccontextmanager
async def running(office: Office, engine: Engine | None = None) -> AsyncIterator[Service]:
    """Run a service in the background, with the engine that the settings or the persona name if none is given."""
    async with open_service(office, engine=engine) as service:
        task = asyncio.create_task(service.run())
        try:
            yield service
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if not task.cancelled() and task.exception() is not None:
                raise task.exception()  # type: ignore[misc]
