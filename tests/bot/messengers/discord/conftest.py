"""A Discord server with a channel, two people, and the persona's bot."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.app import Office
from tests.bot.messengers.discord.friends import Friends
from tests.bot.messengers.discord.reviewing import Review
from tests.bot.messengers.discord.server import Place
from tests.bot.messengers.discord.steered import Steered, service_on
from tests.fakes.discord.server import fake_discord
from tests.fakes.discord.world import User
from tests.fakes.model_server import ModelServer


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with fake_discord() as fake:
        yield Place(fake)
        assert fake.violations == []


@pytest.fixture
async def steered(office: Office, model: ModelServer, place: Place) -> AsyncIterator[Steered]:
    async with service_on(office, model, place, moderators=(str(place.mia.id),)) as steered:
        yield steered


@pytest.fixture
def leo(place: Place) -> User:
    """Somebody with no role at all."""
    leo = place.fake.person("leo", "Leo")
    place.role("guests", leo)
    return leo


@pytest.fixture
async def review(office: Office, place: Place) -> Review:
    review = Review(office, place)
    await review.open()
    return review


@pytest.fixture
def friends(office: Office, model: ModelServer, place: Place) -> Friends:
    return Friends(office, model, place)
