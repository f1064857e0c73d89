"""How bubbles leave for Discord: once, without pings, and never long after the fence said yes."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from bot.messengers.base import SendRefused, SendUncertain
from bot.messengers.discord import connector as connecting
from bot.messengers.discord.connector import DiscordConnector, nonce_of
from bot.messengers.discord.handing import FRESH_SECONDS
from chat.message import ChatKey
from tests.bot.messengers.discord.server import Heard, Place, key_of, listening
from tests.fakes.discord.client import soon
from tests.fakes.discord.permissions import Intent, Permission
from tests.fakes.discord.server import Limit

SEND = ("POST", "/channels/{}/messages")
SEND_PATH = r"/channels/\d+/messages"


def long_ago() -> datetime:
    """Longer ago than Discord is sure to know a nonce."""
    return datetime.now(UTC) - timedelta(minutes=2)


async def test_a_bubble_is_posted_and_heard_as_the_stand_ins(place: Place) -> None:
    connector = place.connector()
    async with listening(connector, Heard()) as heard:
        message = await connector.send(place.bubble("I bring the tent"))
        await soon(lambda: heard.messages)
    (posted,) = place.fake.posted(place.channel)
    assert (message.id, message.text, message.own) == (str(posted.id), "I bring the tent", True)
    assert posted.nonce == nonce_of("d1.1.1", 0)
    (echo,) = heard.messages
    assert (echo.id, echo.text, echo.own, echo.stand_in) == (message.id, message.text, True, True)


async def test_threads_and_direct_messages_are_written_to(place: Place) -> None:
    thread = place.fake.thread(place.channel, "tents")
    direct = place.fake.direct(place.bot.user, place.mia)
    connector = place.connector()
    async with listening(connector, Heard()):
        place.fake.archive(thread)
        for channel in (thread, direct):
            bubble = place.bubble("here", f"d{channel.id}")
            await connector.send(type(bubble)(bubble.id, key_of(channel), bubble.text))
    assert (place.said(thread), place.said(direct)) == (["here"], ["here"])


async def test_the_same_bubble_twice_is_one_message(place: Place) -> None:
    connector = place.connector()
    async with listening(connector, Heard()):
        first = await connector.send(place.bubble("once"))
        again = await connector.send(place.bubble("once", handed_over_at=datetime.now(UTC)))
        assert first.id == again.id
        await connector.send(place.bubble("once", "d2.1.1"))
    assert place.said() == ["once", "once"]


async def test_nobody_is_pinged_whatever_the_model_writes(place: Place) -> None:
    place.guild.everyone.permissions |= Permission.MENTION_EVERYONE
    connector = place.connector()
    async with listening(connector, Heard()):
        await connector.send(place.bubble(f"@everyone @here <@{place.mia.id}> <@&{place.guild.id}>"))
    (posted,) = place.fake.posted(place.channel)
    assert posted.pings == []


async def test_what_the_persona_did_not_mean_as_markdown_is_shown_as_typed(place: Place) -> None:
    plain, kept = place.connector(), place.connector(markdown="keep")
    async with listening(plain, Heard()) as heard:
        sent = await plain.send(place.bubble("2*3*4 = ||24||"))
        await soon(lambda: heard.messages)
        assert (sent.text, heard.texts) == ("2*3*4 = ||24||", ["2*3*4 = ||24||"])
    async with listening(kept, Heard()):
        await kept.send(place.bubble("**really**", "d2.1.1"))
    assert place.said() == [r"2\*3\*4 = \|\|24\|\|", "**really**"]


async def test_a_long_bubble_is_posted_in_parts_each_once(place: Place) -> None:
    text = "\n".join(f"line {number} of a very long answer" for number in range(100))
    connector = place.connector()
    async with listening(connector, Heard()):
        place.fake.tells = False
        place.fake.play("POST", SEND_PATH, then="drop", took=True)
        with pytest.raises(SendUncertain, match="lost"):
            await connector.send(place.bubble(text))
        await connector.send(place.bubble(text, handed_over_at=datetime.now(UTC)))
    assert "\n".join(place.said()) == text
    assert all(len(part) <= 2000 for part in place.said())


async def test_what_fails_after_a_part_has_left_is_uncertain(place: Place) -> None:
    connector = place.connector()
    async with listening(connector, Heard()):
        text = "a" * 1500 + " " + "b" * 1500
        place.fake.limits[SEND] = Limit(1, 30.0)
        with pytest.raises(SendUncertain, match="a part of it left"):
            # Said at once, not when the bucket has room again.
            await asyncio.wait_for(connector.send(place.bubble(text)), 15)
    assert place.said() == ["a" * 1500]


@pytest.mark.parametrize("goes_on", [True, False])
async def test_before_each_further_part_it_is_asked_whether_it_may_go_on(place: Place, goes_on: bool) -> None:
    asked: list[int] = []

    async def may() -> bool:
        asked.append(len(place.said()))
        return goes_on

    connector = place.connector()
    async with listening(connector, Heard()):
        bubble = dataclasses.replace(place.bubble(" ".join(letter * 1500 for letter in "abc")), goes_on=may)
        if goes_on:
            await connector.send(bubble)
        else:
            with pytest.raises(SendUncertain, match="a part of it left, and then a kill came"):
                await connector.send(bubble)
    assert place.said() == [letter * 1500 for letter in ("abc" if goes_on else "a")]
    assert asked == ([1, 2] if goes_on else [1])


async def test_a_message_counts_as_sent_when_discord_tells_of_it_not_when_the_library_returns(
    place: Place,
) -> None:
    # The library holds the answer back until the bucket has room again.
    place.fake.limits[SEND] = Limit(1, 30.0)
    connector = place.connector()
    async with listening(connector, Heard()):
        await asyncio.wait_for(connector.send(place.bubble("out")), 5)
    assert place.said() == ["out"]


async def test_an_answer_that_never_comes_is_not_waited_for_when_discord_tells_of_the_message(
    place: Place,
) -> None:
    place.fake.play("POST", SEND_PATH, then="hold", took=True)
    connector = place.connector()
    async with listening(connector, Heard()):
        message = await connector.send(place.bubble("out"))
    assert [str(posted.id) for posted in place.fake.posted(place.channel)] == [message.id]


async def test_who_gives_up_waiting_takes_the_request_along(place: Place) -> None:
    place.fake.play("POST", SEND_PATH, then="hold")
    connector = place.connector()
    async with listening(connector, Heard()):
        giving_up = asyncio.create_task(connector.send(place.bubble("out")))
        await soon(lambda: place.fake.times_asked("POST", SEND_PATH) == 1)
        giving_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await giving_up
        await connector.send(place.bubble("out", handed_over_at=datetime.now(UTC)))
    assert place.said() == ["out"]


async def test_who_is_asked_to_wait_refuses_rather_than_to_post_later(place: Place) -> None:
    body = {"message": "You are being rate limited.", "retry_after": 30.0, "global": False}
    place.fake.play("POST", SEND_PATH, status=429, headers={"Retry-After": "30"}, body=body)
    connector = place.connector()
    async with listening(connector, Heard()):
        for _ in range(2):
            with pytest.raises(SendRefused, match="asks to wait"):
                await asyncio.wait_for(connector.send(place.bubble("later")), 5)
        # The second time Discord was not even asked.
        assert place.fake.times_asked("POST", SEND_PATH) == 1
    assert place.said() == []


async def test_a_post_that_would_begin_late_is_not_made(place: Place) -> None:
    place.fake.limits[SEND] = Limit(1, 3.0)
    connector = place.connector()
    async with listening(connector, Heard()):
        await connector.send(place.bubble("one"))
        with pytest.raises(SendRefused, match="asks to wait"):
            await connector.send(place.bubble("two", "d2.1.1"))
        assert place.fake.times_asked("POST", SEND_PATH) == 1
        # Nothing of it is left behind that would post it later.
        async with asyncio.timeout(10):
            while await connector.pause(place.key) is not None:
                await asyncio.sleep(0.05)
        await connector.send(place.bubble("three", "d3.1.1"))
    assert place.said() == ["one", "three"]


async def test_each_part_of_a_long_bubble_begins_while_its_own_yes_of_the_fence_is_fresh(
    place: Place,
) -> None:
    asked: list[int] = []

    async def may() -> bool:
        asked.append(len(place.said()))
        # By the time that the second yes has come it is too old.
        await asyncio.sleep(0.0 if len(asked) == 1 else FRESH_SECONDS + 0.1)
        return True

    connector = place.connector()
    async with listening(connector, Heard()):
        text = " ".join(letter * 1500 for letter in "abc")
        with pytest.raises(SendUncertain, match="a part of it left"):
            await connector.send(dataclasses.replace(place.bubble(text), goes_on=may))
    assert asked == [1, 2]
    assert place.said() == ["a" * 1500, "b" * 1500]


async def test_who_had_to_wait_for_the_history_asks_the_fence_anew(place: Place) -> None:
    body = {"message": "You are being rate limited.", "retry_after": 2.5, "global": False}
    place.fake.play("GET", SEND_PATH, status=429, headers={"Retry-After": "2.5"}, body=body)
    connector = place.connector()
    async with listening(connector, Heard()):
        with pytest.raises(SendRefused, match="not handed over") as error:
            await connector.send(place.bubble("late", handed_over_at=long_ago()))
        assert error.value.retry_after > 0
    assert place.said() == []


async def test_among_very_many_messages_nobody_can_say_whether_it_left(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "_HISTORY", 3)
    place.fake.nonce_seconds = 0.0
    connector = place.connector()
    async with listening(connector, Heard()):
        for text in "abc":
            place.fake.say(place.channel, place.mia, text)
        await connector.send(place.bubble("once"))
        with pytest.raises(SendUncertain, match="so much was said"):
            await connector.send(place.bubble("once", handed_over_at=long_ago()))
    assert place.said() == ["once"]


@pytest.mark.parametrize("took", [True, False])
@pytest.mark.parametrize("status", [500, 502, 503, 504, 524])
async def test_a_fault_of_discords_is_uncertain_and_is_not_repeated_by_the_library(
    place: Place, status: int, took: bool
) -> None:
    place.fake.tells = False
    place.fake.play("POST", SEND_PATH, status=status, took=took)
    connector = place.connector()
    async with listening(connector, Heard()):
        with pytest.raises(SendUncertain, match=str(status)):
            await connector.send(place.bubble("once"))
        assert place.fake.times_asked("POST", SEND_PATH) == 1
        await connector.send(place.bubble("once", handed_over_at=datetime.now(UTC)))
    assert place.said() == ["once"]


async def test_a_lost_answer_is_found_in_the_channel_when_the_nonce_is_forgotten(place: Place) -> None:
    place.fake.nonce_seconds = 0.0
    connector = place.connector()
    async with listening(connector, Heard()):
        first = await connector.send(place.bubble("*once*"))
        again = await connector.send(place.bubble("*once*", handed_over_at=long_ago()))
        assert again.id == first.id
        # What is not there has not left.
        await connector.send(place.bubble("another", "d2.1.1", handed_over_at=long_ago()))
    assert place.said() == [r"\*once\*", "another"]


async def test_what_others_wrote_is_not_taken_for_a_lost_bubble(place: Place) -> None:
    place.fake.nonce_seconds = 0.0
    place.fake.say(place.channel, place.mia, "once")
    connector = place.connector()
    async with listening(connector, Heard()):
        await connector.send(place.bubble("once", handed_over_at=long_ago()))
    assert place.said() == ["once"]


async def test_without_the_history_nobody_can_say_whether_it_left(place: Place) -> None:
    place.fake.deny(place.channel, place.bot.user, Permission.READ_MESSAGE_HISTORY)
    connector = place.connector()
    async with listening(connector, Heard()):
        with pytest.raises(SendUncertain, match="history"):
            await connector.send(place.bubble("once", handed_over_at=long_ago()))
    assert place.said() == []


async def test_a_history_that_cannot_be_read_now_is_uncertain(place: Place) -> None:
    place.fake.play("GET", SEND_PATH, status=503)
    connector = place.connector()
    async with listening(connector, Heard()):
        with pytest.raises(SendUncertain, match="cannot be looked up"):
            await connector.send(place.bubble("once", handed_over_at=long_ago()))
    assert place.said() == []


async def test_what_was_deleted_in_the_channel_is_not_posted_again(place: Place) -> None:
    connector = place.connector()
    async with listening(connector, Heard()):
        await connector.send(place.bubble("once"))
        place.fake.delete(place.fake.posted(place.channel)[0])
        with pytest.raises(SendUncertain, match="deleted"):
            await connector.send(place.bubble("once", handed_over_at=datetime.now(UTC)))
    assert place.said() == []


@pytest.mark.parametrize(
    ("denied", "words"),
    [(Permission.SEND_MESSAGES, "Send Messages"), (Permission.VIEW_CHANNEL, "View Channel")],
)
async def test_one_channel_without_permission_is_one_line_and_the_others_go_on(
    place: Place, denied: Permission, words: str
) -> None:
    closed = place.fake.text(place.guild, "closed")
    place.fake.deny(closed, place.bot.user, denied)
    connector = place.connector()
    async with listening(connector, Heard()):
        bubble = place.bubble("x")
        with pytest.raises(SendRefused, match=words):
            await connector.send(type(bubble)("d9", key_of(closed), "x"))
        await connector.send(bubble)
    assert place.said() == ["x"]


async def test_who_does_not_hear_does_not_speak(place: Place) -> None:
    connector = place.connector()
    with pytest.raises(SendRefused, match="not connected"):
        await connector.send(place.bubble("early"))
    async with listening(connector, Heard()):
        # The library waits 5 s before it identifies again.
        place.fake.invalidate(resumable=False)
        await soon(lambda: not connector.hears)
        with pytest.raises(SendRefused, match="connection"):
            await connector.send(place.bubble("deaf"))
        await soon(lambda: connector.hears)
        await connector.send(place.bubble("heard"))
    assert place.said() == ["heard"]


async def test_a_chat_that_is_no_channel_is_served_by_nobody(place: Place) -> None:
    connector = place.connector()
    async with listening(connector, Heard()):
        assert not connector.serves(ChatKey("discord", "general"))
        assert connector.serves(place.key)


async def test_typing_is_shown_and_not_asked_for_again_while_it_shows(place: Place) -> None:
    connector = place.connector()
    await connector.typing(place.key, 3.0)
    async with listening(connector, Heard()):
        for _ in range(3):
            await connector.typing(place.key, 3.0)
        await soon(lambda: place.fake.typings)
        await connector.send(place.bubble("done"))
        await connector.typing(place.key, 3.0)
        await soon(lambda: len(place.fake.typings) == 2)
    assert set(place.fake.typings) == {(place.channel.id, place.bot.user.id)}


async def test_typing_is_shown_again_before_discord_takes_it_away(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "_TYPING_SECONDS", 0.05)
    connector = place.connector()
    async with listening(connector, Heard()), asyncio.timeout(20):
        while len(place.fake.typings) < 3:
            await connector.typing(place.key, 30.0)
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("took", [True, False])
async def test_a_connection_that_is_reset_is_uncertain_and_is_not_repeated_by_the_library(
    place: Place, took: bool
) -> None:
    place.fake.tells = False
    place.fake.play("POST", SEND_PATH, then="drop", took=took)
    connector = place.connector()
    async with listening(connector, Heard()):
        with pytest.raises(SendUncertain, match="lost"):
            await connector.send(place.bubble("once"))
        assert place.fake.times_asked("POST", SEND_PATH) == 1
        await connector.send(place.bubble("once", handed_over_at=datetime.now(UTC)))
    assert place.said() == ["once"]


def test_a_key_is_as_long_as_discord_takes_and_one_for_each_part() -> None:
    keys = {nonce_of(bubble, part) for bubble in ("a" * 200, "d1.1.1", "d1.1.11") for part in range(12)}
    assert len(keys) == 36
    assert all(len(key) <= 25 for key in keys)


async def test_typing_never_fails(place: Place) -> None:
    place.fake.deny(place.channel, place.bot.user, Permission.SEND_MESSAGES)
    connector = place.connector()
    async with listening(connector, Heard()):
        await connector.typing(place.key, 3.0)
        await soon(lambda: place.fake.times_asked("POST", r"/channels/\d+/typing"))
        assert connector.hears


async def test_a_wrong_token_is_said_in_one_line_and_tried_again(place: Place) -> None:
    right, place.bot.token = place.bot.token, "changed-meanwhile"
    place.fake.bots = {}
    connector = DiscordConnector(place.settings(), "Sam", wires=place.fake.connector)
    task = asyncio.create_task(connector.listen(Heard()))
    await soon(lambda: "does not know this token" in connector.trouble)
    assert "changed-meanwhile" not in connector.trouble
    place.bot.token = right
    place.fake.bots = {"changed-meanwhile": place.bot}
    await soon(lambda: connector.hears)
    assert connector.trouble == ""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_missing_intent_is_said_in_one_line(place: Place) -> None:
    place.bot.allowed = Intent(0)
    connector = place.connector()
    task = asyncio.create_task(connector.listen(Heard()))
    await soon(lambda: "Message Content Intent" in connector.trouble)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_the_library_cannot_parse_does_not_end_the_service(place: Place) -> None:
    connector = place.connector()
    async with listening(connector, Heard()) as heard:
        (session,) = place.fake.sessions.values()
        session.tell("MESSAGE_CREATE", {"no": "message"})
        await soon(lambda: "discord.py cannot read" in connector.trouble)
        await soon(lambda: connector.hears)
        place.fake.say(place.channel, place.mia, "still there?")
        await soon(lambda: heard.texts == ["still there?"])
