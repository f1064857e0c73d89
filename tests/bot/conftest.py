"""Fixtures for the service: a room on a real Redis, and a model server that says what a test wants."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.app import Office, Service
from tests.bot.playground import Playground, running
from tests.fakes.model_server import ModelServer, ServedEngine, model_server


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with model_server() as server:
        yield server


@pytest.fixture
async def room(office: Office) -> Playground:
    room = Playground(office)
    await room.open()
    return room


@pytest.fixture
async def service(office: Office, model: ModelServer, room: Playground) -> AsyncIterator[Service]:
    async with running(office, ServedEngine(model.url)) as service:
        yield service
