"""Fixtures for the tests that try to break the promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.inbox import InboxSettings
from bot.outbox import OutboxSettings
from bot.settings import RuleSettings, Settings
from bot.worker import WorkerSettings
from safety.rules.commitment import CommitmentSettings
from safety.rules.rate_limit import RateLimitSettings
from tests.fakes.persona import write_persona


@pytest.fixture
def settings(state_dir: Path) -> Settings:
    """Settings under which a dead process is soon followed by another, and nothing is refused for being much."""
    return Settings(
        state_dir=state_dir,
        persona=write_persona(state_dir / "persona"),
        turns=InboxSettings(pause_seconds=0.02, longest_pause_seconds=0.2),
        worker=WorkerSettings(lease_seconds=0.7, retry_seconds=0.1, most_attempts=50),
        outbox=OutboxSettings(
            lease_seconds=0.7,
            retry_seconds=0.1,
            send_timeout_seconds=1.5,
            moved_past_messages=1000,
            most_tries=50,
        ),
        rules=RuleSettings(
            # The friends of these tests answer faster than people type.
            off=("loop",),
            rate_limit=RateLimitSettings(
                chat_answers=10_000,
                person_answers=10_000,
                account_answers=10_000,
                everywhere_answers=10_000,
            ),
            # The model of the tests says "sure" to everything, which would wait for a person.
            commitment=CommitmentSettings(kinds=()),
        ),
    )
