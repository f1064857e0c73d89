from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

import safety.rules
from chat.message import ChatKey
from safety.chain import (
    DRAFT_RULES,
    ESSENTIAL_RULES,
    GATE_RULES,
    DraftSettings,
    GateSettings,
    check_off,
    draft_rules,
    gate_rules,
)
from safety.kill import Kill, KillScope
from safety.kill_word import KillWords
from safety.mode import Mode
from safety.policy import decide
from safety.rules.rate_limit import RateLimitSettings
from safety.verdict import Outcome, Verdict
from safety.window import WindowAnswer, WindowLimit
from tests.safety.builders import BOT, NOON, MemoryWindows, draft, gate, message, own, turn


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
    assert tuple(names) == GATE_RULES
    assert (names[0], names[1], names[-1]) == ("kill", "mode", "rate_limit")


def test_the_drafts_rules_are_asked_in_the_documented_order() -> None:
    names = [rule.name for rule in draft_rules(KillWords())]
    assert tuple(names) == DRAFT_RULES
    assert names[0] == "kill_word"


def test_rules_are_switched_off_by_name_but_not_those_that_the_promises_hang_on() -> None:
    names = [rule.name for rule in gate_rules(MemoryWindows(), off=("loop", "length"))]
    assert tuple(names) == tuple(name for name in GATE_RULES if name != "loop")
    names = [rule.name for rule in draft_rules(KillWords(), off=("loop", "length"))]
    assert tuple(names) == tuple(name for name in DRAFT_RULES if name != "length")
    for name in ESSENTIAL_RULES:
        with pytest.raises(ValueError, match=f"{name} cannot be switched off"):
            check_off((name,))
    with pytest.raises(ValueError, match="there is no rule lop"):
        gate_rules(MemoryWindows(), off=("lop",))


def test_each_rule_is_one_file_that_is_named_as_it_is() -> None:
    folder = Path(safety.rules.__path__[0])
    files = {file.stem for file in folder.glob("*.py")} - {"__init__"}
    assert files == {*GATE_RULES, *DRAFT_RULES}
    tests = Path(__file__).parent / "rules"
    assert {f"test_{name}" for name in files} <= {file.stem for file in tests.glob("test_*.py")}


async def test_an_ordinary_turn_and_an_ordinary_draft_pass_all_rules() -> None:
    decision = await decide(gate_rules(MemoryWindows()), gate())
    assert decision.outcome is Outcome.ALLOW
    assert len(decision.trail) == len(GATE_RULES)
    decision = await decide(draft_rules(KillWords()), draft("yeah sure", "who else"))
    assert decision.outcome is Outcome.ALLOW
    assert len(decision.trail) == len(DRAFT_RULES)


PIECES = (
    *(
        "a",
        "A",
        "0",
        " ",
        ".",
        "@",
        "'",
        "-",
        ":",
        "/",
        "<",
        "\n",
        "\u0301",
        "\u200b",
        "ß",
        "漢",
        "🍍",
        "€",
        "no ",
        "i'll ",
    ),
    *("<|", "@everyone ", "at 8 ", "a.", "1 ", "are you a ", "ignore "),
)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("piece", PIECES)
async def test_no_rule_fails_or_takes_long_over_a_long_text(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    subject = dataclasses.replace(
        draft(text, text), turn=turn(message(text), history=(message(text, id="h"),))
    )
    for rule in draft_rules(KillWords()):
        assert isinstance(await rule.judge(subject), Verdict)


@settings(deadline=None)
@given(st.lists(st.text(), max_size=3), st.text(), st.text())
async def test_no_rule_fails_over_any_text(bubbles: list[str], said: str, before: str) -> None:
    subject = dataclasses.replace(
        draft(*bubbles), turn=turn(message(said), history=(message(before, id="h"),))
    )
    for rule in draft_rules(KillWords()):
        assert isinstance(await rule.judge(subject), Verdict)


async def test_a_kill_is_asked_before_anything_else() -> None:
    kill = Kill(KillScope.everywhere(), "mia", NOON, "enough")
    decision = await decide(gate_rules(AwayWindows()), gate(mode=Mode.OFF, kill=kill))
    assert decision.verdict.rule == "kill"
    assert len(decision.trail) == 1


async def test_only_turns_that_would_be_answered_are_counted() -> None:
    rules = gate_rules(MemoryWindows(), GateSettings(rate_limit=RateLimitSettings(chat_answers=1)))
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
