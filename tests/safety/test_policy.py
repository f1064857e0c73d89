from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.policy import Rule, decide
from safety.verdict import Outcome, Verdict
from tests.safety.builders import SECRET


@dataclass(frozen=True)
class Says:
    outcome: Outcome
    name: str = "says"

    async def judge(self, subject: str) -> Verdict:
        return Verdict(self.outcome, self.name, "as told")


@dataclass(frozen=True)
class Raises:
    error: BaseException
    name: str = "raises"

    async def judge(self, subject: str) -> Verdict:
        raise self.error


@dataclass(frozen=True)
class Gives:
    value: object
    name: str = "gives"

    async def judge(self, subject: str) -> Verdict:
        return self.value  # type: ignore[return-value]


async def test_no_rules_mean_stop() -> None:
    decision = await decide((), "turn")
    assert decision.outcome is Outcome.STOP
    assert decision.trail == (decision.verdict,)


@pytest.mark.parametrize(
    "error", [ValueError(SECRET), ConnectionError(SECRET), KeyError(SECRET), RecursionError()]
)
async def test_a_rule_that_raises_means_stop_and_its_words_are_not_repeated(error: Exception) -> None:
    rules: tuple[Rule[str], ...] = (Says(Outcome.ALLOW), Raises(error), Says(Outcome.ALLOW))
    decision = await decide(rules, "turn")
    assert decision.outcome is Outcome.STOP
    assert decision.verdict.rule == "raises"
    assert type(error).__name__ in decision.verdict.reason
    assert SECRET not in repr(decision)
    assert len(decision.trail) == 2


@pytest.mark.parametrize("value", [None, True, "allow", Outcome.ALLOW])
async def test_what_is_no_verdict_means_stop(value: object) -> None:
    decision = await decide((Gives(value), Says(Outcome.ALLOW)), "turn")
    assert decision.outcome is Outcome.STOP
    assert decision.verdict.rule == "gives"


async def test_a_cancelled_rule_cancels_the_chain_and_decides_nothing() -> None:
    with pytest.raises(asyncio.CancelledError):
        await decide((Raises(asyncio.CancelledError()), Says(Outcome.ALLOW)), "turn")


async def test_a_hold_is_remembered_while_the_others_are_asked() -> None:
    decision = await decide(
        (Says(Outcome.HOLD, "first"), Says(Outcome.HOLD, "second"), Says(Outcome.ALLOW)), ""
    )
    assert decision.outcome is Outcome.HOLD
    assert decision.verdict.rule == "first"
    assert len(decision.trail) == 3


@pytest.mark.parametrize("refusal", [Outcome.REWRITE, Outcome.DROP, Outcome.STOP])
async def test_a_later_refusal_wins_over_a_hold_and_ends_the_chain(refusal: Outcome) -> None:
    decision = await decide((Says(Outcome.HOLD), Says(refusal, "refuses"), Says(Outcome.ALLOW)), "turn")
    assert decision.outcome is refusal
    assert decision.verdict.rule == "refuses"
    assert len(decision.trail) == 2


@given(st.lists(st.sampled_from(Outcome), min_size=1))
async def test_only_a_chain_in_which_all_allow_allows(outcomes: list[Outcome]) -> None:
    decision = await decide([Says(outcome) for outcome in outcomes], "turn")
    refusals = [outcome for outcome in outcomes if outcome not in (Outcome.ALLOW, Outcome.HOLD)]
    if refusals:
        assert decision.outcome is refusals[0]
    else:
        assert decision.outcome is (Outcome.HOLD if Outcome.HOLD in outcomes else Outcome.ALLOW)


@pytest.mark.parametrize(("rule", "reason"), [("", "why"), ("rule", "")])
def test_a_verdict_without_a_name_or_a_reason_is_refused(rule: str, reason: str) -> None:
    with pytest.raises(ValueError, match="names its rule"):
        Verdict(Outcome.ALLOW, rule, reason)


async def test_what_may_pass_is_raised_on_and_nothing_is_decided() -> None:
    rules: list[Rule[str]] = [Says(Outcome.ALLOW), Raises(ConnectionError())]
    with pytest.raises(ConnectionError):
        await decide(rules, "subject", passing=ConnectionError)
    assert (await decide(rules, "subject", passing=LookupError)).outcome is Outcome.STOP
    refused = await decide([Says(Outcome.DROP), *rules], "subject", passing=ConnectionError)
    assert refused.outcome is Outcome.DROP
