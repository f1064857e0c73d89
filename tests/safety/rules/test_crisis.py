from __future__ import annotations

import dataclasses

import pytest

from safety.rules.crisis import CrisisRule
from safety.subject import DraftText
from safety.verdict import Outcome
from tests.safety.builders import MIA, draft, message, turn


def _answering(text: str) -> DraftText:
    return dataclasses.replace(draft("lol"), turn=turn(message(text, MIA, "m1")))


@pytest.mark.parametrize(
    "text",
    [
        "Sam, I want to kill myself",
        "i wanna die",
        "I don’t want to live anymore",
        "thinking about SUICIDE",
        "I\u2005want to  die",
    ],
)
async def test_a_person_answers_somebody_who_speaks_of_dying(text: str) -> None:
    verdict = await CrisisRule().judge(_answering(text))
    assert verdict.outcome is Outcome.HOLD
    assert "die" not in verdict.reason


@pytest.mark.parametrize(
    "text", ["i could kill for a pizza", "my phone died", "the diet starts monday", "skill myself up"]
)
async def test_ordinary_talk_is_not_held(text: str) -> None:
    assert (await CrisisRule().judge(_answering(text))).outcome is Outcome.ALLOW
