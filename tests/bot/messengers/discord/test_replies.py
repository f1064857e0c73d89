"""How a bubble stands in its channel: as a reply, with mentions and emoji, and in places that are closed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.messengers.base import Bubble, SendImpossible
from bot.messengers.discord.connector import DiscordConnector
from tests.bot.messengers.discord.server import Heard, Place, key_of, listening
from tests.fakes.discord.client import soon
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.world import REPLY, Posted

SEND_PATH = r"/channels/\d+/messages"


def only(place: Place) -> Posted:
    (posted,) = place.fake.posted(place.channel, place.bot.user)
    return posted


async def test_a_reply_refers_to_its_message_and_rings_nobodys_phone(place: Place) -> None:
    asked = place.fake.say(place.channel, place.mia, "are you coming?")
    connector = place.connector()
    async with listening(connector, Heard()) as heard:
        sent = await connector.send(place.bubble("yes", reply_to=str(asked.id)))
        await soon(lambda: heard.messages)
    posted = only(place)
    assert (posted.kind, posted.reply_to, posted.pings) == (REPLY, asked.id, [])
    assert (sent.reply_to, heard.messages[0].reply_to) == (str(asked.id), str(asked.id))


async def test_what_is_replied_to_and_deleted_meanwhile_costs_the_reference_alone(place: Place) -> None:
    asked = place.fake.say(place.channel, place.mia, "are you coming?")
    connector = place.connector()
    async with listening(connector, Heard()):
        place.fake.delete(asked)
        await connector.send(place.bubble("yes", reply_to=str(asked.id)))
    assert (only(place).content, only(place).reply_to) == ("yes", None)


async def test_who_may_not_read_the_channel_writes_without_a_reference(place: Place) -> None:
    asked = place.fake.say(place.channel, place.mia, "are you coming?")
    place.fake.deny(place.channel, place.bot.user, Permission.READ_MESSAGE_HISTORY)
    connector = place.connector()
    async with listening(connector, Heard()):
        sent = await connector.send(place.bubble("yes", reply_to=str(asked.id)))
    assert (only(place).reply_to, sent.reply_to) == (None, None)


async def test_in_a_direct_conversation_nothing_is_a_reply(place: Place) -> None:
    direct = place.fake.direct(place.bot.user, place.mia)
    connector = place.connector()
    async with listening(connector, Heard()):
        asked = place.fake.say(direct, place.mia, "are you coming?")
        await connector.send(Bubble("d1", key_of(direct), "yes", reply_to=str(asked.id)))
    (posted,) = place.fake.posted(direct, place.bot.user)
    assert posted.reply_to is None


async def test_the_first_part_of_a_long_bubble_is_the_reply(place: Place) -> None:
    asked = place.fake.say(place.channel, place.mia, "are you coming?")
    connector = place.connector()
    async with listening(connector, Heard()):
        await connector.send(place.bubble("word " * 500, reply_to=str(asked.id)))
    assert [one.reply_to for one in place.fake.posted(place.channel, place.bot.user)] == [asked.id, None]


@pytest.mark.parametrize("kind", ["people", "id", "another's id", "none"])
async def test_a_name_rings_a_phone_only_where_that_is_set(place: Place, kind: str) -> None:
    mia = str(place.mia.id)
    pings = {"people": ("people",), "id": (mia,), "another's id": (str(place.olivia.id),), "none": ()}[kind]
    rings = kind in {"people", "id"}
    connector = place.connector(pings=pings)
    place.guild.everyone.permissions |= Permission.MENTION_EVERYONE
    async with listening(connector, Heard()) as heard:
        text = f"@Mia @everyone @here <@{place.olivia.id}> <@&{place.guild.id}>"
        await connector.send(place.bubble(text, people={"Mia": mia}))
        await soon(lambda: heard.messages)
    assert only(place).pings == ([mia] if rings else [])
    # However it is worded, it is the same text to everybody who reads along.
    assert heard.texts[0].startswith("@Mia @everyone @here")


async def test_who_is_not_in_the_conversation_is_nobody_to_ping(place: Place) -> None:
    connector = place.connector(pings=("people",))
    async with listening(connector, Heard()):
        await connector.send(place.bubble("@Mia", people={"Leo": "5"}))
    assert (only(place).content, only(place).pings) == ("@Mia", [])


async def test_emoji_of_the_server_are_posted_as_such_and_read_as_they_were(place: Place) -> None:
    place.guild.emoji["tent_up"] = 12
    connector = place.connector()
    async with listening(connector, Heard()) as heard:
        sent = await connector.send(place.bubble("all :tent_up:"))
        await soon(lambda: heard.messages)
    assert only(place).content == "all <:tent_up:12>"
    assert (sent.text, heard.texts) == ("all :tent_up:", ["all :tent_up:"])


@pytest.mark.parametrize(("first", "then"), [(("people",), ()), ((), ("people",))])
async def test_a_lost_answer_is_found_although_it_would_be_worded_otherwise_now(
    place: Place, first: tuple[str, ...], then: tuple[str, ...]
) -> None:
    place.fake.nonce_seconds = 0.0
    place.guild.emoji["tent_up"] = 12
    people = {"Mia": str(place.mia.id)}
    before, after = place.connector(pings=first), place.connector(pings=then)
    async with listening(before, Heard()):
        sent = await before.send(place.bubble("@Mia :tent_up: *once*", people=people))
    place.guild.emoji.clear()
    async with listening(after, Heard()):
        at = datetime.now(UTC) - timedelta(minutes=2)
        again = await after.send(place.bubble("@Mia :tent_up: *once*", people=people, handed_over_at=at))
    assert (len(place.said()), again.id) == (1, sent.id)


async def refused(connector: DiscordConnector, bubble: Bubble) -> str:
    with pytest.raises(SendImpossible) as error:
        await connector.send(bubble)
    assert error.value.retry_after == 0
    return str(error.value)


async def test_an_archived_thread_wakes_and_a_locked_one_is_one_line(place: Place) -> None:
    thread = place.fake.thread(place.channel, "tents")
    connector = place.connector()
    async with listening(connector, Heard()):
        place.fake.archive(thread)
        await connector.send(Bubble("d1", key_of(thread), "anybody?"))
        assert (place.said(thread), thread.archived) == (["anybody?"], False)
        thread.locked = True
        assert "the thread is locked" in await refused(connector, Bubble("d2", key_of(thread), "still?"))
        place.fake.archive(thread)
        assert "archived and locked" in await refused(connector, Bubble("d3", key_of(thread), "still?"))
    assert place.said(thread) == ["anybody?"]


async def test_a_channel_that_is_gone_is_one_line(place: Place) -> None:
    other = place.fake.text(place.guild, "other")
    connector = place.connector()
    async with listening(connector, Heard()):
        place.fake.remove(place.channel)
        assert "no such channel any more" in await refused(connector, place.bubble("hello"))
        await connector.send(Bubble("d2", key_of(other), "hello"))
    assert place.said(other) == ["hello"]


async def test_who_moderates_may_write_where_it_is_locked(place: Place) -> None:
    thread = place.fake.thread(place.channel, "tents")
    thread.locked = True
    place.guild.everyone.permissions |= Permission.MANAGE_THREADS
    connector = place.connector()
    async with listening(connector, Heard()):
        await connector.send(Bubble("d1", key_of(thread), "anybody?"))
    assert place.said(thread) == ["anybody?"]
