from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.rules.rate_limit import RateLimitRule, RateLimitSettings
from safety.verdict import Outcome
from tests.safety.builders import BOT, MIA, SAM, TOM, MemoryWindows, gate, message

SETTINGS = RateLimitSettings(chat_answers=3, chat_seconds=60, person_answers=2, person_seconds=600)


def rule(settings: RateLimitSettings = SETTINGS) -> RateLimitRule:
    return RateLimitRule(MemoryWindows(), settings)


async def test_a_chat_is_answered_up_to_its_limit() -> None:
    asked = rule(RateLimitSettings(chat_answers=3, chat_seconds=60, person_answers=99))
    for at in range(3):
        assert (await asked.judge(gate(message(id=f"m{at}"), after=at))).outcome is Outcome.ALLOW
    verdict = await asked.judge(gate(message(id="m3"), after=10))
    assert verdict.outcome is Outcome.DROP
    assert verdict.facts == {"window": "chat", "retry_after": 50.0}
    assert (await asked.judge(gate(message(id="m4"), after=59.9))).outcome is Outcome.DROP
    assert (await asked.judge(gate(message(id="m5"), after=60))).outcome is Outcome.ALLOW


async def test_a_person_is_answered_up_to_theirs_and_others_still_are() -> None:
    asked = rule()
    for at in range(2):
        assert (await asked.judge(gate(message(id=f"m{at}")))).outcome is Outcome.ALLOW
    verdict = await asked.judge(gate(message(id="m2"), after=100))
    assert verdict.outcome is Outcome.DROP
    assert verdict.facts == {"window": "person", "retry_after": 500.0}
    assert "whoever wrote" in verdict.reason
    assert MIA.id not in repr(verdict)
    assert (await asked.judge(gate(message("hi", TOM, "t1"), after=100))).outcome is Outcome.ALLOW


async def test_everybody_who_wrote_in_the_turn_is_counted_but_the_owner() -> None:
    asked = rule(RateLimitSettings(chat_answers=99, person_answers=1))
    both = gate(message(id="a"), message("hi", TOM, "b"), message("me", SAM, "c", own=True))
    assert (await asked.judge(both)).outcome is Outcome.ALLOW
    for author in (MIA, TOM):
        assert (await asked.judge(gate(message("hi", author, f"next-{author.id}")))).outcome is Outcome.DROP
    bots = gate(message("me", SAM, "d", own=True), message("beep", BOT, "e"))
    assert (await asked.judge(bots)).outcome is Outcome.ALLOW


async def test_somebody_who_writes_too_much_does_not_silence_the_others() -> None:
    asked = rule(RateLimitSettings(chat_answers=99, person_answers=1))
    assert (await asked.judge(gate(message(id="m1")))).outcome is Outcome.ALLOW
    assert (await asked.judge(gate(message(id="m2")))).outcome is Outcome.DROP
    both = gate(message(id="m3"), message("hi", TOM, "t1"))
    assert (await asked.judge(both)).outcome is Outcome.ALLOW
    assert (await asked.judge(gate(message("hi", TOM, "t2")))).outcome is Outcome.DROP


@pytest.mark.parametrize(
    ("settings", "window"),
    [({"account_answers": 2}, "account"), ({"everywhere_answers": 2}, "everywhere")],
)
async def test_an_account_and_everything_have_a_limit_of_their_own(
    settings: dict[str, int], window: str
) -> None:
    asked = rule(RateLimitSettings(**settings))
    for at in range(2):
        assert (await asked.judge(gate(message("hi", (MIA, TOM)[at], f"m{at}")))).outcome is Outcome.ALLOW
    verdict = await asked.judge(gate(message(id="m9")))
    assert verdict.outcome is Outcome.DROP
    assert verdict.facts["window"] == window


async def test_a_retry_of_the_same_turn_counts_once() -> None:
    asked = rule()
    for _ in range(5):
        assert (await asked.judge(gate(message(id="m1")))).outcome is Outcome.ALLOW
    assert (await asked.judge(gate(message(id="m2")))).outcome is Outcome.ALLOW
    assert (await asked.judge(gate(message(id="m3")))).outcome is Outcome.DROP


async def test_a_refused_turn_takes_nothing_from_the_others() -> None:
    asked = rule(RateLimitSettings(chat_answers=2, person_answers=1))
    assert (await asked.judge(gate(message(id="m1")))).outcome is Outcome.ALLOW
    for at in range(5):
        assert (await asked.judge(gate(message(id=f"again-{at}")))).outcome is Outcome.DROP
    assert (await asked.judge(gate(message("hi", TOM, "t9")))).outcome is Outcome.ALLOW


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=40).map(sorted))
async def test_no_stretch_of_time_sees_more_answers_than_the_limit(times: list[float]) -> None:
    asked = rule()
    answered = []
    for at, after in enumerate(times):
        verdict = await asked.judge(gate(message("hi", (MIA, TOM)[at % 2], f"m{at}"), after=after))
        if verdict.outcome is Outcome.ALLOW:
            answered.append(after)
    for since in answered:
        # A hair less than the window: timestamps are floats.
        assert sum(since <= after < since + 59.99 for after in answered) <= SETTINGS.chat_answers


@pytest.mark.parametrize(
    "settings",
    [
        {"chat_answers": 0},
        {"everywhere_answers": 0},
        {"account_seconds": 0},
        {"person_answers": -1},
        {"chat_seconds": 0},
        {"person_seconds": float("nan")},
    ],
)
def test_settings_that_limit_nothing_or_everything_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="rate limit"):
        RateLimitSettings(**settings)
