from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from safety.rules.owner_present import OwnerPresentRule, OwnerPresentSettings
from safety.verdict import Outcome
from tests.safety.builders import NOON, gate


async def _outcome(seen: datetime | None, minutes: float = 10.0) -> Outcome:
    rule = OwnerPresentRule(OwnerPresentSettings(minutes))
    return (await rule.judge(gate(owner_seen=seen))).outcome


async def test_for_some_minutes_after_the_owner_was_seen_nothing_is_answered() -> None:
    assert await _outcome(NOON) is Outcome.DROP
    assert await _outcome(NOON - timedelta(minutes=9.9)) is Outcome.DROP
    assert await _outcome(NOON - timedelta(minutes=10)) is Outcome.ALLOW
    assert await _outcome(None) is Outcome.ALLOW


async def test_another_machines_clock_may_be_a_little_ahead_but_a_far_future_says_nothing() -> None:
    assert await _outcome(NOON + timedelta(seconds=5)) is Outcome.DROP
    assert await _outcome(NOON + timedelta(days=400)) is Outcome.ALLOW


async def test_it_can_be_switched_off() -> None:
    assert await _outcome(NOON, minutes=0) is Outcome.ALLOW


@pytest.mark.parametrize("minutes", [-1.0, float("nan")])
def test_minutes_that_make_no_sense_are_refused(minutes: float) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        OwnerPresentSettings(minutes)
