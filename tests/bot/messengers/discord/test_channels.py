"""What Discord's channels are called, and which threads follow theirs."""

from __future__ import annotations

import pytest

from bot.places import Place as Told
from tests.bot.messengers.discord.server import Heard, Place, key_of, listening
from tests.fakes.discord.client import soon
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.world import Channel, Role


def told(heard: Heard, channel: Channel) -> list[Told]:
    return [one for one in heard.places if one.chat == key_of(channel)]


async def test_chats_are_called_what_people_see(place: Place) -> None:
    fake = place.fake
    thread = fake.thread(place.channel, "tents")
    post = fake.thread(fake.forum(place.guild, "ideas"), "the lake")
    direct = fake.direct(place.bot.user, place.mia)
    async with listening(place.connector(), Heard()) as heard:
        for channel in (place.channel, thread, post, direct):
            fake.say(channel, place.mia, "hello")
        await soon(lambda: len(heard.messages) == 4)
    assert {one.title for one in heard.places} == {
        "general in Friends",
        "tents in general",
        "ideas in Friends",
        "the lake in ideas",
        "Mia (direct messages)",
    }


async def test_where_a_chat_is_is_told_before_its_message_and_once(place: Place) -> None:
    async with listening(place.connector(), Heard()) as heard:
        place.fake.say(place.channel, place.mia, "one")
        await soon(lambda: heard.messages)
        assert told(heard, place.channel) == [Told(place.key, "general in Friends")]
        place.fake.say(place.channel, place.mia, "two")
        await soon(lambda: len(heard.messages) == 2)
    assert len(told(heard, place.channel)) == 1


async def test_who_is_in_a_direct_conversation_is_not_the_bot(place: Place) -> None:
    direct = place.fake.direct(place.bot.user, place.mia)
    async with listening(place.connector(), Heard()) as heard:
        place.fake.say(direct, place.mia, "hello")
        place.fake.say(direct, place.bot.user, "hi")
        await soon(lambda: len(heard.messages) == 2)
    assert [one.title for one in told(heard, direct)] == ["Mia (direct messages)"]


async def test_renames_are_told_without_a_message(place: Place) -> None:
    thread = place.fake.thread(place.channel, "tents")
    async with listening(place.connector(), Heard()) as heard:
        place.fake.say(place.channel, place.mia, "hello")
        place.fake.say(thread, place.mia, "hello")
        await soon(lambda: len(heard.messages) == 2)
        place.fake.rename(place.channel, "talk")
        place.fake.rename(place.guild, "Old Friends")
        place.fake.rename(thread, "big tents")
        await soon(lambda: told(heard, thread)[-1].title == "big tents in talk")
        await soon(lambda: told(heard, place.channel)[-1].title == "talk in Old Friends")


async def test_threads_and_forum_posts_are_parts_of_their_channel(place: Place) -> None:
    thread, forum = place.fake.thread(place.channel, "tents"), place.fake.forum(place.guild, "ideas")
    post = place.fake.thread(forum, "the lake")
    async with listening(place.connector(), Heard()) as heard:
        place.fake.say(thread, place.mia, "hello")
        place.fake.say(post, place.mia, "hello")
        await soon(lambda: len(heard.messages) == 2)
    assert told(heard, thread)[-1].parent == place.key
    assert told(heard, post)[-1].parent == key_of(forum)
    assert told(heard, place.channel)[-1].parent is None


async def test_by_setting_no_thread_follows_and_each_is_a_part_all_the_same(place: Place) -> None:
    thread = place.fake.thread(place.channel, "tents")
    async with listening(place.connector(threads="own"), Heard()) as heard:
        place.fake.say(thread, place.mia, "hello")
        await soon(lambda: heard.messages)
    assert told(heard, thread) == [Told(key_of(thread), "tents in general", place.key, follows=False)]


@pytest.mark.parametrize("early", [False, True])
async def test_a_private_thread_follows_only_once_the_bot_was_added(place: Place, early: bool) -> None:
    # Who may manage threads sees the private ones as well.
    role = Role("manager", Permission.MANAGE_THREADS)
    place.guild.roles[role.id] = role
    place.guild.members[place.bot.user.id].roles.append(role.id)
    thread = place.fake.thread(place.channel, "surprise party", private=True)
    if early:
        place.fake.add_to(thread, place.bot.user)
    async with listening(place.connector(), Heard()) as heard:
        place.fake.say(thread, place.mia, "hello")
        await soon(lambda: heard.messages)
        assert told(heard, thread)[-1].follows == early
        if not early:
            place.fake.add_to(thread, place.bot.user)
            place.fake.say(thread, place.mia, "welcome")
            await soon(lambda: len(heard.messages) == 2)
        assert (told(heard, thread)[-1].parent, told(heard, thread)[-1].follows) == (place.key, True)
