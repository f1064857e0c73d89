"""The board: cards follow what becomes of their drafts wherever that is decided, and each is posted once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bot.app import open_office
from bot.cards import Cards
from bot.errors import SettingsInvalid
from bot.forgetting import Forgetting
from bot.messengers.discord.settings import DiscordSettings
from bot.outbox import Outbox
from bot.people import Person, Role
from bot.settings import Settings
from chat.message import Author, Chat, ChatKey
from safety.consent import How, Purpose
from safety.kill import KillScope
from safety.traces import Traces
from tests.bot.dashboard.conftest import receive
from tests.bot.messengers.discord.reviewing import LEASE_SECONDS, Review, gone, live, text_of
from tests.bot.messengers.discord.server import Heard, key_of, listening
from tests.bot.playground import OWNER, until
from tests.fakes.discord.client import soon
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.server import Limit

Deed = Callable[[Review, str], Awaitable[object]]


async def _reject(review: Review, draft: str) -> None:
    await review.office.desk.reject(OWNER, draft, "he said _no_")


async def _expire(review: Review, draft: str) -> None:
    name = f"understudy:{{{review.office.store.partitions.of(review.place.key)}}}:draft:{draft}"
    await review.office.store.ask("hset", name, "expires_at", 1)
    await review.office.desk.drafts.sweep()


async def _owner_writes(review: Review, draft: str) -> None:
    await review.office.owner.here(review.place.key, "typing")


async def _opt_out(review: Review, draft: str) -> None:
    mia = Author(str(review.place.mia.id), "Mia")
    await review.office.consents.withdraw(review.place.key, mia, Purpose.ANSWERED, How.OWNER, "olivia")


async def _disable(review: Review, draft: str) -> None:
    await review.office.desk.disable(OWNER, review.place.key)


async def _forget(review: Review, draft: str) -> None:
    office = review.office
    forgetting = Forgetting(office.store, office.clock, office.desk.chats, office.consents)
    # Somebody may well be called as a field of what is stored.
    await forgetting.forget(Traces.of(["Mia", "chat"], [str(review.place.mia.id)]), "olivia")


@pytest.mark.parametrize(
    ("deed", "line"),
    [
        (_reject, "Rejected by olivia"),
        (_expire, "Expired: nobody approved it in time"),
        (_owner_writes, "Void: the owner is here"),
        (_opt_out, "Void: who it answers does not want to be answered"),
        # Voided, and then taken out whole: the card says the one or the other.
        (_forget, ""),
        (_disable, "Erased: the chat was disabled"),
    ],
)
async def test_what_is_decided_elsewhere_is_on_the_card_and_nothing_else_is(
    review: Review, deed: Deed, line: str
) -> None:
    async with review.kept():
        draft = await review.draft("sure, a secret", text="is it a secret?")
        card = await review.card()
        await deed(review, draft)
        await review.shows(line)
        await gone(review)
    for word in ("secret", "Mia", "general", "_no_"):
        assert word not in text_of(card)
    assert card.components == []


async def test_what_was_decided_while_nobody_kept_the_board_is_on_the_card_later(review: Review) -> None:
    async with review.kept():
        await review.draft("a secret")
        card = await review.card()
    await _disable(review, "")
    assert "a secret" in text_of(card)
    async with review.kept(review_channel=""):
        await review.shows("Erased")
        await gone(review)
    assert "secret" not in text_of(card)


async def test_who_is_forgotten_is_quoted_on_no_card_that_still_waits(review: Review) -> None:
    leo = Author("4711", "Leo")
    async with review.kept():
        await receive(review.office, review.message("I am ill", leo))
        claimed = await review.draft("sure", text="poor Leo")
        card = await review.card()
        assert "I am ill" in text_of(card)
        key = review.place.key
        name = f"understudy:{{{review.office.store.partitions.of(key)}}}:draft:{claimed}"
        # It answers Mia alone.
        await review.office.store.ask("hset", name, "authors", f'["{review.place.mia.id}"]')
        await review.office.consents.withdraw(key, leo, Purpose.ANSWERED, How.OWNER, "olivia")
        await soon(lambda: "I am ill" not in text_of(card))
        assert "poor Leo" in text_of(card)
        assert (await review.state(claimed)).state == "held"


async def test_a_kill_takes_what_lets_leave_off_the_cards_until_the_owner_resumes(review: Review) -> None:
    async with review.kept():
        await review.draft("sure")
        card = await review.card()
        await review.office.desk.kill(Person("vera", Role.VIEWER), KillScope.everywhere())
        await review.shows("a kill is in force: the owner must resume first")
        assert live(card) == ["Reject"]
        await review.office.desk.resume(OWNER, KillScope.everywhere())
        await soon(lambda: len(live(card)) == 4)


async def test_what_was_approved_and_a_kill_froze_can_be_decided_again(review: Review) -> None:
    async with review.kept():
        draft = await review.draft("sure")
        card = await review.card()
        review.press(card, review.max, "Approve")
        await soon(lambda: not card.components)
        await review.office.desk.kill(OWNER, KillScope.everywhere())
        outbox = Outbox(review.office.store, review.office.clock, review.office.settings.outbox)
        outgoing = await outbox.claim("discord")
        assert outgoing is not None
        assert await outbox.fence(outgoing, idempotent=True) != "go"
        await review.shows("frozen: a kill stopped it")
        await review.office.desk.resume(OWNER, KillScope.everywhere())
        await soon(lambda: len(live(card)) == 4)
        assert (await review.state(draft)).state == "frozen"


async def test_a_thread_may_be_where_drafts_are_reviewed(review: Review) -> None:
    review.channel = review.fake.thread(review.channel, "drafts of today")
    async with review.kept():
        draft = await review.draft("sure")
        review.press(await review.card(), review.max, "Approve")
        await review.shows("approved by max")
        assert (await review.state(draft)).state == "approved"


# Once.


async def test_two_processes_post_one_card(review: Review) -> None:
    other = review.connector()
    async with review.kept(), listening(other, Heard()):
        for number in range(3):
            key = key_of(review.fake.text(review.place.guild, f"talk-{number}"))
            await review.open(key)
            await review.draft("sure", key=key)
        await soon(lambda: len(review.posted) >= 3)
        await asyncio.sleep(LEASE_SECONDS * 2)
    assert len(review.posted) == 3
    # Not by the nonce: one of them had each card in hand.
    assert review.fake.times_asked("POST", f"/channels/{review.channel.id}/messages") == 3


@pytest.mark.parametrize("posted", [True, False])
@pytest.mark.parametrize("decided", [True, False])
async def test_a_process_that_died_between_post_and_record_leaves_one_card(
    review: Review, posted: bool, decided: bool
) -> None:
    draft = await review.draft("a secret")
    dead = Cards(review.office.store, review.office.clock, LEASE_SECONDS)
    if posted:
        # The answer never comes: whoever waits for it holds the card, until its lease ends.
        play = review.fake.play("POST", f"/channels/{review.channel.id}/messages", then="hold", took=True)
        task = asyncio.create_task(_kept_until_killed(review))
        await soon(lambda: play.met)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert len(review.posted) == 1
    # What stands in Redis after a SIGKILL: a card in the hand of nobody who lives, with no message.
    name = f"understudy:{{{review.office.store.partitions.of(review.place.key)}}}:card:{draft}"
    await review.office.store.ask("delete", name)
    assert await dead.take(draft, review.place.key, str(review.channel.id)) is not None
    review.fake.nonce_seconds = 0.0
    if decided:
        await review.office.desk.reject(OWNER, draft)
    async with review.kept():
        if decided:
            await gone(review)
        else:
            await review.card()

            async def known() -> bool:
                return all(card.face for card in await review.cards.all())

            await until(known)
    assert len(review.posted) == (1 if posted or not decided else 0)
    assert all("secret" in text_of(card) for card in review.posted) is (not decided or not posted)


async def _kept_until_killed(review: Review) -> None:
    async with review.kept():
        await asyncio.Event().wait()


async def test_a_card_whose_answer_was_lost_stands_there_once(review: Review) -> None:
    review.fake.play("POST", f"/channels/{review.channel.id}/messages", then="drop", took=True)
    async with review.kept():
        await review.draft("sure")

        async def known() -> bool:
            return any(card.face for card in await review.cards.all())

        await until(known, 60.0)
    assert len(review.posted) == 1


# What goes wrong.


async def test_a_card_that_somebody_deleted_is_not_posted_again(review: Review) -> None:
    async with review.kept():
        draft = await review.draft("sure")
        card = await review.card()
        review.fake.delete(card)
        await review.office.desk.claim(OWNER, draft)

        async def lost() -> bool:
            return [one.gone for one in await review.cards.all()] == [True]

        await until(lost)
        await asyncio.sleep(LEASE_SECONDS)
        assert review.posted == []
        await review.office.desk.reject(OWNER, draft)
        await gone(review)


async def test_without_permission_one_line_says_so_and_later_the_cards_come(review: Review) -> None:
    mine = review.place.bot.user.id
    review.channel.overwrites[mine] = (Permission.VIEW_CHANNEL, Permission(0))
    await review.draft("sure")
    connector = review.connector()
    async with listening(connector, Heard()):
        await soon(lambda: connector.troubles(()))
        assert connector.troubles(()) == {
            f"discord/{review.channel.id}": "in the review channel the bot's role needs Embed Links"
        }
        await asyncio.sleep(1.5)
        assert review.fake.times_asked("POST", f"/channels/{review.channel.id}/messages") == 0
        review.channel.overwrites[mine] = (Permission.VIEW_CHANNEL | Permission.EMBED_LINKS, Permission(0))
        review.fake.rename(review.channel, "drafts")
        await review.card()
        await soon(lambda: not connector.troubles(()))


async def test_a_channel_that_is_gone_is_said_in_one_line_and_the_rest_goes_on(review: Review) -> None:
    connector = review.connector()
    async with listening(connector, Heard()) as heard:
        first = await review.draft("sure")
        await review.card()
        review.fake.remove(review.channel)
        await soon(lambda: connector.troubles(()))
        (line,) = connector.troubles(()).values()
        assert line == "the review channel: Discord has no such channel any more (status 404, code 10003)"
        await review.office.desk.reject(OWNER, first)
        await gone(review)
        review.fake.say(review.place.channel, review.place.mia, "still there?")
        await soon(lambda: heard.texts == ["still there?"])


async def test_everybody_who_could_read_along_is_warned_of(review: Review) -> None:
    review.channel.overwrites.pop(review.place.guild.id)
    connector = review.connector()
    async with listening(connector, Heard()):
        await soon(lambda: connector.troubles(()))
        (line,) = connector.troubles(()).values()
        assert line.startswith("everybody in the server can see the review channel")
        # It is a warning.
        await review.draft("sure")
        await review.card()


async def test_a_rate_limit_on_a_cards_edit_is_waited_for(review: Review) -> None:
    async with review.kept():
        draft = await review.draft("sure")
        card = await review.card()
        path = f"/channels/{review.channel.id}/messages/{card.id}"
        body = {"message": "You are being rate limited.", "retry_after": 0.3, "global": False}
        play = review.fake.play("PATCH", path, status=429, headers={"Retry-After": "0.3"}, body=body, times=2)
        await review.office.desk.reject(OWNER, draft)
        await review.shows("Rejected by olivia")
        assert play.met == 2


async def test_fifty_drafts_at_once_are_fifty_cards(review: Review) -> None:
    route = "/channels/{}/messages"
    review.fake.limits["POST", route] = Limit(5, 0.3)
    review.fake.limits["PATCH", f"{route}/{{}}"] = Limit(5, 0.3)
    keys = [ChatKey("discord", str(10_000 + number)) for number in range(50)]
    for key in keys:
        await review.open(key)
    drafts = [await review.draft("sure", key=key) for key in keys]
    async with review.kept():
        await soon(lambda: len(review.posted) == 50, 60.0)
        for draft in drafts:
            await review.office.desk.reject(OWNER, draft)
        await soon(lambda: all(not card.components for card in review.posted), 60.0)
    shown = [text_of(card).split("draft ")[-1] for card in review.posted]
    assert sorted(shown) == sorted(drafts)


# No chat.


async def test_nobody_lets_the_stand_in_into_the_review_channel(settings: Settings) -> None:
    discord = DiscordSettings(review_channel="7")
    async with open_office(settings.model_copy(update={"discord": discord})) as office:
        with pytest.raises(SettingsInvalid, match="drafts are reviewed in discord/7"):
            await office.desk.enable(OWNER, Chat(ChatKey("discord", "7"), "drafts"))
        await office.desk.enable(OWNER, Chat(ChatKey("discord", "8"), "general"))


async def test_the_review_channel_is_no_chat_but_a_kill_word_counts_there(review: Review) -> None:
    await review.open(key_of(review.channel))
    thread = review.fake.thread(review.channel, "about this one")
    connector = review.connector()
    async with listening(connector, Heard()) as heard:
        assert [connector.serves(key_of(one)) for one in (review.channel, review.place.channel)] == [
            False,
            True,
        ]
        await review.draft("sure")
        await review.card()
        review.fake.say(review.channel, review.max, "I would say no")
        review.fake.say(thread, review.max, "me too")
        review.fake.type(review.channel, review.place.olivia)
        review.fake.say(review.place.channel, review.place.mia, "hi")
        await soon(lambda: heard.texts == ["hi"])
        assert heard.typing == []
        await soon(lambda: [one.text for one in heard.early] == ["I would say no", "me too", "hi"])
