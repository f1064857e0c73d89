"""A service on Discord, and people who type commands there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bot.app import Office, open_service
from bot.messengers.discord.connector import DiscordConnector
from chat.message import Chat, ChatKey
from safety.disclosure import Disclosure
from safety.mode import ChatPolicy, Mode
from tests.bot.messengers.discord.server import Place
from tests.fakes.discord.client import soon
from tests.fakes.discord.interactions import Interaction
from tests.fakes.discord.world import Channel, User
from tests.fakes.model_server import ModelServer, ServedEngine


class Steered:
    """A service on Discord, and people who type commands there."""

    def __init__(self, office: Office, place: Place, connector: DiscordConnector) -> None:
        self.office = office
        self.place = place
        self.connector = connector

    def type(self, user: User, verb: str, channel: Channel | None = None, **options: Any) -> Interaction:  # noqa: ANN401
        place = self.place
        return place.fake.command(place.bot, channel or place.channel, user, f"understudy {verb}", **options)

    async def told(self, user: User, verb: str, channel: Channel | None = None, **options: Any) -> str:  # noqa: ANN401
        return await answer_to(self.type(user, verb, channel, **options))

    async def enable(self, mode: Mode = Mode.MANUAL, key: ChatKey | None = None) -> None:
        policy = ChatPolicy(mode=mode, probability=1.0, disclosure=frozenset({Disclosure.REVEALED}))
        await self.office.desk.chats.enable(
            Chat(key or self.place.key, "general in Friends"), "olivia", policy
        )

    async def mode(self, key: ChatKey | None = None) -> Mode:
        return (await self.office.desk.chats.get(key or self.place.key)).policy.mode

    async def killed(self) -> list[str]:
        return [str(kill.scope) for kill in await self.office.kill_switch.kills()]


async def answer_to(used: Interaction, after: str = "") -> str:
    """What the person was told, and nobody else; with `after`, what took its place."""
    await soon(lambda: used.answer is not None and used.answer.content not in {"", after})
    assert used.answer is not None
    assert used.answer.only_for is used.user
    assert used.followups == []
    return used.answer.content


@asynccontextmanager
async def service_on(
    office: Office,
    model: ModelServer,
    place: Place,
    **settings: Any,  # noqa: ANN401
) -> AsyncIterator[Steered]:
    connector = place.connector(office.desk, **settings)
    async with open_service(office, [connector], ServedEngine(model.url)) as service:
        task = asyncio.create_task(service.run())
        try:
            await soon(lambda: connector.hears and place.bot.commands.get(None))
            yield Steered(office, place, connector)
        finally:
            assert not task.done(), task
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
