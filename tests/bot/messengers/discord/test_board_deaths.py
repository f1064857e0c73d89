"""Cards when the process that keeps the board is ended with SIGKILL: between post and record, press and decision."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.app import Office
from bot.drafts import Draft
from tests.bot.messengers.discord.reviewing import Review, live
from tests.bot.messengers.discord.server import DiscordProcess
from tests.fakes.discord.client import soon
from tests.fakes.discord.server import Play
from tests.fakes.model_server import ModelServer

CALLBACK = r"/interactions/\d+/.+/callback"


@pytest.fixture
async def process(office: Office, model: ModelServer, review: Review) -> AsyncIterator[DiscordProcess]:
    process = DiscordProcess(office.settings, model.url, review.place)
    process.set("DISCORD__REVIEW_CHANNEL", str(review.channel.id))
    process.set("DISCORD__MODERATORS", str(review.max.id))
    async with process:
        await process.running()
        yield process


@asynccontextmanager
async def killed_at(process: DiscordProcess, play: Play) -> AsyncIterator[None]:
    """End it with SIGKILL while it waits for an answer to what the block makes it ask."""
    yield
    await soon(lambda: play.met)
    process.kill()
    await process.died()


def say(review: Review) -> None:
    """What the process writes a draft for."""
    review.fake.say(review.place.channel, review.place.mia, "are you coming?")


async def the_draft(review: Review) -> Draft:
    (draft,) = await review.office.desk.drafts.newest()
    return draft


async def approve(review: Review) -> None:
    """Keep the board, and approve the one card there is."""
    async with review.kept():
        card = await review.card()
        review.press(card, review.max, "Approve")
        await soon(lambda: not card.components)
        found = await the_draft(review)
        assert (found.state, found.decided_by) == ("approved", f"max discord/{review.max.id}")


async def test_killed_after_the_post_and_before_its_record_there_is_one_card(
    review: Review, process: DiscordProcess
) -> None:
    play = review.fake.play("POST", f"/channels/{review.channel.id}/messages", then="hold", took=True)
    async with killed_at(process, play):
        say(review)
    assert len(review.posted) == 1
    # Too late for the nonce: the channel's history says that it stands there.
    review.fake.nonce_seconds = 0.0
    await approve(review)
    assert len(review.posted) == 1


@pytest.mark.parametrize("took", [True, False])
async def test_killed_between_press_and_decision_nothing_is_decided_and_the_next_press_counts(
    review: Review, process: DiscordProcess, took: bool
) -> None:
    say(review)
    card = await review.card()
    play = review.fake.play("POST", CALLBACK, then="hold", took=took)
    async with killed_at(process, play):
        review.press(card, review.max, "Approve")
    assert (await the_draft(review)).state == "held"
    assert len(live(card)) == 4
    await approve(review)


async def test_killed_between_decision_and_card_the_card_follows_later(
    review: Review, process: DiscordProcess
) -> None:
    say(review)
    card = await review.card()
    play = review.fake.play("PATCH", f"/channels/{review.channel.id}/messages/{card.id}", then="hold")
    async with killed_at(process, play):
        opened = await review.modal(card, review.max, "Reject")
        review.submit(opened, words="not now")
    assert (await the_draft(review)).state == "rejected"
    assert len(live(card)) == 4
    async with review.kept():
        await review.shows("Rejected by max")
        assert card.components == []
    assert len(review.posted) == 1
