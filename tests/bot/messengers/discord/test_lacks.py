"""What the bot lacks in a chat is known while it runs, a line each, and gone when it is mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.messengers.discord import lacks
from bot.messengers.discord.connector import DiscordConnector
from chat.message import ChatKey
from tests.bot.messengers.discord.server import Heard, Place, key_of, listening
from tests.fakes.discord.client import soon
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.world import Channel


def lines(connector: DiscordConnector, *channels: Channel) -> list[str]:
    return list(connector.troubles([key_of(channel) for channel in channels]).values())


async def test_an_account_that_may_all_it_needs_has_no_troubles(place: Place) -> None:
    thread = place.fake.thread(place.channel, "plans")
    direct = place.fake.direct(place.bot.user, place.mia)
    connector = place.connector()
    async with listening(connector, Heard()):
        place.fake.say(direct, place.mia, "hi")
        await soon(lambda: lines(connector, place.channel, thread, direct) == [])
        assert place.fake.times_asked("GET", r"/channels/\d+") == 0


async def test_while_it_is_not_on_discord_that_alone_is_said(place: Place) -> None:
    connector = place.connector()
    assert connector.troubles([place.key]) == {"discord": "Discord is not connected yet"}


@pytest.mark.parametrize(
    ("denied", "words"),
    [
        (Permission.VIEW_CHANNEL, "may not see it"),
        (Permission.SEND_MESSAGES, "lacks Send Messages there"),
        (Permission.READ_MESSAGE_HISTORY, "lacks Read Message History there"),
        (Permission.SEND_MESSAGES_IN_THREADS, "lacks Send Messages in Threads there"),
    ],
)
async def test_a_permission_that_is_taken_is_said_of_its_channel_alone_until_it_is_given_back(
    place: Place, denied: Permission, words: str
) -> None:
    other = place.fake.text(place.guild, "other")
    connector = place.connector()
    async with listening(connector, Heard()):
        await soon(lambda: lines(connector, place.channel, other) == [])
        place.fake.deny(other, place.bot.user, denied)
        await soon(lambda: list(connector.troubles([place.key, key_of(other)])) == [str(key_of(other))])
        assert words in lines(connector, other)[0]
        place.fake.deny(other, place.bot.user, Permission(0))
        await soon(lambda: lines(connector, place.channel, other) == [])


async def test_a_thread_has_its_channels_permissions_and_its_own_lock(place: Place) -> None:
    thread, locked = (place.fake.thread(place.channel, name) for name in ("plans", "old"))
    archived = place.fake.thread(place.channel, "older")
    locked.locked = archived.locked = archived.archived = True
    connector = place.connector()
    async with listening(connector, Heard()):
        await soon(lambda: lines(connector, locked) == [lacks.LOCKED])
        # The gateway does not tell of an archived one: it is asked for.
        await soon(lambda: lines(connector, archived) == [lacks.LOCKED])
        place.fake.deny(place.channel, place.bot.user, Permission.SEND_MESSAGES_IN_THREADS)
        await soon(lambda: "Send Messages in Threads" in "".join(lines(connector, thread)))


async def test_a_channel_that_is_gone_is_asked_for_and_one_that_comes_is_known(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lacks, "_AGAIN_SECONDS", 0.1)
    gone = ChatKey("discord", "4242")
    connector = place.connector()
    async with listening(connector, Heard()):
        await soon(lambda: connector.troubles([gone]) == {str(gone): lacks.GONE})
        direct = place.fake.direct(place.bot.user, place.mia)
        # Nobody has written there since, so that the gateway has not told of it.
        await soon(
            lambda: place.fake.times_asked("GET", f"/channels/{direct.id}") or lines(connector, direct)
        )
        assert lines(connector, direct) == []
        # Discord away is no channel gone: what was found last stays.
        place.fake.play("GET", "/channels/4242", status=503, times=99)
        await soon(lambda: connector.troubles([gone]) and place.fake.plays[0].met > 1)
        assert connector.troubles([gone]) == {str(gone): lacks.GONE}


async def test_a_chat_that_is_none_of_discords_is_said_so(place: Place) -> None:
    connector = place.connector()
    async with listening(connector, Heard()):
        (line,) = connector.troubles([ChatKey("discord", "general")]).values()
        assert "no channel's id" in line


async def test_a_file_of_people_that_is_not_there_is_said_until_the_next_start_with_it(
    place: Place, tmp_path: Path
) -> None:
    file = tmp_path / "people.toml"
    async with listening(place.connector(people=file), Heard()):
        pass
    connector = place.connector(people=file)
    async with listening(connector, Heard()):
        assert "which is not there" in connector.troubles([place.key])["discord"]
        assert connector.trouble == "", "nothing keeps it from speaking"
    file.write_text('[[person]]\nname = "Mia"\nids = ["discord:5"]')
    connector = place.connector(people=file)
    async with listening(connector, Heard()):
        assert connector.troubles([place.key]) == {}
