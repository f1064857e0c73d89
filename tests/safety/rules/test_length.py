from __future__ import annotations

import pytest

from safety.rules.length import LengthRule, LengthSettings
from safety.verdict import Outcome
from tests.safety.builders import draft

RULE = LengthRule(LengthSettings(characters=20, bubble_characters=10, bubbles=3))


@pytest.mark.parametrize("bubbles", [("a",), ("x" * 10, "y" * 10), ("a", "b", "c"), ("🙂",), ("...",)])
async def test_what_is_within_the_limits_passes(bubbles: tuple[str, ...]) -> None:
    assert (await RULE.judge(draft(*bubbles))).outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    ("bubbles", "what"),
    [
        (("a", "b", "c", "d"), "4 bubbles"),
        (("x" * 11,), "11 characters in a bubble"),
        (("x" * 7,) * 3, "21 characters,"),
    ],
)
async def test_what_runs_away_is_dropped(bubbles: tuple[str, ...], what: str) -> None:
    verdict = await RULE.judge(draft(*bubbles))
    assert verdict.outcome is Outcome.DROP
    assert what in verdict.reason
    assert verdict.facts == {
        "characters": sum(map(len, bubbles)),
        "longest_bubble": max(map(len, bubbles)),
        "bubbles": len(bubbles),
    }


@pytest.mark.parametrize("bubbles", [(), ("",), (" \n\t",), ("\u200b\ufe0f", " ")])
async def test_a_model_that_had_nothing_to_say_says_nothing(bubbles: tuple[str, ...]) -> None:
    verdict = await RULE.judge(draft(*bubbles))
    assert verdict.outcome is Outcome.DROP
    assert verdict.reason == "the model had nothing to say"


async def test_an_empty_bubble_among_others_is_dropped() -> None:
    verdict = await RULE.judge(draft("hi", "\u200b"))
    assert verdict.outcome is Outcome.DROP


@pytest.mark.parametrize("setting", ["characters", "bubble_characters", "bubbles"])
def test_a_limit_below_1_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        LengthSettings(**{setting: 0})
