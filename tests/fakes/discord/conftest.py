"""A Discord for the tests of the fake itself."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.discord.server import FakeDiscord, fake_discord


@pytest.fixture
async def discord_server() -> AsyncIterator[FakeDiscord]:
    async with fake_discord() as server:
        yield server
        assert server.violations == []
