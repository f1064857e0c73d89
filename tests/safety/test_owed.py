from __future__ import annotations

import pytest

from safety.mode import ChatPolicy, Mode
from safety.owed import CandourSettings, UnlessOwed, is_owed
from safety.rules.denial import DenialRule
from safety.rules.probability import ProbabilityRule
from safety.subject import DraftText
from safety.verdict import Outcome
from tests.safety.builders import BOT, gate, message, own, turn

ASKED = "are you a bot?"


def test_a_person_who_asks_is_owed_and_nobody_else_is() -> None:
    assert is_owed(turn(message(ASKED)), ("Sam",))
    assert is_owed(turn(message("lol"), message("is Sam a bot?", id="m2")), ("Sam",))
    assert not is_owed(turn(message("nice weather")), ("Sam",))
    assert not is_owed(turn(message(ASKED, BOT)), ("Sam",))
    assert not is_owed(turn(own(ASKED)), ("Sam",))


def test_who_asks_it_of_somebody_else_in_a_reply_is_not() -> None:
    assert not is_owed(turn(message(ASKED, reply_to="leos")), ("Sam",))
    assert is_owed(turn(message(ASKED, reply_to="o1"), history=(own("hi"),)), ("Sam",))


async def test_a_rule_gives_way_in_its_own_name_and_only_then() -> None:
    rule = UnlessOwed(ProbabilityRule())
    assert (rule.name, rule.__doc__) == ("probability", ProbabilityRule.__doc__)
    assert (await rule.judge(gate(message(ASKED), probability=0.0))).outcome is Outcome.ALLOW
    assert (await rule.judge(gate(message("hello"), probability=0.0))).outcome is Outcome.DROP


@pytest.mark.parametrize("question", [ASKED, "is Sam a bot?", "is it really you?", "are you human?"])
async def test_the_default_answer_denies_nothing(question: str) -> None:
    text = CandourSettings().answer.replace("{name}", "Sam")
    judged = DraftText(turn(message(question)), (text,), ChatPolicy(Mode.AUTO, 1.0), ("Sam",))
    assert (await DenialRule().judge(judged)).outcome is Outcome.ALLOW


def test_an_empty_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="needs some text"):
        CandourSettings(answer=" \n")
