from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from safety.moderation.server import ModerationServer, Patience
from tests.fakes.moderation_server import FakeModerationServer


@pytest.fixture
async def server() -> AsyncIterator[FakeModerationServer]:
    async with FakeModerationServer() as server:
        yield server


@pytest.fixture
async def asking(server: FakeModerationServer) -> AsyncIterator[ModerationServer]:
    """The other end: asks the server, once."""
    async with ModerationServer(server.base_url, patience=Patience(attempts=1)) as asking:
        yield asking
