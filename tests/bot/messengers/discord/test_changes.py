"""What people change in a server while the bot is in it: roles, channels, permissions, and the bot itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.drafts import Draft
from safety.mode import Mode
from tests.bot.messengers.discord.friends import Friends
from tests.bot.messengers.discord.reviewing import Review, live
from tests.bot.messengers.discord.server import Heard, Place, listening
from tests.bot.playground import OWNER, until
from tests.fakes.discord.client import soon
from tests.fakes.discord.permissions import ORDINARY, Permission
from tests.fakes.discord.server import Play
from tests.fakes.discord.world import Role

SEND = r"/channels/\d+/messages"

# Roles.


@pytest.mark.parametrize("deleted", [False, True], ids=["taken", "deleted"])
async def test_who_has_lost_the_role_since_the_card_was_posted_decides_nothing(
    review: Review, deleted: bool
) -> None:
    role = review.place.role("crew", review.mona)
    async with review.kept(moderators=(), moderator_roles=(role,)):
        draft = await review.draft("sure")
        card = await review.card()
        # What a modal was shown for counts as little as what a card was.
        opened = [await review.modal(card, review.mona, label) for label in ("Edit", "Reject")]
        if deleted:
            review.fake.drop_role(review.place.guild, int(role))
        else:
            review.place.guild.members[review.mona.id].roles.clear()
        tried = [review.press(card, review.mona, label) for label in live(card)]
        tried += [review.submit(modal) for modal in opened]
        for one in tried:
            assert (await review.refused(one)).startswith("only a moderator may")
        found = await review.state(draft)
        assert (len(tried), found.state, found.bubbles, len(live(card))) == (6, "held", ("sure",), 4)
        if not deleted:
            review.place.guild.members[review.mona.id].roles.append(int(role))
            review.press(card, review.mona, "Approve")
            await review.shows("approved by mona")


# The bot is put out, or may not read, and comes back.


def _put_out(place: Place) -> None:
    place.fake.leave(place.guild, place.bot.user)


def _let_in(place: Place) -> None:
    place.fake.join(place.guild, place.bot.user)


def _hide(place: Place) -> None:
    place.fake.deny(place.channel, place.bot.user, Permission.VIEW_CHANNEL)


def _show(place: Place) -> None:
    place.fake.deny(place.channel, place.bot.user, Permission(0))


def _silence(place: Place) -> None:
    place.fake.allow(place.guild, place.guild.everyone, Permission.SEND_MESSAGES)


def _unsilence(place: Place) -> None:
    place.fake.allow(place.guild, place.guild.everyone, ORDINARY)


async def _waiting(friends: Friends) -> Draft:
    """A draft of a service that listens."""
    friends.say(f"<@{friends.place.bot.user.id}> are you coming?")

    async def held() -> object:
        return await friends.office.desk.drafts.waiting()

    await until(held)
    (draft,) = await friends.office.desk.drafts.waiting()
    return draft


@pytest.mark.parametrize(
    ("away", "back", "killed"),
    [
        (_put_out, _let_in, True),
        (_hide, _show, True),
        (_silence, _unsilence, True),
        (_put_out, _let_in, False),
    ],
    ids=["put out of the server", "channel hidden", "role that may not", "not killed"],
)
async def test_what_was_said_while_the_bot_was_shut_out_is_read_before_anything_leaves(
    friends: Friends, away: Callable[[Place], None], back: Callable[[Place], None], killed: bool
) -> None:
    place = friends.place
    await friends.enable()
    async with friends.service() as connector:
        draft = await _waiting(friends)
        away(place)
        meanwhile = "PINEAPPLE" if killed else "he is late"
        friends.say(meanwhile)
        # As many things at once as a session that is resumed tells of.
        back(place)
        await friends.stands("@Sam are you coming?", meanwhile)
        await soon(lambda: connector.hears)
        assert await friends.killed() is killed
        if killed:
            assert (await friends.office.desk.drafts.get(draft.id)).state in {"held", "frozen"}
        else:
            await friends.office.desk.approve(OWNER, draft.id)
            await soon(lambda: place.said() == list(draft.bubbles))


async def test_a_bot_that_is_given_a_role_reads_what_was_said_before_it_had_one(friends: Friends) -> None:
    place = friends.place
    place.fake.allow(place.guild, place.guild.everyone, Permission.SEND_MESSAGES)
    await friends.enable()
    friends.say("PINEAPPLE")
    async with friends.service() as connector:
        # Its history was given up, with a line.
        await soon(lambda: connector.hears)
        assert not await friends.killed()
        # Roles that are told of with a server are known by then.
        role = Role("stand-in", ORDINARY)
        place.guild.roles[role.id] = role
        shown = {"guild_id": str(place.guild.id), "role": role.shown()}
        (session,) = place.fake.sessions.values()
        session.tell("GUILD_ROLE_CREATE", shown)
        place.fake.give(place.guild, role, place.bot)
        await until(friends.killed)


async def test_an_approved_bubble_waits_through_a_kick_and_not_past_a_kill_word_that_was_said_meanwhile(
    friends: Friends,
) -> None:
    place, office = friends.place, friends.office
    await friends.enable()
    async with friends.service() as connector:
        draft = await _waiting(friends)
        limit = {"message": "You are being rate limited.", "retry_after": 3.0, "global": False}
        play = place.fake.play("POST", SEND, status=429, headers={"Retry-After": "3"}, body=limit)
        await office.desk.approve(OWNER, draft.id)
        await soon(lambda: play.met)
        _put_out(place)
        friends.say("PINEAPPLE")
        _let_in(place)

        async def frozen() -> bool:
            return (await office.desk.drafts.get(draft.id)).state == "frozen"

        await until(frozen)
        await soon(lambda: connector.hears)
    assert await friends.killed()
    assert place.said() == []


async def test_a_bubble_for_a_server_the_bot_was_put_out_of_is_one_line_and_other_servers_go_on(
    friends: Friends,
) -> None:
    place, office = friends.place, friends.office
    other = place.fake.text(place.fake.guild("Neighbours", place.olivia, place.mia, place.bot.user), "garden")
    await friends.enable()
    await friends.enable(other)
    async with friends.service() as connector:
        await soon(lambda: connector.hears)
        asked = friends.say(f"<@{place.bot.user.id}> are you coming?")

        async def held() -> object:
            return await office.desk.drafts.waiting()

        await until(held)
        (draft,) = await office.desk.drafts.waiting()
        _put_out(place)
        await soon(lambda: connector.troubles([place.key]))
        assert "\n" not in "".join(connector.troubles([place.key]).values())
        await office.desk.approve(OWNER, draft.id)
        found = await friends.outcome(asked)
        assert (found.outcome, found.reason) == (
            "failed",
            "the bot may not see this channel: give its role View Channel (status 403, code 50001)",
        )
        friends.say(f"<@{place.bot.user.id}> and you?", channel=other)
        await until(held)
        (second,) = await office.desk.drafts.waiting()
        await office.desk.approve(OWNER, second.id)
        await soon(lambda: place.said(other) == list(second.bubbles))


# The review channel.


async def test_a_review_channel_that_is_renamed_goes_on(review: Review) -> None:
    connector = review.connector()
    async with listening(connector, Heard()):
        draft = await review.draft("sure")
        card = await review.card()
        review.fake.rename(review.channel, "drafts-of-friends")
        review.press(card, review.max, "Approve")
        await review.shows("approved by max")
        assert (await review.state(draft)).state == "approved"
        assert connector.troubles(()) == {}


@pytest.mark.parametrize("deleted", [False, True], ids=["stands", "deleted"])
async def test_cards_move_to_a_channel_that_is_named_anew_and_are_decided_there(
    review: Review, deleted: bool
) -> None:
    old = review.channel
    async with review.kept():
        draft = await review.draft("sure")
        await review.card()
    if deleted:
        review.fake.remove(old)
    review.channel = review.fake.text(review.place.guild, "new-drafts")
    review.channel.overwrites = dict(old.overwrites)
    async with review.kept():
        card = await review.card()
        assert deleted or review.fake.posted(old) == []
        review.press(card, review.max, "Approve")
        await review.shows("approved by max")
        assert (await review.state(draft)).state == "approved"
    assert len(review.posted) == 1


# A limit of the whole account.


async def test_a_kill_word_counts_at_once_under_a_limit_of_the_account_and_nothing_leaves_when_it_ends(
    friends: Friends,
) -> None:
    place, office = friends.place, friends.office
    friends.model.say = lambda _: "one\ntwo\nthree"
    limit = {"message": "You are being rate limited.", "retry_after": 2.0, "global": True}
    headers = {"Retry-After": "2", "X-RateLimit-Global": "true"}
    await friends.enable(mode=Mode.AUTO)
    async with friends.service() as connector:
        await soon(lambda: connector.hears)
        place.fake.mood = lambda method, path: Play(method, path, status=429, headers=headers, body=limit)
        friends.say("hello everybody")
        await soon(lambda: place.fake.times_asked("POST", r"/channels/.*"))
        friends.say("PINEAPPLE")
        await until(friends.killed)
        assert connector.trouble, "the limit still holds"

        async def frozen() -> bool:
            return [draft.state for draft in await office.desk.drafts.newest()] == ["frozen"]

        await until(frozen)
        place.fake.mood = None
        await soon(lambda: not connector.trouble, 30.0)
        after = friends.say("still there?")
        assert (await friends.outcome(after)).outcome not in {"answered", "failed"}
    # The words that tell of the kill may.
    assert not {"one", "two", "three"} & {*place.said()}
