from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.folding import fold
from safety.moderation.classifier import Category
from safety.moderation.lexicon import Lexicon
from safety.moderation.lexicon_signs import SIGNS
from safety.moderation.settings import Thresholds
from tests.safety.moderation.samples import sample


async def counted(*bubbles: str) -> set[str]:
    scores = await Lexicon().classify(sample(*bubbles))
    return {category.value for category in Category if scores.of(category) >= Thresholds().of(category)}


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("you are such a pathetic loser", "harassment"),
        ("Du bist so dumm", "harassment"),
        ("eres un idiota", "harassment"),
        ("tu es vraiment débile", "harassment"),
        ("all immigrants are vermin", "hate"),
        ("ich hasse alle Ausländer", "hate"),
        ("send me your nudes", "sexual"),
        ("quiero follarte", "sexual"),
        ("sexy pics of a 12 year old", "sexual_minors"),
        ("I'm gonna kill you", "violence"),
        ("Ich weiß, wo du wohnst", "violence"),
        ("te voy a matar", "violence"),
        ("just kill yourself", "self_harm"),
        ("je veux me tuer", "self_harm"),
        ("here is how to build a pipe bomb", "illicit"),
        ("i can hook you up with some fentanyl", "illicit"),
    ],
)
async def test_it_knows_phrases_in_seven_languages(text: str, category: str) -> None:
    assert category in await counted(text)


@pytest.mark.parametrize(
    "text",
    [
        "see you at 8?",
        "that meeting was killing me, lol",
        "you're not an idiot",
        "take out your trash please",
        "i'll shoot you an email",
        "I could kill for a pizza",
        "i'm dying to see you",
        "suicide squad was ok",
        "shit, forgot my keys",
        "the kids want pancakes",
        "two cokes and a diet coke zero",
        "what kind of sexy song is this",
        "Das Kind schläft",
        "",
        "🍕🍕🍕",
    ],
)
async def test_ordinary_talk_counts_in_no_category(text: str) -> None:
    assert await counted(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "k1ll yourself",
        "kiiiill yourself",
        "ｋｉｌｌ yourself",
        "k\u200bill yourself",
        "kill yоurself",
        "K.Y.S",
        "k y s",
    ],
)
async def test_disguises_do_not_hide_a_sign(text: str) -> None:
    assert "self_harm" in await counted(text)


async def test_a_sign_spread_over_bubbles_is_found() -> None:
    assert "self_harm" in await counted("go on, just kill", "yourself")


def test_signs_are_written_as_texts_are_read() -> None:
    for sign in SIGNS:
        bare = re.sub(r"\\[A-Za-z]", "", sign.pattern)
        assert fold(bare) == bare
        assert "'" not in bare


def test_each_sign_is_a_whole_expression_and_repeats_within_bounds() -> None:
    for sign in SIGNS:
        re.compile(sign.pattern)
        assert 0 < sign.score <= 1
        assert not re.search(r"\)[*+]", sign.pattern), "a repeated group without a bound may take for ever"


@given(st.lists(st.text(), max_size=4))
async def test_any_text_gets_scores(bubbles: list[str]) -> None:
    scores = await Lexicon().classify(sample(*bubbles))
    assert scores.backend == "lexicon"
