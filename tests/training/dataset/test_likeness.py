"""Texts that nearly agree are found, and hardly any others compared."""

from __future__ import annotations

import random
from typing import Final

from rapidfuzz import fuzz

from training.dataset.likeness import NearTexts

NEAR: Final = 90
LETTERS: Final = "abcdefghijklmnopqrstuvwxyzäéя"


def drawn(draw: random.Random, words: list[str], count: int) -> list[str]:
    """Sentences in which few words are frequent, as in any language."""
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    return [" ".join(draw.choices(words, weights, k=draw.randint(9, 40))) for _ in range(count)]


def vocabulary(draw: random.Random) -> list[str]:
    return ["".join(draw.choices(LETTERS, k=draw.randint(2, 9))) for _ in range(2_000)]


def mistyped(draw: random.Random, text: str, share: float) -> str:
    return "".join(
        draw.choice(("", letter + "x", draw.choice(LETTERS))) if draw.random() < share else letter
        for letter in text
    )


def test_what_nearly_agrees_is_found_among_thousands() -> None:
    draw = random.Random(4)
    texts = drawn(draw, vocabulary(draw), 4_000)
    near = NearTexts(texts, NEAR, 40)
    changed = [(text, mistyped(draw, text, share)) for share in (0.02, 0.06, 0.1) for text in texts[:300]]
    alike = [other for text, other in changed if len(other) >= 40 and fuzz.ratio(text, other) >= NEAR]
    assert len(alike) > 500
    assert [other for other in alike if not near.has(other)] == []


def test_what_is_like_none_is_compared_with_few() -> None:
    draw = random.Random(4)
    words = vocabulary(draw)
    near = NearTexts(drawn(draw, words, 8_000), NEAR, 40)
    others = drawn(draw, words, 50)
    assert not any(near.has(other) for other in others)
    assert max(len(near.candidates(other)) for other in others) < 1_100
    assert near.candidates("ж" * 60) == []


def test_of_thousands_that_share_everything_those_of_its_length_are_compared() -> None:
    block = "the train to the lake leaves from platform number"
    texts = [f"{block} {'and a half ' * (number % 3)}{number}" for number in range(6_000)]
    near = NearTexts(texts, NEAR, 40)
    other = f"{block} 4x5"
    assert len(near.candidates(other)) <= 1_024
    assert near.has(other)


def test_a_text_that_is_too_short_is_like_none() -> None:
    text = "see you at the lake on saturday"
    assert not NearTexts([text], NEAR, 40).has(text)
    assert NearTexts([text], NEAR, 20).has(text)
    assert not NearTexts([], NEAR, 20).has(text)
