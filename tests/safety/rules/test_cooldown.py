from __future__ import annotations

import pytest

from safety.rules.cooldown import CooldownRule, CooldownSettings
from safety.verdict import Outcome
from tests.safety.builders import gate, message, own, sent

RULE = CooldownRule(CooldownSettings(seconds=20, addressed_seconds=5))


@pytest.mark.parametrize(
    ("text", "after", "outcome"),
    [
        ("hm", 0.5, Outcome.DROP),
        ("hm", 19.9, Outcome.DROP),
        ("hm", 20.0, Outcome.ALLOW),
        ("sam?", 4.9, Outcome.DROP),
        ("sam?", 5.0, Outcome.ALLOW),
    ],
)
async def test_the_stand_in_waits_after_its_own_answer(text: str, after: float, outcome: Outcome) -> None:
    judged = gate(message(text, after=after), history=[sent("yes"), message("old", id="m0")])
    assert (await RULE.judge(judged)).outcome is outcome


async def test_what_counts_is_its_last_message_and_how_long_is_left_is_said() -> None:
    judged = gate(message(after=30), history=[sent("a"), sent("b", "s2", after=15)])
    verdict = await RULE.judge(judged)
    assert verdict.outcome is Outcome.DROP
    assert verdict.facts == {"seconds": 20, "left": 5.0}


async def test_the_owner_and_the_others_start_no_cooldown() -> None:
    judged = gate(message(after=1), history=[own("hi"), message("ho", id="m0")])
    assert (await RULE.judge(judged)).outcome is Outcome.ALLOW


async def test_a_message_that_is_older_than_the_answer_is_none_that_came_too_soon() -> None:
    """Two machines' clocks may differ by more than a cooldown."""
    judged = gate(message(after=-100), history=[sent("yes")])
    assert (await RULE.judge(judged)).outcome is Outcome.ALLOW


async def test_no_cooldown_is_one_of_0_seconds() -> None:
    rule = CooldownRule(CooldownSettings(seconds=0))
    assert (await rule.judge(gate(message(after=0), history=[sent("yes")]))).outcome is Outcome.ALLOW
    with pytest.raises(ValueError, match="cooldown"):
        CooldownSettings(seconds=-1)
    with pytest.raises(ValueError, match="cooldown"):
        CooldownSettings(addressed_seconds=float("nan"))
