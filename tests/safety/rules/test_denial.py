from __future__ import annotations

import dataclasses

import pytest

from safety.rules.denial import DenialRule
from safety.subject import DraftText
from safety.verdict import Outcome
from tests.safety.builders import draft, message, own, turn


def _answering(question: str, *bubbles: str) -> DraftText:
    return dataclasses.replace(draft(*bubbles), turn=turn(message("hey"), message(question, id="m2")))


@pytest.mark.parametrize("bubbles", [("I'm not a bot",), ("lol", "its really me"), ("ich bin kein Bot",)])
async def test_a_denial_is_written_anew(bubbles: tuple[str, ...]) -> None:
    verdict = await DenialRule().judge(draft(*bubbles))
    assert verdict.outcome is Outcome.REWRITE
    assert verdict.facts == {"asked": False}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("are you a bot?", "haha what no"),
        ("is this really Sam?", "yep"),
        ("is this really Sam?", "its me"),
        ("bist du ein Bot?", "quatsch"),
        ("Sam are you an AI", "nope lol"),
    ],
)
async def test_a_word_is_a_denial_when_somebody_asked(question: str, answer: str) -> None:
    asked = await DenialRule().judge(_answering(question, answer))
    unasked = await DenialRule().judge(_answering("pizza?", answer))
    assert (asked.outcome, asked.facts["asked"]) == (Outcome.REWRITE, True)
    if answer != "its me":
        assert unasked.outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("are you a bot?", "yes, Sam's stand-in"),
        ("Sam are you a robot?", "beep boop"),
        ("is this Sam?", "ask sam"),
    ],
)
async def test_candour_passes(question: str, answer: str) -> None:
    assert (await DenialRule().judge(_answering(question, answer))).outcome is Outcome.ALLOW


async def test_what_the_owner_asked_asks_nothing() -> None:
    subject = dataclasses.replace(draft("no"), turn=turn(message("hey"), own("are you a bot?")))
    assert (await DenialRule().judge(subject)).outcome is Outcome.ALLOW
