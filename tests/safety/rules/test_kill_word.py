from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given

from safety.kill_word import KillWords
from safety.mode import ChatPolicy
from safety.rules.kill_word import KillWordRule
from safety.verdict import Outcome
from tests.safety.builders import draft
from tests.safety.test_kill_word import disguises

RULE = KillWordRule(KillWords())


@given(disguises())
async def test_a_draft_with_the_kill_word_in_any_disguise_is_dropped(text: str) -> None:
    verdict = await RULE.judge(draft("ok", text))
    assert verdict.outcome is Outcome.DROP
    assert "pineapple" not in repr(verdict).casefold()


@pytest.mark.parametrize("bubbles", [("pine", "apple"), tuple("pineapple"), ("lol", "🍍")])
async def test_a_kill_word_spread_over_bubbles_is_found(bubbles: tuple[str, ...]) -> None:
    assert (await RULE.judge(draft(*bubbles))).outcome is Outcome.DROP


async def test_the_chats_own_words_count_as_well() -> None:
    subject = draft("a quokka")
    assert (await RULE.judge(subject)).outcome is Outcome.ALLOW
    subject = dataclasses.replace(subject, policy=ChatPolicy(kill_words=("quokka",)))
    assert (await RULE.judge(subject)).outcome is Outcome.DROP


async def test_other_drafts_pass() -> None:
    assert (await RULE.judge(draft("an apple", "under a pine"))).outcome is Outcome.ALLOW
