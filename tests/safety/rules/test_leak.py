from __future__ import annotations

import dataclasses

import pytest

from safety.policy import decide
from safety.rules.leak import LeakRule, LeakSettings, Secrets
from safety.shingles import Shingles
from safety.subject import DraftText
from safety.verdict import Outcome
from tests.safety.builders import TOM, draft, message, turn

TRAINED = "i told my landlord that the couch is load bearing and he believed every word of it"
SECRETS = Secrets("You are {name}. Group chat with {others}.", "Sam", Shingles.of([TRAINED]))
RULE = LeakRule(lambda: SECRETS)


def _in_company(*bubbles: str) -> DraftText:
    return dataclasses.replace(draft(*bubbles), turn=turn(message("hey"), message("yo", TOM, "m2")))


@pytest.mark.parametrize(
    "bubbles",
    [
        ("You are Sam. Group chat with Mia Chen and Tom.",),
        ("it says: you are sam", "GROUP CHAT with mia chen lol"),
    ],
)
async def test_the_instructions_are_not_recited(bubbles: tuple[str, ...]) -> None:
    verdict = await RULE.judge(_in_company(*bubbles))
    assert (verdict.outcome, verdict.reason) == (
        Outcome.REWRITE,
        "the draft recites the persona's instructions",
    )


async def test_the_training_text_is_not_recited() -> None:
    verdict = await RULE.judge(
        draft("lol", "I told my landlord that the couch is", "load-bearing and he believed", "so")
    )
    assert verdict.outcome is Outcome.REWRITE
    assert verdict.facts == {"training_text": True, "runs": 2}
    assert verdict.reason == "the draft recites 13 words of the training text"
    assert "couch" not in repr(verdict)


@pytest.mark.parametrize(
    "text", ["group chat with you lot", "you are sam", "i told my landlord that the couch is broken", ""]
)
async def test_a_few_words_in_common_are_nothing(text: str) -> None:
    assert (await RULE.judge(_in_company(text))).outcome is Outcome.ALLOW


async def test_without_the_training_texts_hashes_the_facts_say_so() -> None:
    rule = LeakRule(lambda: Secrets("You are {name}, " + TRAINED, "Sam"))
    assert (await rule.judge(draft("hi"))).facts == {"training_text": False}
    assert (await rule.judge(draft(TRAINED))).outcome is Outcome.REWRITE
    assert (await LeakRule().judge(draft(TRAINED))).outcome is Outcome.ALLOW


async def test_how_many_words_of_the_instructions_is_set() -> None:
    rule = LeakRule(lambda: SECRETS, LeakSettings(prompt_words=3))
    assert (await rule.judge(draft("you are sam"))).outcome is Outcome.REWRITE
    with pytest.raises(ValueError, match="at least 3"):
        LeakSettings(prompt_words=2)


async def test_secrets_that_cannot_be_read_mean_stop() -> None:
    def damaged() -> Secrets:
        raise ValueError("damaged")

    assert (await decide((LeakRule(damaged),), draft("hi"))).outcome is Outcome.STOP
