"""A host's sentence is told without what it quotes."""

from __future__ import annotations

import pytest

from training.hosted.quotes import Quotes

QUOTES = Quotes(["Leo: see you at Luigi's at nine, bring the tent", "ok", "verylongsecretword", "so sorry"])


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Example 3: 'see you at Luigi's at nine' is unsafe", "Example 3: '…' is unsafe"),
        ("BRING the\ntent!", "…!"),
        ("it holds verylongsecretword, twice", "it holds …, twice"),
        ("Step 10/100: training loss=0.31", "Step 10/100: training loss=0.31"),
        ("ok, the file is at the host, so sorry", "ok, the file is at the host, so sorry"),
        ("", ""),
    ],
)
def test_what_stands_in_the_chats_is_taken_out(said: str, told: str) -> None:
    assert QUOTES.without(said) == told


def test_a_sentence_without_end_is_cut() -> None:
    assert len(QUOTES.without("word " * 1000)) == 300
