"""What was said before the bot listened: fetched, kept in its place, and answered only where it is young."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.app import Office, open_office, open_service
from bot.chats import MessageOutcome
from bot.messengers.discord import history
from bot.messengers.discord.connector import DiscordConnector
from bot.settings import Settings
from chat.message import Author, Chat, ChatKey
from safety.consent import How, Purpose
from safety.disclosure import Disclosure
from safety.kill import KillScope
from safety.mode import ChatPolicy, Mode
from tests.bot.messengers.discord.server import DiscordProcess, Heard, Place, key_of, listening
from tests.bot.playground import OWNER, PENDING, let_in, until
from tests.bot.promises.processes import server_pid, stopped
from tests.fakes.clock import JumpingClock
from tests.fakes.discord.client import soon
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.server import Limit
from tests.fakes.discord.world import Channel, Posted, User, snowflake
from tests.fakes.model_server import ModelServer, ServedEngine

HISTORY = r"/channels/\d+/messages"
HOUR = 3600.0


class Friends:
    """What is said in the place's channels while nobody listens, and what the service makes of it."""

    def __init__(self, office: Office, model: ModelServer, place: Place) -> None:
        self.office = office
        self.model = model
        self.place = place

    async def enable(
        self, channel: Channel | None = None, ago: float = 24 * HOUR, mode: Mode = Mode.MANUAL
    ) -> None:
        key = key_of(channel or self.place.channel)
        policy = ChatPolicy(mode=mode, probability=1.0, disclosure=frozenset({Disclosure.REVEALED}))
        await self.office.desk.chats.enable(Chat(key, "general"), "olivia", policy)
        await let_in(self.office, key, ago)

    def say(
        self, text: str, ago: float = 0.0, author: User | None = None, channel: Channel | None = None
    ) -> Posted:
        place = self.place
        at = snowflake(time.time() - ago)
        return place.fake.say(channel or place.channel, author or place.mia, text, id=at)

    @asynccontextmanager
    async def service(self, office: Office | None = None, **fields: Any) -> AsyncIterator[DiscordConnector]:  # noqa: ANN401
        connector = self.place.connector(**fields)
        async with open_service(office or self.office, [connector], ServedEngine(self.model.url)) as service:
            task = asyncio.create_task(service.run())
            try:
                yield connector
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def texts(self, channel: Channel | None = None) -> list[str]:
        key = key_of(channel or self.place.channel)
        return [message.text for message in await self.office.desk.chats.transcript(key)]

    async def stands(self, *texts: str, channel: Channel | None = None) -> None:
        """Wait until just that is the transcript."""

        async def same() -> bool:
            return await self.texts(channel) == [*texts]

        try:
            await until(same)
        except TimeoutError:
            assert await self.texts(channel) == [*texts]

    async def outcome(self, posted: Posted) -> MessageOutcome:
        key = key_of(posted.channel)

        async def settled() -> bool:
            found = (await self.office.desk.chats.outcomes(key)).get(str(posted.id))
            return found is not None and found.outcome not in PENDING

        await until(settled)
        return (await self.office.desk.chats.outcomes(key))[str(posted.id)]

    async def killed(self) -> bool:
        return bool(await self.office.kill_switch.kills())

    @property
    def asked(self) -> int:
        """How often Discord was asked for history."""
        return self.place.fake.times_asked("GET", HISTORY)


@pytest.fixture
def friends(office: Office, model: ModelServer, place: Place) -> Friends:
    return Friends(office, model, place)


async def test_history_before_joining_is_context_and_decides_nothing(friends: Friends) -> None:
    leo = friends.place.fake.person("leo", "Leo")
    for number in range(8):
        friends.say(f"old {number}", HOUR)
    for text in ("pineapple", "stop talking to me", "sam?"):
        friends.say(text, HOUR - 1)
    friends.say("I am not here", HOUR - 2, leo)
    friends.say("it is really me", HOUR - 3, friends.place.olivia)
    await friends.enable(ago=60)
    await friends.office.consents.withdraw(
        friends.place.key, Author(str(leo.id), "Leo"), Purpose.ANSWERED, How.OWNER, "olivia"
    )
    async with friends.service(history_messages=7):
        await friends.stands("old 6", "old 7", "pineapple", "stop talking to me", "sam?", "it is really me")
        said = friends.say("who brings the tent?")
        assert (await friends.outcome(said)).outcome == "held"
    assert not await friends.killed()
    assert (await friends.office.desk.chats.get(friends.place.key)).owner_seen is None
    shown = str(friends.model.prompts[-1])
    assert shown.index("old 6") < shown.index("sam?") < shown.index("who brings the tent?")


async def test_without_history_the_first_thing_kept_is_what_was_said_since(friends: Friends) -> None:
    friends.say("before", HOUR)
    await friends.enable(ago=60)
    friends.say("since", 30)
    async with friends.service(history_messages=0):
        await friends.stands("since")


async def test_a_chat_that_is_enabled_later_gets_its_history_when_it_is_next_heard(friends: Friends) -> None:
    async with friends.service() as connector:
        await soon(lambda: connector.hears)
        with capture_logs() as logs:
            friends.say("pineapples, anybody?", HOUR)
            friends.say("before", 1)
            await soon(lambda: [log.get("received") for log in logs].count("off") == 2)
        await friends.office.desk.resume(OWNER, KillScope.everywhere())
        await friends.enable(ago=0)
        said = friends.say("hello")
        await friends.stands("pineapples, anybody?", "before", "hello")
        assert (await friends.outcome(said)).outcome == "held"
        assert not await friends.killed()


async def test_what_was_missed_is_recorded_in_order_before_what_is_said_now(friends: Friends) -> None:
    await friends.enable()
    first = friends.say("first", 3 * HOUR)
    async with friends.service():
        assert (await friends.outcome(first)).outcome == "ignored"
    friends.say("missed long ago", 2 * HOUR)
    old = friends.say("missed as well", HOUR, friends.place.olivia)
    young = friends.say("missed lately", 60)
    async with friends.service() as connector:
        assert (await friends.outcome(young)).outcome == "held"
        await soon(lambda: connector.hears)
        now = friends.say("now")
        await friends.stands("first", "missed long ago", "missed as well", "missed lately", "now")
        assert (await friends.outcome(now)).outcome == "held"
    assert (await friends.outcome(old)).outcome == "own"


async def test_what_is_younger_than_the_setting_is_answered_once(friends: Friends) -> None:
    await friends.enable(mode=Mode.AUTO)
    old = friends.say("too old", 300)
    young = friends.say("young enough", 200)
    async with friends.service(answer_within_minutes=4):
        assert (await friends.outcome(young)).outcome == "answered"
        assert (await friends.outcome(old)).reason == "it was missed, and is older than 4 minutes"
    before = friends.place.said()
    async with friends.service(answer_within_minutes=4) as connector:
        await soon(lambda: connector.hears)
        await friends.stands("too old", "young enough", *before)
    assert friends.place.said() == before


async def test_after_a_session_that_cannot_be_resumed_what_was_missed_is_heard_and_a_kill_word_counts(
    friends: Friends,
) -> None:
    await friends.enable()
    fake = friends.place.fake
    async with friends.service() as connector:
        await soon(lambda: connector.hears)
        friends.say("one")
        await friends.stands("one")
        fake.tells = False
        friends.say("two")
        fake.invalidate(resumable=False)
        await soon(lambda: not connector.hears)
        friends.say("PINEAPPLE")
        fake.tells = True
        await until(friends.killed)
        await soon(lambda: connector.hears)
        friends.say("four")
        await friends.stands("one", "two", "PINEAPPLE", "four")
    assert friends.place.bot.identified == 2


async def test_a_resumed_session_asks_for_nothing(friends: Friends) -> None:
    await friends.enable()
    async with friends.service() as connector:
        await soon(lambda: connector.hears)
        before = friends.asked
        friends.place.fake.cut()
        friends.say("meanwhile")
        await friends.stands("meanwhile")
    assert friends.asked == before
    assert friends.place.bot.identified == 1


async def test_while_a_chat_is_read_up_on_what_is_said_waits_a_kill_word_does_not_and_nothing_leaves(
    friends: Friends,
) -> None:
    await friends.enable()
    for number in range(150):
        friends.say(str(number), 2 * HOUR)
    friends.place.fake.limits["GET", "/channels/{}/messages"] = Limit(1, 2.0)
    async with friends.service(history_messages=0) as connector:
        await soon(lambda: friends.asked == 1)
        friends.say("now")
        friends.say("pineapple")
        await until(friends.killed)
        assert await friends.texts() == []
        assert not connector.hears
        await friends.stands(*map(str, range(150)), "now", "pineapple")
        await soon(lambda: connector.hears)


async def test_an_old_missed_kill_word_kills_unless_somebody_has_resumed_since(friends: Friends) -> None:
    await friends.enable()
    friends.say("pineapple", 5 * HOUR)
    async with friends.service():
        await until(friends.killed)
        await friends.office.desk.resume(OWNER, KillScope.everywhere())
    friends.say("pineapple again", HOUR)
    async with friends.service():
        await friends.stands("pineapple", "pineapple again")
    assert not await friends.killed()
    kinds = [entry.kind for entry in await friends.office.desk.journal.newest(50)]
    assert kinds.count("kill") == kinds.count("kill_word.lifted") == 1


async def test_edits_and_deletes_that_were_missed_are_seen_where_the_newest_messages_show_them(
    friends: Friends,
) -> None:
    await friends.enable()
    async with friends.service():
        said = [friends.say(text, ago) for text, ago in (("apple", 9.0), ("tent", 8.0), ("lake", 7.0))]
        await friends.stands("apple", "tent", "lake")
    fake = friends.place.fake
    fake.edit(said[0], "pineapple")
    fake.delete(said[1])
    async with friends.service() as connector:
        await friends.stands("pineapple", "lake")
        await soon(lambda: connector.hears)
        assert await friends.killed()


async def test_what_is_edited_or_deleted_while_it_is_fetched_is_as_it_stands_in_the_end(
    friends: Friends,
) -> None:
    await friends.enable()
    said = [friends.say(str(number), HOUR) for number in range(101)]
    fake = friends.place.fake
    fake.limits["GET", "/channels/{}/messages"] = Limit(1, 2.0)
    async with friends.service(history_messages=0):
        await soon(lambda: friends.asked == 1)
        fake.edit(said[-1], "a hundred, and pineapple")
        fake.delete(said[-2])
        await until(friends.killed)
        assert await friends.texts() == []
        await friends.stands(*map(str, range(99)), "a hundred, and pineapple")


async def test_a_channel_that_was_emptied_meanwhile_is_known_to_be_empty(friends: Friends) -> None:
    await friends.enable()
    async with friends.service():
        posted = friends.say("hi Sam")
        assert (await friends.outcome(posted)).outcome == "held"
    friends.place.fake.delete(posted)
    async with friends.service():
        await friends.stands()
        assert (await friends.outcome(posted)).outcome == "deleted"
        assert await friends.office.desk.drafts.waiting() == ()


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


async def test_what_the_gateway_told_nobody_of_the_bot_and_its_owner_is_their_own(friends: Friends) -> None:
    await friends.enable()
    friends.say("by the bot", 2 * HOUR, friends.place.bot.user)
    friends.say("from my phone", HOUR, friends.place.olivia)
    async with friends.service():
        await friends.stands("by the bot", "from my phone")
    found = await friends.office.desk.chats.transcript(friends.place.key)
    assert [(one.own, one.stand_in) for one in found] == [(True, True), (True, False)]


async def test_threads_and_direct_conversations_are_read_up_on_and_archived_ones_stay_so(
    friends: Friends,
) -> None:
    fake, place = friends.place.fake, friends.place
    thread, archived = fake.thread(place.channel, "tents"), fake.thread(place.channel, "food")
    direct = fake.direct(place.bot.user, place.mia)
    places = (thread, archived, direct)
    for channel in places:
        await friends.enable(channel)
        friends.say("hello", HOUR, channel=channel)
    fake.archive(archived)
    async with friends.service():
        for channel in places:
            await friends.stands("hello", channel=channel)
    assert archived.archived


async def test_threads_that_were_begun_meanwhile_are_read_up_on_and_follow_their_channel(
    friends: Friends,
) -> None:
    fake, place = friends.place.fake, friends.place
    await friends.enable(ago=2 * HOUR)
    quiet, thread = fake.thread(place.channel, "quiet"), fake.thread(place.channel, "tents")
    post = fake.thread(fake.forum(place.guild, "elsewhere"), "not enabled")
    friends.say("long before", 3 * HOUR, channel=quiet)
    for channel in (thread, post):
        friends.say("pineapple", HOUR, channel=channel)
        friends.say("missed", channel=channel)
    async with friends.service() as connector:
        await friends.stands("pineapple", "missed", channel=thread)
        await soon(lambda: connector.hears)
    assert await friends.killed()
    assert await friends.office.desk.chats.transcript(key_of(post)) == ()
    assert {chat.chat.key for chat in await friends.office.desk.chats.all()} == {place.key, key_of(thread)}


async def test_a_forum_has_no_history_of_its_own_and_its_posts_have(friends: Friends) -> None:
    fake = friends.place.fake
    forum = fake.forum(friends.place.guild, "ideas")
    await friends.enable(forum)
    post = fake.thread(forum, "the lake")
    friends.say("missed", HOUR, channel=post)
    async with friends.service() as connector:
        await friends.stands("missed", channel=post)
        await soon(lambda: connector.hears)
    assert fake.times_asked("GET", f"/channels/{forum.id}/messages") == 0


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


async def test_people_keep_the_names_by_which_they_were_heard(friends: Friends) -> None:
    place = friends.place
    place.guild.members[place.mia.id].nick = "Mia from work"
    await friends.enable()
    async with friends.service() as connector:
        await soon(lambda: connector.hears)
        friends.say("heard")
        await friends.stands("heard")
    friends.say("missed")
    async with friends.service():
        await friends.stands("heard", "missed")
    found = await friends.office.desk.chats.transcript(place.key)
    assert [message.author.name for message in found] == ["Mia from work"] * 2


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


async def test_what_is_not_enabled_is_asked_of_nobody(place: Place) -> None:
    async with listening(place.connector(), Heard()) as heard:
        place.fake.say(place.channel, place.mia, "hello")
        await soon(lambda: heard.messages)
    assert place.fake.times_asked("GET", HISTORY) == 0


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


def _wait(seconds: float) -> dict[str, object]:
    """What Discord says to who has asked too often."""
    return {"retry_after": seconds, "global": False, "message": "You are being rate limited."}


def _more(friends: Friends, asked: int) -> bool:
    return friends.asked > asked


async def test_a_review_thread_in_an_enabled_channel_is_read_and_followed_by_nobody(friends: Friends) -> None:
    place = friends.place
    await friends.enable(mode=Mode.AUTO)
    review = place.fake.thread(place.channel, "drafts")
    for ago in (60.0, 30.0):
        friends.say("would you send this?", ago, channel=review)
    missed = friends.say("hi Sam", 20.0)
    async with friends.service(review_channel=str(review.id)):
        await friends.outcome(missed)
        friends.say("and this one?", channel=review)
        await friends.outcome(friends.say("hi again"))
        assert [state.chat.key for state in await friends.office.desk.chats.all()] == [place.key]
    assert place.said(review) == []


async def test_a_chat_whose_id_is_no_channels_keeps_no_other_from_being_heard(friends: Friends) -> None:
    await friends.office.desk.chats.enable(Chat(ChatKey("discord", "general"), "general"), "olivia")
    await friends.enable(mode=Mode.AUTO)
    missed = friends.say("hi Sam", 20.0)
    async with friends.service() as connector:
        assert (await friends.outcome(missed)).outcome == "answered"
        assert connector.hears
