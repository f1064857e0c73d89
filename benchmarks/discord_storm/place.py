"""The place: a Discord with servers on two shards, a Redis, a model server, and service processes with their shards."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.discord_storm.service import Orders
from benchmarks.storm.people import FRIENDS
from benchmarks.storm.process import Child
from benchmarks.storm.redis import RedisServer
from benchmarks.storm.town import OFFICE_SETTINGS
from benchmarks.storm.wire import Object
from bot.app import Office, open_office
from bot.settings import Settings
from chat.message import Chat, ChatKey
from safety.disclosure import Disclosure
from safety.mode import ChatPolicy, Mode
from tests.fakes.discord.server import Bot, FakeDiscord, fake_discord
from tests.fakes.discord.world import Channel, Posted, User
from tests.fakes.persona import write_persona

SHARDS: Final = 2
HELD: Final = (
    ((0,), (1,)),
    # The last one holds what the others hold as well, which nobody should set: also then nothing is answered twice.
    ((0,), (1,), (0, 1)),
)
_MANUAL_EVERY: Final = 5
_KEYED_SECONDS: Final = 60.0
_THREADS: Final = 2
"""In one channel of each shard: one that follows it, and one that was enabled by itself."""
_LONG: Final = {"characters": 50_000, "bubble_characters": 50_000}
"""So that some bubbles leave in parts."""


@dataclass(eq=False)
class Place:
    """Everything that runs."""

    folder: Path
    fake: FakeDiscord
    bot: Bot
    redis: RedisServer
    office: Office
    services: list[Child]
    people: dict[str, User]
    channels: dict[ChatKey, Channel]

    @property
    def chats(self) -> list[ChatKey]:
        """Where friends write."""
        return list(self.channels)

    @property
    def model_record(self) -> Path:
        """What was generated, by the model server's own record."""
        return self.folder / "model.jsonl"

    @property
    def part_of(self) -> dict[str, ChatKey]:
        """Of each thread, the channel that it lies in."""
        return {
            str(chat): ChatKey("discord", str(channel.parent.id))
            for chat, channel in self.channels.items()
            if channel.parent is not None and channel.is_thread
        }

    def post(self, chat: ChatKey, author: str, text: str) -> Posted:
        """Let a friend write in a channel; in a direct conversation it is always the same one."""
        channel = self.channels[chat]
        return self.fake.say(channel, self.people[author if channel.guild else FRIENDS[0]], text)

    async def say(self, chat: ChatKey, author: str, text: str) -> Object:
        """Let a friend write in a channel."""
        return {"id": str(self.post(chat, author, text).id)}


@asynccontextmanager
async def place(
    folder: Path, channels: int, held: Sequence[Sequence[int]], *, by_history: bool
) -> AsyncIterator[Place]:
    """Open it, with so many channels, threads and conversations, and a process for each set of shards in `held`.

    `by_history` is a Discord that has forgotten each nonce when it is asked: only the channel's history says what has
    left. On leaving, all processes are ended.
    """
    async with AsyncExitStack() as stack:
        redis = RedisServer(folder / "redis")
        stack.push_async_callback(redis.kill)
        await redis.start()
        fake = await stack.enter_async_context(fake_discord())
        if by_history:
            fake.nonce_seconds = 0.0
        bot, people = fake.bot("stand-in"), {name: fake.person(name) for name in FRIENDS}
        found = _channels(fake, bot, people, channels)
        fake.write_authority(folder / "authority.pem")
        model = Child("benchmarks.storm.model", [str(folder / "model.jsonl"), "0.005"], folder / "model.log")
        stack.push_async_callback(model.kill)
        model_port = int(await model.start())
        settings = {
            "state_dir": str(folder),
            "persona": str(write_persona(folder / "persona")),
            "redis_url": f"unix://{redis.socket}",
            **OFFICE_SETTINGS,
            "rules": {**OFFICE_SETTINGS["rules"], "length": _LONG},
        }
        office = await stack.enter_async_context(open_office(Settings(**settings)))
        for number, (chat, channel) in enumerate(found.items()):
            if channel.is_thread and number % 2 == 0:
                continue  # it follows its channel, as soon as somebody writes there
            mode = Mode.MANUAL if number % _MANUAL_EVERY == _MANUAL_EVERY - 1 else Mode.AUTO
            # The books count answers: what is announced has tests of its own.
            policy = ChatPolicy(mode, 1.0, disclosure=frozenset({Disclosure.REVEALED}))
            await office.desk.chats.enable(Chat(chat, channel.name or "direct"), "olivia", policy)
        services = []
        for number, mine in enumerate(held):
            said = {"token": bot.token, "shards": SHARDS, "shard_ids": mine}
            url, authority = f"http://127.0.0.1:{model_port}", str(folder / "authority.pem")
            orders = Orders(
                {**settings, "discord": said},
                url,
                fake.port,
                authority,
                0.0 if by_history else _KEYED_SECONDS,
            )
            (folder / f"service-{number}.json").write_text(json.dumps(asdict(orders)))
            service = Child(
                "benchmarks.discord_storm.service",
                [str(folder / f"service-{number}.json")],
                folder / f"service-{number}.log",
            )
            stack.push_async_callback(service.kill)
            services.append(service)
        yield Place(folder, fake, bot, redis, office, services, people, found)


def _channels(fake: FakeDiscord, bot: Bot, people: dict[str, User], count: int) -> dict[ChatKey, Channel]:
    owner, *others = people.values()
    guilds = [fake.guild(f"s{n}", owner, *others, bot.user, shard=(n, SHARDS)) for n in range(SHARDS)]
    rest = SHARDS * _THREADS + 1
    texts = [fake.text(guilds[n % SHARDS], f"c{n}") for n in range(max(SHARDS, count - rest))]
    threads = [
        fake.thread(parent, f"t{n}-{parent.name}") for parent in texts[:SHARDS] for n in range(_THREADS)
    ]
    found = [*texts, *threads, fake.direct(bot.user, owner)]
    return {ChatKey("discord", str(channel.id)): channel for channel in found}
