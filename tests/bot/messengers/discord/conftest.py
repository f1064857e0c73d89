"""A Discord server with a channel, two people, and the persona's bot."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.bot.messengers.discord.server import Place
from tests.fakes.discord.server import fake_discord


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with fake_discord() as fake:
        yield Place(fake)
        assert fake.violations == []
