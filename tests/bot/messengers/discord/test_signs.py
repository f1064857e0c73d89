"""A sign under the message that killed: it is there at once, whatever holds the words up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.app import Office, open_service
from bot.kill_ear import KillSettings
from bot.settings import Settings
from chat.message import Chat
from safety.disclosure import Disclosure
from safety.mode import ChatPolicy, Mode
from tests.bot.messengers.discord.server import Place, key_of
from tests.bot.playground import until
from tests.fakes.discord.client import soon
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.world import Channel
from tests.fakes.model_server import ModelServer, ServedEngine

REACTION = ("PUT", r"/channels/\d+/messages/\d+/reactions/.*")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"kill": KillSettings(acknowledgement="{name}'s stand-in has left")})


@asynccontextmanager
async def serving(office: Office, model: ModelServer, place: Place, channel: Channel) -> AsyncIterator[None]:
    policy = ChatPolicy(Mode.AUTO, 1.0, disclosure=frozenset({Disclosure.REVEALED}))
    await office.desk.chats.enable(Chat(key_of(channel), "here"), "olivia", policy)
    connector = place.connector()
    async with open_service(office, [connector], ServedEngine(model.url)) as service:
        task = asyncio.create_task(service.run())
        try:
            await soon(lambda: connector.hears)
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("direct", [False, True])
async def test_who_kills_sees_it_at_once_also_where_discord_takes_no_message(
    office: Office, model: ModelServer, place: Place, direct: bool
) -> None:
    channel = place.fake.direct(place.bot.user, place.mia) if direct else place.channel
    # Messages of the bot's are held up: by slow mode, or a used up bucket.
    place.fake.play("POST", rf"/channels/{channel.id}/messages", then="hold", times=99)
    async with serving(office, model, place, channel):
        said = place.fake.say(channel, place.mia, "pineapple")
        await soon(lambda: said.reactions)
        assert said.reactions == [(place.bot.user.id, "\N{ZIPPER-MOUTH FACE}")]
        assert place.said(channel) == []


async def test_the_words_follow_as_before(office: Office, model: ModelServer, place: Place) -> None:
    async with serving(office, model, place, place.channel):
        said = place.fake.say(place.channel, place.mia, "pineapple")
        await soon(place.said)
        assert place.said() == ["Sam's stand-in has left"]
        assert said.reactions
        again = place.fake.say(place.channel, place.mia, "pineapple")
        # Heard as well, and said as well: the store knows that.

        async def heard() -> bool:
            return str(again.id) in await office.desk.chats.outcomes(place.key)

        await until(heard)
        assert again.reactions == [], "once for a kill"


@pytest.mark.parametrize("told", [True, False])
async def test_where_the_bot_may_not_react_the_words_are_said_alone(
    office: Office, model: ModelServer, place: Place, told: bool
) -> None:
    if told:
        place.fake.deny(place.channel, place.bot.user, Permission.ADD_REACTIONS)
    else:
        # It thinks that it may.
        place.fake.play(*REACTION, status=403, body={"code": 50013, "message": "no"}, times=9)
    async with serving(office, model, place, place.channel):
        said = place.fake.say(place.channel, place.mia, "pineapple")
        await soon(place.said)
        assert (place.said(), said.reactions) == (["Sam's stand-in has left"], [])
        asked = [one for one in place.fake.asked if one.method == "PUT" and "reactions" in one.path]
        assert bool(asked) != told
