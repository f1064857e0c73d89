"""Shards: which process hears a chat, and that only it sends there, while it hears."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from bot.backlog import Standing
from bot.inbox import Received
from bot.messengers.base import Bubble, SendRefused
from bot.messengers.discord.connector import DiscordConnector
from bot.messengers.discord.shards import shard_of
from chat.message import ChatKey, Message
from tests.bot.messengers.discord.server import Heard, Place, key_of, listening
from tests.fakes.discord.client import soon
from tests.fakes.discord.gateway import Session
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.world import Channel


class TwoServers(Place):
    """A server that shard 0 of 2 hears and one that shard 1 hears, each with a channel; a direct conversation."""

    def __init__(self, place: Place) -> None:
        self.__dict__ = place.__dict__
        servers = [
            self.fake.guild(f"Friends {number}", self.olivia, self.mia, self.bot.user, shard=(number, 2))
            for number in (0, 1)
        ]
        self.channels = [self.fake.text(server, "general") for server in servers]
        self.direct = self.fake.direct(self.bot.user, self.mia)

    def session(self, number: int) -> Session:
        return next(one for one in self.fake.sessions.values() if one.shard == (number, 2))

    async def send(self, connector: DiscordConnector, channel: Channel, id_: str) -> None:
        await connector.send(Bubble(id_, key_of(channel), id_))


@pytest.fixture
def two(place: Place) -> TwoServers:
    return TwoServers(place)


def test_a_server_is_heard_by_the_shard_that_discord_says() -> None:
    # By its documentation: shard_id = (guild_id >> 22) % num_shards.
    assert [shard_of((number << 22) + 7, 3) for number in range(5)] == [0, 1, 2, 0, 1]
    assert shard_of(None, 10) == 0


async def test_one_process_holds_all_shards_begins_them_one_by_one_and_answers_everywhere(
    two: TwoServers,
) -> None:
    two.fake.identify_seconds = 4.9
    connector = two.connector(shards=2)
    async with listening(connector, Heard()) as heard:
        everywhere = [*two.channels, two.direct]
        for channel in everywhere:
            two.fake.say(channel, two.mia, f"in {channel.id}")
        await soon(lambda: len(heard.messages) == 3)
        assert {*heard.texts} == {f"in {channel.id}" for channel in everywhere}
        for channel in everywhere:
            await soon(partial(connector.serves, key_of(channel)))
            await two.send(connector, channel, f"d{channel.id}.1.1")
            assert two.said(channel) == [f"d{channel.id}.1.1"]
    assert two.bot.hasty == 0
    assert sorted(one.shard for one in two.fake.sessions.values()) == [(0, 2), (1, 2)]


async def test_each_of_two_processes_hears_and_serves_the_chats_of_its_shards(two: TwoServers) -> None:
    archived = two.fake.thread(two.channels[1], "tents")
    two.fake.archive(archived)
    connectors = [two.connector(shards=2, shard_ids=(number,)) for number in (0, 1)]
    ears = [Heard(), Heard()]
    async with AsyncExitStack() as stack:
        for connector, heard in zip(connectors, ears, strict=True):
            await stack.enter_async_context(listening(connector, heard))
        # Nobody has told either of the archived thread or of the conversation: Discord is asked.
        mine = [[two.channels[0], two.direct], [two.channels[1], archived]]
        for number, connector in enumerate(connectors):
            for channel in mine[number]:
                await soon(partial(connector.serves, key_of(channel)))
            for channel in mine[1 - number]:
                with pytest.raises(SendRefused, match=r"another process|being asked"):
                    await two.send(connector, channel, "x.1.1")
                assert not connector.serves(key_of(channel))
        for number, channel in enumerate(two.channels):
            two.fake.say(channel, two.mia, f"to {number}")
        await soon(lambda: all(heard.messages for heard in ears))
        await two.send(connectors[1], archived, "d1.1.1")
    assert [heard.texts[0] for heard in ears] == ["to 0", "to 1"]
    assert two.said(archived) == ["d1.1.1"]


async def test_a_chat_is_served_only_while_its_own_shard_hears(two: TwoServers) -> None:
    connectors = [two.connector(shards=2, shard_ids=(number,)) for number in (0, 1)]
    both = two.connector(shards=2)
    async with listening(connectors[0], Heard()), listening(connectors[1], Heard()):
        await soon(lambda: connectors[1].serves(key_of(two.channels[1])))
        two.fake.refuses_gateway = True
        connection = two.session(1).connection
        assert connection is not None
        connection.cut()
        await soon(lambda: not connectors[1].serves(key_of(two.channels[1])))
        with pytest.raises(SendRefused, match="down for the moment"):
            await two.send(connectors[1], two.channels[1], "d1.1.1")
        assert connectors[0].serves(key_of(two.channels[0]))
        two.fake.refuses_gateway = False
        await soon(lambda: connectors[1].serves(key_of(two.channels[1])), 60)
    assert not both.serves(key_of(two.channels[0])), "it never was on Discord"


async def test_a_chat_that_the_bot_may_not_see_is_the_first_shards_to_complain_of(two: TwoServers) -> None:
    hidden = two.fake.text(two.channels[1].guild, "hidden")  # type: ignore[arg-type]
    two.fake.deny(hidden, two.bot.user, Permission.VIEW_CHANNEL)
    connector = two.connector(shards=2, shard_ids=(0,))
    async with listening(connector, Heard()):
        await soon(lambda: connector.serves(key_of(hidden)))
        with pytest.raises(SendRefused, match="View Channel"):
            await two.send(connector, hidden, "d1.1.1")


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_an_id_that_discord_refuses_keeps_no_other_chat_from_being_served(
    two: TwoServers, status: int
) -> None:
    wrong = ChatKey("discord", "9" * 30)
    two.fake.play("GET", f"/channels/{wrong.chat_id}", status=status, body={"message": "no", "code": 50035})
    heard = Behind(two.channels[0])
    heard.keys = (*heard.keys, wrong)
    async with listening(two.connector(shards=2, shard_ids=(0,)), heard):
        assert two.fake.times_asked("GET", f"/channels/{wrong.chat_id}") == 1


async def test_processes_that_begin_at_the_same_time_part_by_themselves(two: TwoServers) -> None:
    two.fake.identify_seconds = 0.5
    connectors = [two.connector(shards=3, shard_ids=(number,)) for number in (0, 1, 2)]
    async with AsyncExitStack() as stack:
        await asyncio.gather(
            *(stack.enter_async_context(listening(connector, Heard())) for connector in connectors)
        )
    assert two.bot.hasty >= 1, "the test means to have them begin at once"


async def test_too_few_shards_are_said_in_one_line(two: TwoServers) -> None:
    two.fake.most_guilds = 1
    connector = two.connector()
    task = asyncio.create_task(connector.listen(Heard()))
    await soon(lambda: "discord.shards" in connector.trouble)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Behind(Heard):
    """Ears of chats that the stand-in was let into long ago, and which keep what was missed."""

    def __init__(self, *channels: Channel) -> None:
        super().__init__()
        self.keys = tuple(key_of(channel) for channel in channels)
        self.missed: list[str] = []

    async def chats(self, messenger: str) -> tuple[ChatKey, ...]:
        return self.keys

    async def standing(self, chat: ChatKey) -> Standing | None:
        return Standing(datetime.now(UTC) - timedelta(days=1), "", ())

    async def hear_late(self, message: Message, changed_at: datetime | None = None) -> None:
        return

    async def catch_up(
        self, message: Message, within: timedelta, changed_at: datetime | None = None
    ) -> Received:
        self.missed.append(message.text)
        return Received.ACCEPTED


async def test_nothing_is_served_before_what_its_own_shards_missed_has_been_heard(two: TwoServers) -> None:
    archived = two.fake.thread(two.channels[1], "tents")
    two.fake.archive(archived)
    # Where the thread and the conversation are has to be asked; and the servers' channels come after the session.
    places = [*two.channels, archived, two.direct]
    for channel in places:
        two.fake.say(channel, two.mia, f"missed in {channel.id}")
    for numbers, mine in (((1,), [two.channels[1], archived]), ((0,), [two.channels[0], two.direct])):
        heard = Behind(*places)
        async with listening(two.connector(shards=2, shard_ids=numbers), heard):
            assert sorted(heard.missed) == sorted(f"missed in {channel.id}" for channel in mine)
