"""What was said before the bot listened, where something is in the way: Discord, the store, a clock, or a death."""

from __future__ import annotations

import asyncio
import signal
from functools import partial

import pytest
from structlog.testing import capture_logs

from bot.app import open_office
from bot.messengers.discord import history
from bot.settings import Settings
from chat.message import Chat, ChatKey
from safety.mode import Mode
from tests.bot.messengers.discord.friends import HISTORY, HOUR, Friends
from tests.bot.messengers.discord.server import DiscordProcess, Place, key_of
from tests.bot.playground import until
from tests.bot.promises.processes import server_pid, stopped
from tests.fakes.clock import JumpingClock
from tests.fakes.discord.client import soon
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.server import Limit
from tests.fakes.model_server import ModelServer


async def test_who_cannot_look_for_chats_says_so_and_looks_again(
    friends: Friends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_LOOK_SECONDS", 0.2)
    await friends.enable(mode=Mode.AUTO)
    missed = friends.say("hi Sam", 20.0)
    name = (
        f"understudy:{{{friends.office.store.partitions.of(friends.place.key)}}}:consent:{friends.place.key}"
    )
    entry = await friends.office.store.ask("hget", name, "chat")
    thread = friends.place.fake.thread(friends.place.channel, "tents")
    friends.say("here", 10.0, channel=thread)
    with capture_logs() as logs:
        await friends.office.store.ask("hset", name, "chat", "damaged")
        async with friends.service() as connector:
            await soon(lambda: "discord.history_not_looked_for" in {line["event"] for line in logs})
            assert not connector.hears
            await friends.office.store.ask("hset", name, "chat", entry)
            assert (await friends.outcome(missed)).outcome == "answered"


async def test_where_discord_fails_for_long_not_each_chat_waits_for_it(
    friends: Friends,
) -> None:
    channels = [friends.place.fake.text(friends.place.guild, f"room {number}") for number in range(12)]
    for channel in channels:
        await friends.enable(channel)
    # 503 is what the library itself does not repeat.
    failing = friends.place.fake.play("GET", HISTORY, status=503, times=1000)
    with capture_logs() as logs:
        async with friends.service() as connector:
            await soon(lambda: connector.hears, 60)
            friends.say("now", channel=channels[-1])
            await friends.stands("now", channel=channels[-1])
    assert failing.met <= 4 * 5 + 8
    lines = [log for log in logs if log["event"] == "discord.history_not_read"]
    assert {line["chat"] for line in lines} == {str(key_of(channel)) for channel in channels}
    assert {line["reason"] for line in lines} == {"Discord had a fault of its own (status 503)"}


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_history_is_asked_for_again_after_a_fault_of_discords(friends: Friends, status: int) -> None:
    await friends.enable()
    friends.say("missed", HOUR)
    headers = {"Retry-After": "0.2"}
    friends.place.fake.play("GET", HISTORY, status=status, headers=headers, body=_wait(0.2), times=2)
    async with friends.service():
        await friends.stands("missed")


async def test_a_connection_that_breaks_during_the_history_is_made_again(friends: Friends) -> None:
    await friends.enable()
    friends.say("missed", HOUR)
    friends.place.fake.play("GET", HISTORY, then="drop", times=2)
    async with friends.service():
        await friends.stands("missed")


async def test_who_may_not_read_the_history_is_told_so_once_and_hears_what_is_said_now(
    friends: Friends,
) -> None:
    await friends.enable()
    friends.say("missed", HOUR)
    place = friends.place
    place.fake.deny(place.channel, place.bot.user, Permission.READ_MESSAGE_HISTORY)
    with capture_logs() as logs:
        async with friends.service() as connector:
            await soon(lambda: connector.hears)
            friends.say("now")
            await friends.stands("now")
            place.fake.invalidate(resumable=False)
            await soon(lambda: place.bot.identified == 2 and connector.hears)
            friends.say("then")
            await friends.stands("now", "then")
    reasons = [log["reason"] for log in logs if log["event"] == "discord.history_not_read"]
    assert reasons == ["the bot may not read the channel's history: give its role Read Message History"]
    assert friends.asked == 0


async def test_a_channel_that_is_gone_holds_up_no_other(friends: Friends) -> None:
    gone = ChatKey("discord", "4711")
    await friends.office.desk.chats.enable(Chat(gone, "gone"), "olivia")
    await friends.enable()
    friends.say("missed", HOUR)
    with capture_logs() as logs:
        async with friends.service() as connector:
            await friends.stands("missed")
            await soon(lambda: connector.hears)
    (line,) = [log for log in logs if log["event"] == "discord.history_not_read"]
    assert (line["chat"], line["reason"]) == (
        "discord/4711",
        "Discord has no such channel any more (status 404, code 10003)",
    )


async def test_a_store_that_goes_away_while_the_history_is_read_loses_nothing_and_doubles_nothing(
    friends: Friends,
) -> None:
    await friends.enable()
    said = [friends.say(str(number), HOUR) for number in range(120)]
    friends.place.fake.limits["GET", "/channels/{}/messages"] = Limit(1, 1.0)
    async with friends.service(history_messages=0) as connector:
        await soon(lambda: friends.asked == 1)
        async with stopped(server_pid(friends.office.settings)):
            await soon(lambda: friends.asked == 2)
            friends.say("now")
            # Longer than the store waits for an answer.
            await asyncio.sleep(6.0)
        await friends.stands(*map(str, range(120)), "now")
        await soon(lambda: connector.hears)
    assert friends.asked == 2
    assert (await friends.outcome(said[0])).outcome == "ignored"


async def test_by_a_clock_that_is_ahead_or_behind_what_was_missed_is_context_and_what_is_said_is_answered(
    settings: Settings, model: ModelServer, place: Place
) -> None:
    clock = JumpingClock()
    async with open_office(settings, clock) as office:
        friends = Friends(office, model, place)
        await friends.enable()
        for jump in (HOUR, -HOUR):
            clock.jump_seconds = jump
            missed = friends.say("missed just now")
            asked = friends.asked
            place.fake.play("GET", HISTORY, status=429, headers={"Retry-After": "1"}, body=_wait(1.0))
            async with friends.service():
                await soon(partial(_more, friends, asked))
                # This one will be fetched as well; it was heard, though.
                now = friends.say("now")
                assert (await friends.outcome(now)).outcome == "held"
                assert (await friends.outcome(missed)).outcome == "ignored"


async def test_a_long_outage_is_bounded_and_the_newest_is_kept(friends: Friends) -> None:
    channels = [friends.place.fake.text(friends.place.guild, f"room {number}") for number in range(40)]
    for channel in channels:
        await friends.enable(channel)
        for number in range(125):
            friends.say(str(number), HOUR, channel=channel)
    await friends.enable()
    for number in range(1300):
        friends.say(str(number), HOUR)
    with capture_logs() as logs:
        async with friends.service(history_messages=0) as connector:
            await soon(lambda: connector.hears, 120)
            for channel in channels:
                assert await friends.texts(channel) == [str(number) for number in range(125)]
            assert (await friends.texts())[-1] == "1299"
            outcomes = await friends.office.desk.chats.outcomes(friends.place.key)
    assert len(outcomes) == 1000
    assert friends.asked == 40 * 2 + 10
    (line,) = [log for log in logs if log["event"] == "discord.too_much_missed"]
    assert (line["chat"], line["kept"]) == (str(friends.place.key), 1000)


async def test_two_processes_that_come_back_at_once_take_each_message_once(friends: Friends) -> None:
    await friends.enable(mode=Mode.AUTO)
    said = [friends.say(str(number), HOUR) for number in range(60)]
    young = friends.say("young", 5)
    async with open_office(friends.office.settings) as other, friends.service(), friends.service(other):
        assert (await friends.outcome(young)).outcome == "answered"
        answer = friends.place.said()
        await friends.stands(*map(str, range(60)), "young", *answer)
    kinds = [entry.kind for entry in await friends.office.desk.journal.newest(500)]
    assert kinds.count("message.context") == len(said)
    assert kinds.count("message.accepted") == 1


@pytest.mark.parametrize("point", ["inbox.received", "inbox.accepted"])
async def test_a_crash_between_the_gateway_and_the_inbox_loses_nothing(
    friends: Friends, settings: Settings, point: str
) -> None:
    await friends.enable()
    place = friends.place
    async with DiscordProcess(settings, friends.model.url, place, faults=f"{point}=kill:2") as doomed:
        await doomed.running()
        await soon(lambda: place.fake.open_connections)
        first = friends.say("the first")
        await friends.outcome(first)
        second, third = friends.say("the second"), friends.say("the third")
        await doomed.died()
    async with DiscordProcess(settings, friends.model.url, place):
        for said in (first, second, third):
            assert (await friends.outcome(said)).outcome == "held"
        await friends.stands("the first", "the second", "the third")
    kinds = [entry.kind for entry in await friends.office.desk.journal.newest(100)]
    assert kinds.count("message.accepted") == 3


async def test_a_crash_on_the_kill_word_itself_does_not_unsay_it(
    friends: Friends, settings: Settings
) -> None:
    await friends.enable()
    place = friends.place
    async with DiscordProcess(settings, friends.model.url, place) as doomed:
        await doomed.running()
        await soon(lambda: place.fake.open_connections)
        doomed.process.send_signal(signal.SIGSTOP)
        friends.say("pineapple")
        doomed.kill()
    assert not await friends.killed()
    async with DiscordProcess(settings, friends.model.url, place):
        await until(friends.killed)


async def test_a_chat_whose_id_is_no_channels_keeps_no_other_from_being_heard(friends: Friends) -> None:
    await friends.office.desk.chats.enable(Chat(ChatKey("discord", "general"), "general"), "olivia")
    await friends.enable(mode=Mode.AUTO)
    missed = friends.say("hi Sam", 20.0)
    async with friends.service() as connector:
        assert (await friends.outcome(missed)).outcome == "answered"
        assert connector.hears


def _wait(seconds: float) -> dict[str, object]:
    """What Discord says to who has asked too often."""
    return {"retry_after": seconds, "global": False, "message": "You are being rate limited."}


def _more(friends: Friends, asked: int) -> bool:
    return friends.asked > asked
