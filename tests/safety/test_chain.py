from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from chat.message import ChatKey
from safety.chain import DraftSettings, GateSettings, draft_rules, gate_rules
from safety.kill import Kill, KillScope
from safety.kill_word import KillWords
from safety.mode import Mode
from safety.policy import decide
from safety.rules.rate_limit import RateLimitSettings
from safety.verdict import Outcome
from safety.window import WindowAnswer, WindowLimit
from tests.safety.builders import BOT, NOON, MemoryWindows, draft, gate, message, own


class AwayWindows:
    async def take(
        self,
        chat: ChatKey,
        limits: Sequence[WindowLimit],
        member: str,
        now: datetime,
    ) -> WindowAnswer:
        raise ConnectionError(f"{chat} {limits} {member} {now}")


def test_the_gates_rules_are_asked_in_the_documented_order() -> None:
    names = [rule.name for rule in gate_rules(MemoryWindows())]
    assert names == ["kill", "mode", "echo", "probability", "rate_limit"]


def test_the_drafts_rules_are_asked_in_the_documented_order() -> None:
    names = [rule.name for rule in draft_rules(KillWords())]
    assert names == ["kill_word", "crisis", "broadcast", "speaker", "repetition", "length", "moderation"]


async def test_an_ordinary_turn_and_an_ordinary_draft_pass_all_rules() -> None:
    decision = await decide(gate_rules(MemoryWindows()), gate())
    assert decision.outcome is Outcome.ALLOW
    assert len(decision.trail) == 5
    decision = await decide(draft_rules(KillWords()), draft("yeah sure", "see you at 8?"))
    assert decision.outcome is Outcome.ALLOW
    assert len(decision.trail) == 7


async def test_a_kill_is_asked_before_anything_else() -> None:
    kill = Kill(KillScope.everywhere(), "mia", NOON, "enough")
    decision = await decide(gate_rules(AwayWindows()), gate(mode=Mode.OFF, kill=kill))
    assert decision.verdict.rule == "kill"
    assert len(decision.trail) == 1


async def test_only_turns_that_would_be_answered_are_counted() -> None:
    rules = gate_rules(MemoryWindows(), GateSettings(RateLimitSettings(chat_answers=1)))
    refused = [
        gate(message(id="1"), mode=Mode.OFF),
        gate(own("hi", "2")),
        gate(message("beep", BOT, "3")),
        gate(message(id="4"), probability=0.0),
    ]
    for judged in refused:
        assert (await decide(rules, judged)).outcome is Outcome.DROP
    assert (await decide(rules, gate(message(id="5")))).outcome is Outcome.ALLOW
    assert (await decide(rules, gate(message(id="6")))).outcome is Outcome.DROP


async def test_windows_that_are_away_mean_stop() -> None:
    decision = await decide(gate_rules(AwayWindows()), gate())
    assert decision.outcome is Outcome.STOP
    assert decision.verdict.rule == "rate_limit"


def test_settings_are_read_and_checked_by_pydantic() -> None:
    settings = TypeAdapter(GateSettings).validate_python({"rate_limit": {"chat_answers": "3"}})
    assert settings.rate_limit == RateLimitSettings(chat_answers=3)
    assert TypeAdapter(DraftSettings).validate_python({"length": {"bubbles": 2}}).length.bubbles == 2
    with pytest.raises(ValidationError):
        TypeAdapter(DraftSettings).validate_python({"repetition": {"repeated_share": 2}})
