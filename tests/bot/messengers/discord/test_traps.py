"""What is known to go wrong with Discord's events and sessions, each with what is made of it.

What goes wrong with sending has its tests in `test_sending`, `test_handing` and `test_pausing`; what goes wrong with
interactions in `test_answers` and `test_command_tree`.
"""

from __future__ import annotations

import asyncio

import pytest

from bot.app import Office
from bot.messengers.discord.client import intents
from safety.mode import Mode
from tests.bot.messengers.discord.server import Heard, Place, key_of, listening
from tests.bot.messengers.discord.test_way import on_discord, outcome
from tests.bot.playground import until
from tests.fakes.discord.client import connected, soon
from tests.fakes.discord.permissions import PRIVILEGED, Intent
from tests.fakes.discord.world import Member, Posted, User
from tests.fakes.model_server import ModelServer


async def test_without_the_message_content_intent_texts_are_empty_and_so_the_bot_asks_for_it(
    place: Place,
) -> None:
    without = intents()
    without.message_content = False
    other = place.fake.bot("other")
    place.guild.members[other.user.id] = Member(other.user)
    async with connected(place.fake, other, without) as deaf, listening(place.connector(), Heard()) as heard:
        place.fake.say(place.channel, place.mia, "who brings the tent?")
        await soon(lambda: deaf.heard and heard.messages)
        asked = {session.bot: session.intents for session in place.fake.sessions.values()}
    assert deaf.texts == [""]
    assert heard.texts == ["who brings the tent?"]
    # Nor for more than it needs: who is in the server, and who is online, is none of its business.
    assert asked[place.bot] & PRIVILEGED == Intent.MESSAGE_CONTENT


async def test_a_text_that_was_withheld_is_not_taken_for_an_empty_message(place: Place) -> None:
    async with listening(place.connector(), Heard()) as heard:
        place.fake.say(place.channel, place.mia, "")
        place.fake.say(place.channel, place.mia, "typed")
        await soon(lambda: heard.messages)
    assert heard.texts == ["typed"]


async def test_an_intent_that_is_switched_on_later_needs_no_restart(place: Place) -> None:
    place.bot.allowed = Intent(0)
    connector, heard = place.connector(), Heard()
    task = asyncio.create_task(connector.listen(heard))
    await soon(lambda: "Message Content Intent" in connector.trouble)
    place.bot.allowed = PRIVILEGED
    await soon(lambda: connector.hears)
    place.fake.say(place.channel, place.mia, "now?")
    await soon(lambda: heard.texts == ["now?"])
    assert connector.trouble == ""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    "event", ["MESSAGE_CREATE", "MESSAGE_DELETE", "MESSAGE_DELETE_BULK", "THREAD_CREATE"]
)
async def test_an_event_that_cannot_be_parsed_ends_the_client_and_another_begins(
    place: Place, event: str
) -> None:
    connector = place.connector()
    async with listening(connector, Heard()) as heard:
        place.fake.say(place.channel, place.mia, "before")
        await soon(lambda: heard.texts == ["before"])
        (session,) = place.fake.sessions.values()
        session.tell(event, {"guild_id": str(place.guild.id), "nothing": "else"})
        await soon(lambda: "discord.py cannot read" in connector.trouble)
        await soon(lambda: connector.hears)
        place.fake.say(place.channel, place.mia, "after")
        await soon(lambda: heard.texts == ["before", "after"])


async def test_webhooks_are_ignored_also_when_they_change_or_take_back_what_they_said(place: Place) -> None:
    async with listening(place.connector(), Heard()) as heard:
        posted = place.fake.post(Posted(place.channel, User("News"), "Sam, look", webhook=99))
        place.fake.edit(posted, "Sam, look again: pineapple")
        place.fake.say(place.channel, place.mia, "typed")
        await soon(lambda: heard.messages)
    assert heard.texts == ["typed"]


async def test_an_event_that_is_told_twice_counts_once(
    office: Office, model: ModelServer, place: Place
) -> None:
    async with on_discord(office, model, place, Mode.AUTO):
        said = place.fake.say(place.channel, place.mia, "hello everybody")
        (session,) = place.fake.sessions.values()
        session.repeat()

        async def answered() -> bool:
            return await outcome(office, place, said) == "answered"

        await until(answered)
        session.repeat()
        after = place.fake.say(place.channel, place.mia, "and now?")

        async def decided() -> bool:
            return await outcome(office, place, after) not in {"", "waiting", "approved"}

        await until(decided)
        said_by_mia = [one for one in await office.desk.chats.transcript(place.key) if not one.own]
        assert [one.id for one in said_by_mia] == [str(said.id), str(after.id)]
    assert len(model.prompts) == 2


async def test_a_server_that_the_bot_is_let_into_while_it_runs_is_heard_and_one_it_left_is_not(
    place: Place,
) -> None:
    guild = place.fake.guild("Neighbours", place.olivia, place.mia)
    channel = place.fake.text(guild, "garden")
    async with listening(place.connector(), Heard()) as heard:
        place.fake.say(channel, place.mia, "not yet")
        place.fake.join(guild, place.bot.user)
        place.fake.say(channel, place.mia, "welcome")
        await soon(lambda: heard.texts == ["welcome"])
        assert [one.title for one in heard.places] == ["garden in Neighbours"]
        place.fake.leave(guild, place.bot.user)
        place.fake.say(channel, place.mia, "gone")
        place.fake.say(place.channel, place.mia, "here")
        await soon(lambda: len(heard.messages) == 2)
    assert heard.texts == ["welcome", "here"]


async def test_a_channel_that_discord_py_does_not_know_is_heard_all_the_same(place: Place) -> None:
    thread = place.fake.thread(place.channel, "tents")
    # A thread that lies in the archive is not told at the beginning of a session.
    place.fake.archive(thread)
    async with listening(place.connector(), Heard()) as heard:
        said = place.fake.say(thread, place.mia, "still there?")
        place.fake.edit(said, "anybody?")
        place.fake.delete(said)
        await soon(lambda: heard.deletions)
    assert heard.texts == ["still there?", "anybody?"]
    assert {message.chat for message in heard.messages} == {key_of(thread)}
    assert heard.deletions == [(key_of(thread), (str(said.id),))]
