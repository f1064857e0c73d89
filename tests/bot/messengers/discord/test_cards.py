"""Drafts as cards in the review channel, and what moderators do with them."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from bot.app import Office, open_service
from bot.review import REASONS
from bot.rewrites import NewText, Rewrites
from bot.store import store
from chat.message import ChatKey
from tests.bot.messengers.discord.reviewing import Review, gone, live, text_of
from tests.bot.messengers.discord.server import key_of
from tests.bot.playground import MODERATOR, OWNER
from tests.bot.promises.processes import server_pid, stopped
from tests.fakes.discord.client import soon
from tests.fakes.model_server import ModelServer, ServedEngine

ALL = ["Approve", "Edit", "Reject", "Regenerate"]


# What a card shows.


async def test_a_draft_that_waits_is_a_card_with_what_was_said_and_why_it_waits(review: Review) -> None:
    async with review.kept():
        await review.draft("sure", "see *you* there", text="Sam? @everyone **look**")
        card = await review.card()
        assert card.pings == []
        shown = text_of(card)
        assert "general in Friends" in shown
        assert r"**Mia** Sam? \@everyone \*\*look\*\*" in shown
        assert "> sure\n\n> see \\*you\\* there" in shown
        assert "a moderator decides" in shown
        assert "expires <t:" in shown
        assert live(card) == ALL
        # Nothing but the card, also after a while of looking.
        await asyncio.sleep(0.5)
        assert review.posted == [card]
        assert card.edited_at is None


async def test_what_was_said_in_another_messenger_does_not_go_to_discord_unasked(review: Review) -> None:
    other = ChatKey("local", "weekend")
    await review.open(other, "Weekend")
    elsewhere = await review.draft("a secret of the weekend", key=other)
    await review.draft("sure")
    async with review.kept():
        assert "a secret" not in text_of(await review.card())
    async with review.kept(review_other_messengers=True):
        await soon(lambda: len(review.posted) == 2)
        assert "a secret of the weekend" in text_of(review.posted[-1])
        await review.office.desk.reject(OWNER, elsewhere)
        await review.shows("Rejected by olivia\nlocal")


async def test_a_text_that_is_too_long_to_be_seen_whole_is_not_approved_from_a_card(review: Review) -> None:
    async with review.kept():
        draft = await review.draft("a\n" * 1900)
        card = await review.card()
        assert live(card) == ["Reject", "Regenerate"]
        assert "the dashboard shows it whole" in text_of(card)
        assert (await review.state(draft)).state == "held"


# What moderators do.


async def test_a_moderator_approves_and_the_card_says_so_without_its_buttons(review: Review) -> None:
    async with review.kept():
        draft = await review.draft("sure")
        card = await review.card()
        pressed = review.press(card, review.max, "Approve")
        await soon(lambda: not card.components)
        found = await review.state(draft)
        assert (found.state, found.decided_by) == ("approved", f"max discord/{review.max.id}")
        assert "approved by max" in text_of(card)
        assert pressed.followups == []


async def test_who_may_not_is_told_so_alone_and_nothing_is_done(review: Review) -> None:
    async with review.kept():
        draft = await review.draft("sure")
        card = await review.card()
        for label in ALL:
            told = await review.refused(review.press(card, review.place.mia, label))
            assert told.startswith("only a moderator may")
        assert (await review.state(draft)).state == "held"
        assert live(card) == ALL


async def test_an_edit_begins_with_the_draft_and_both_texts_are_kept(review: Review) -> None:
    async with review.kept():
        draft = await review.draft("sure", "see you")
        card = await review.card()
        opened = await review.modal(card, review.max, "Edit")
        assert opened.modal is not None
        (label,) = opened.modal["components"]
        assert label["component"]["value"] == "sure\nsee you"
        review.submit(opened, text="sure\n\nsee you at eight")
        await soon(lambda: not card.components)
        found = await review.state(draft)
        assert (found.state, found.bubbles) == ("approved", ("sure", "see you at eight"))
        assert (found.original, found.edited_by) == (("sure", "see you"), f"max discord/{review.max.id}")


async def test_an_edit_passes_the_rules(review: Review) -> None:
    async with review.kept():
        draft = await review.draft("sure")
        opened = await review.modal(await review.card(), review.max, "Edit")
        assert "it may not leave" in await review.refused(review.submit(opened, text="pineapple"))
        assert (await review.state(draft)).state == "held"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"reason": REASONS[1]}, REASONS[1]),
        ({"words": "he is in Rome"}, "he is in Rome"),
        ({"reason": REASONS[0], "words": "in Rome"}, "in Rome"),
        ({}, "rejected"),
    ],
)
async def test_a_rejection_has_a_usual_reason_or_other_words_or_none(
    review: Review, said: dict[str, str], reason: str
) -> None:
    async with review.kept():
        draft = await review.draft("sure")
        card = await review.card()
        review.submit(await review.modal(card, review.max, "Reject"), **said)
        await soon(lambda: not card.components)
        found = await review.state(draft)
        assert (found.state, found.reason) == ("rejected", reason)
        assert "Rejected by max" in text_of(card)
        # A person's own words may name somebody who wants to be forgotten later.
        assert "Rome" not in text_of(card)
        assert "Mia" not in text_of(card)


async def test_another_text_stands_on_the_card_and_the_old_one_is_approved_by_nobody(review: Review) -> None:
    rewrites = Rewrites(review.office.store, review.office.clock, 5.0)
    async with review.kept():
        draft = await review.draft("sure")
        card = await review.card()
        before = dataclasses.replace(card)
        opened = await review.modal(card, review.mona, "Edit")
        review.press(card, review.max, "Regenerate")
        await review.shows("another text is being written")
        assert live(card) == ["Reject"]
        rewrite = await rewrites.claim()
        assert rewrite is not None
        await rewrites.written(rewrite, NewText(("rather not",)), "another text was written", {})
        await review.shows("> rather not")
        assert "> sure" not in text_of(card)
        assert "text number 2" in text_of(card)
        assert live(card) == ALL
        data = {"custom_id": before.components[0]["components"][0]["custom_id"], "component_type": 2}
        # Somebody's screen still showed the old one.
        late = review.fake.invoke(review.place.bot, review.channel, review.mona, 3, data, before)
        assert "its text has changed meanwhile" in await review.refused(late)
        assert "its text has changed meanwhile" in await review.refused(review.submit(opened, text="yes"))
        assert (await review.state(draft)).state == "held"


async def test_of_two_who_press_at_once_one_decides_and_the_other_is_told(review: Review) -> None:
    async with review.kept():
        draft = await review.draft("sure")
        card = await review.card()
        opened = await review.modal(card, review.mona, "Reject")
        approving, rejecting = review.press(card, review.max, "Approve"), review.submit(opened)
        await soon(lambda: not card.components)
        await soon(lambda: approving.followups or rejecting.followups)
        loser = approving if approving.followups else rejecting
        assert "it has already been decided" in await review.refused(loser)
        assert not (approving.followups and rejecting.followups)
        found = await review.state(draft)
        assert found.state == ("rejected" if loser is approving else "approved")


async def test_a_decision_elsewhere_while_a_modal_is_open_stands(review: Review) -> None:
    async with review.kept():
        draft = await review.draft("sure")
        card = await review.card()
        opened = await review.modal(card, review.max, "Edit")
        await review.office.desk.reject(MODERATOR, draft, "not true")
        assert "rejected by max" in await review.refused(review.submit(opened, text="yes"))
        await review.shows("Rejected by max: not true")
        assert (await review.state(draft)).bubbles == ("sure",)


async def test_what_the_desk_refuses_is_told_in_its_words(review: Review) -> None:
    async with review.kept():
        draft = await review.draft("sure")
        card = await review.card()
        await review.office.desk.claim(MODERATOR, draft)
        await review.shows("max has it until")
        assert "max has taken it" in await review.refused(review.press(card, review.mona, "Approve"))
        assert "max has taken it" in await review.refused(
            review.submit(await review.modal(card, review.mona, "Reject"))
        )


async def test_without_a_store_nothing_is_decided_and_whoever_pressed_is_told(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_ANSWER_SECONDS", 0.3)
    async with review.kept():
        draft = await review.draft("sure")
        card = await review.card()
        async with stopped(server_pid(review.office.settings)):
            for label in ("Approve", "Edit"):
                told = await review.refused(review.press(card, review.max, label))
                assert told == "Redis cannot be reached; nothing is sent until it is back; press again then"
        assert (await review.state(draft)).state == "held"


async def test_a_press_that_discord_calls_late_decides_nothing(review: Review) -> None:
    async with review.kept():
        draft = await review.draft("sure")
        card = await review.card()
        review.fake.interaction_seconds = 0.0
        for label in ALL:
            review.press(card, review.max, label)
        await soon(lambda: review.fake.times_asked("POST", "/interactions/.*") == len(ALL))
        review.fake.interaction_seconds = 3.0
        await asyncio.sleep(0.2)
        assert (await review.state(draft)).state == "held"


async def test_buttons_and_modals_outlive_the_process_that_showed_them(review: Review) -> None:
    first, second = await review.draft("sure"), ""
    async with review.kept():
        card = await review.card()
        opened = await review.modal(card, review.max, "Edit")
    async with review.kept():
        review.submit(opened, text="yes")
        await soon(lambda: not card.components)
        assert (await review.state(first)).bubbles == ("yes",)
        other = key_of(review.fake.text(review.place.guild, "sports"))
        await review.open(other)
        second = await review.draft("later", key=other)
        await soon(lambda: len(review.posted) == 2)
    async with review.kept():
        review.press(review.posted[-1], review.max, "Approve")
        await soon(lambda: not review.posted[-1].components)
        assert (await review.state(second)).state == "approved"
    assert len(review.posted) == 2


async def test_a_message_becomes_a_card_an_approval_a_bubble_and_a_line(
    office: Office, model: ModelServer, review: Review
) -> None:
    connector = review.connector()
    async with open_service(office, [connector], ServedEngine(model.url)) as service:
        task = asyncio.create_task(service.run())
        try:
            await soon(lambda: connector.hears)
            review.fake.say(review.place.channel, review.place.mia, "are you coming?")
            card = await review.card()
            assert "the chat is in manual mode" in text_of(card)
            assert review.place.said() == []
            review.press(card, review.max, "Approve")
            await soon(review.place.said)
            await review.shows("Sent, approved by max")
            await gone(review)
            assert "coming" not in text_of(card)
            assert len(review.posted) == 1
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
