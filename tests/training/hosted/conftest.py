"""Fixtures: a fine-tuning API on loopback, and a desk with a dataset before it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.hosted.server import FakeHost, fake_host
from tests.training.hosted.desk import Desk, build_dataset


@pytest.fixture
async def fake() -> AsyncIterator[FakeHost]:
    async with fake_host() as host:
        yield host


@pytest.fixture
def desk(fake: FakeHost, tmp_path: Path) -> Desk:
    return Desk(fake, tmp_path / "state", build_dataset(tmp_path / "dataset"))
