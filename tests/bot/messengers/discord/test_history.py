"""What was said before the bot listened: fetched, kept in its place, and answered only where it is young."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from chat.message import Author
from safety.consent import How, Purpose
from safety.kill import KillScope
from safety.mode import Mode
from tests.bot.messengers.discord.friends import HISTORY, HOUR, Friends
from tests.bot.messengers.discord.server import Heard, Place, key_of, listening
from tests.bot.playground import OWNER, until
from tests.fakes.discord.client import soon
from tests.fakes.discord.server import Limit


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


async def test_what_is_not_enabled_is_asked_of_nobody(place: Place) -> None:
    async with listening(place.connector(), Heard()) as heard:
        place.fake.say(place.channel, place.mia, "hello")
        await soon(lambda: heard.messages)
    assert place.fake.times_asked("GET", HISTORY) == 0


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


@pytest.mark.parametrize("archived", [False, True])
async def test_a_thread_in_the_review_channel_that_was_enabled_all_the_same_is_not_read(
    friends: Friends, archived: bool
) -> None:
    place = friends.place
    review = place.fake.text(place.guild, "drafts")
    thread = place.fake.thread(review, "about this one")
    await friends.enable(thread, mode=Mode.AUTO)
    await friends.enable(mode=Mode.AUTO)
    friends.say("would you send this, Sam?", 30.0, channel=thread)
    missed = friends.say("hi Sam", 20.0)
    place.fake.archive(thread, archived=archived)
    async with friends.service(review_channel=str(review.id)) as connector:
        await friends.outcome(missed)
        if not archived:
            friends.say("and this one?", channel=thread)
        await friends.outcome(friends.say("hi again"))
        key = key_of(thread)
        await soon(lambda: "drafts are reviewed there" in connector.troubles([key]).get(str(key), ""))
        assert archived or not connector.serves(key)
    assert await friends.texts(thread) == []
    assert place.said(thread) == []
