"""A place on the fake Discord, and the connector that is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from bot import places
from bot.backlog import Standing
from bot.cards import Cards
from bot.desk import Desk
from bot.errors import StoreAway
from bot.inbox import Received
from bot.messengers.base import Bubble
from bot.messengers.discord.connector import DiscordConnector
from bot.messengers.discord.settings import DiscordSettings
from bot.pacing import Pacing
from bot.settings import Settings
from chat.message import Author, ChatKey, Message
from safety.kill import KillReach, KillReport
from tests.bot.promises.processes import ServiceProcess
from tests.fakes.discord.client import soon
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.world import Channel, Member, Role, User


class Place:
    """A server with a channel; Mia writes there, and Olivia, who owns the persona."""

    def __init__(self, fake: FakeDiscord) -> None:
        self.fake = fake
        self.mia = fake.person("mia", "Mia")
        self.olivia = fake.person("olivia", "Olivia")
        self.bot = fake.bot("stand-in")
        self.guild = fake.guild("Friends", self.olivia, self.mia, self.bot.user)
        self.channel = fake.text(self.guild, "general")

    @property
    def key(self) -> ChatKey:
        return key_of(self.channel)

    def settings(self, **fields: Any) -> DiscordSettings:  # noqa: ANN401
        return DiscordSettings(token=SecretStr(self.bot.token), owner=(str(self.olivia.id),), **fields)

    def connector(
        self,
        desk: Desk | None = None,
        pacing: Pacing | None = None,
        cards: Cards | None = None,
        **fields: Any,  # noqa: ANN401
    ) -> DiscordConnector:
        settings, wires = self.settings(**fields), self.fake.connector
        return DiscordConnector(settings, "Sam", desk, wires, pacing, cards)

    def bubble(self, text: str, id_: str = "d1.1.1", **fields: Any) -> Bubble:  # noqa: ANN401
        return Bubble(id_, self.key, text, **fields)

    def role(self, name: str, *people: User) -> str:
        """A role of the server's, given to people, who are in it then; its id as a setting has it."""
        role = Role(name, Permission(0))
        self.guild.roles[role.id] = role
        for person in people:
            self.guild.members.setdefault(person.id, Member(person)).roles.append(role.id)
        return str(role.id)

    def said(self, channel: Channel | None = None) -> list[str]:
        """What the bot has posted."""
        return [posted.content for posted in self.fake.posted(channel or self.channel, self.bot.user)]


class Heard:
    """Ears that keep what they are told; `away` is a store that cannot be reached."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.early: list[Message] = []
        self.typing: list[ChatKey] = []
        self.places: list[places.Place] = []
        self.deletions: list[tuple[ChatKey, tuple[str, ...] | None]] = []
        self.away = False

    async def receive(self, message: Message) -> Received:
        if self.away:
            raise StoreAway("away")
        self.messages.append(message)
        return Received.ACCEPTED

    async def hear(self, message: Message) -> None:
        self.early.append(message)

    async def chats(self, messenger: str) -> tuple[ChatKey, ...]:
        return ()

    async def standing(self, chat: ChatKey) -> Standing | None:
        if self.away:
            raise StoreAway("away")
        return None

    async def catch_up(
        self, message: Message, within: timedelta, changed_at: datetime | None = None
    ) -> Received:
        raise NotImplementedError

    async def hear_late(self, message: Message, changed_at: datetime | None = None) -> None:
        raise NotImplementedError

    async def place(self, place: places.Place) -> None:
        self.places.append(place)

    async def deleted(self, chat: ChatKey, ids: Sequence[str] | None) -> None:
        if self.away:
            raise StoreAway("away")
        self.deletions.append((chat, None if ids is None else tuple(ids)))

    async def kill(
        self,
        chat: ChatKey,
        author: Author,
        reach: KillReach | None = None,
        once: str = "",
        *,
        own: bool = False,
    ) -> KillReport:
        raise NotImplementedError

    async def owner_types(self, chat: ChatKey) -> None:
        self.typing.append(chat)

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.messages]


def key_of(channel: Channel) -> ChatKey:
    return ChatKey("discord", str(channel.id))


@asynccontextmanager
async def listening(connector: DiscordConnector, heard: Heard) -> AsyncIterator[Heard]:
    """Run a connector until the end of the block, which begins once it is on Discord and hears."""
    task = asyncio.create_task(connector.listen(heard))
    try:
        await soon(lambda: connector.hears)
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class DiscordProcess(ServiceProcess):
    """A service on the place's Discord, in a process of its own."""

    module = "tests.fakes.discord.service_process"

    def __init__(self, settings: Settings, model_url: str, place: Place, *, faults: str = "") -> None:
        super().__init__(settings, model_url, faults=faults)
        authority = settings.state_dir / "authority.pem"
        place.fake.write_authority(authority)
        self._arguments = [model_url, str(place.fake.port), str(authority)]
        self._environment |= {
            "UNDERSTUDY_DISCORD__TOKEN": place.bot.token,
            "UNDERSTUDY_DISCORD__OWNER": str(place.olivia.id),
        }

    def set(self, name: str, text: str) -> None:
        """Change a setting, before it is started."""
        self._environment[f"UNDERSTUDY_{name}"] = text
