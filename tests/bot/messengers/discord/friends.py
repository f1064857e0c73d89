"""Friends: what is said in a place while nobody listens, and what the service makes of it once it does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bot.app import Office, open_service
from bot.chats import MessageOutcome
from bot.messengers.discord.connector import DiscordConnector
from chat.message import Chat
from safety.disclosure import Disclosure
from safety.mode import ChatPolicy, Mode
from tests.bot.messengers.discord.server import Place, key_of
from tests.bot.playground import PENDING, let_in, until
from tests.fakes.discord.world import Channel, Posted, User, snowflake
from tests.fakes.model_server import ModelServer, ServedEngine

HISTORY = r"/channels/\d+/messages"
HOUR = 3600.0


class Friends:
    """What is said in the place's channels while nobody listens, and what the service makes of it."""

    def __init__(self, office: Office, model: ModelServer, place: Place) -> None:
        self.office = office
        self.model = model
        self.place = place

    async def enable(
        self, channel: Channel | None = None, ago: float = 24 * HOUR, mode: Mode = Mode.MANUAL
    ) -> None:
        key = key_of(channel or self.place.channel)
        policy = ChatPolicy(mode=mode, probability=1.0, disclosure=frozenset({Disclosure.REVEALED}))
        await self.office.desk.chats.enable(Chat(key, "general"), "olivia", policy)
        await let_in(self.office, key, ago)

    def say(
        self, text: str, ago: float = 0.0, author: User | None = None, channel: Channel | None = None
    ) -> Posted:
        place = self.place
        at = snowflake(time.time() - ago)
        return place.fake.say(channel or place.channel, author or place.mia, text, id=at)

    @asynccontextmanager
    async def service(self, office: Office | None = None, **fields: Any) -> AsyncIterator[DiscordConnector]:  # noqa: ANN401
        connector = self.place.connector(**fields)
        async with open_service(office or self.office, [connector], ServedEngine(self.model.url)) as service:
            task = asyncio.create_task(service.run())
            try:
                yield connector
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def texts(self, channel: Channel | None = None) -> list[str]:
        key = key_of(channel or self.place.channel)
        return [message.text for message in await self.office.desk.chats.transcript(key)]

    async def stands(self, *texts: str, channel: Channel | None = None) -> None:
        """Wait until just that is the transcript."""

        async def same() -> bool:
            return await self.texts(channel) == [*texts]

        try:
            await until(same)
        except TimeoutError:
            assert await self.texts(channel) == [*texts]

    async def outcome(self, posted: Posted) -> MessageOutcome:
        key = key_of(posted.channel)

        async def settled() -> bool:
            found = (await self.office.desk.chats.outcomes(key)).get(str(posted.id))
            return found is not None and found.outcome not in PENDING

        await until(settled)
        return (await self.office.desk.chats.outcomes(key))[str(posted.id)]

    async def killed(self) -> bool:
        return bool(await self.office.kill_switch.kills())

    @property
    def asked(self) -> int:
        """How often Discord was asked for history."""
        return self.place.fake.times_asked("GET", HISTORY)
