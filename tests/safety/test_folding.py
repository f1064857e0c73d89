from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.folding import fold, is_spaceless


@pytest.mark.parametrize(
    ("text", "folded"),
    [("Zoë", "zoe"), ("ＡＢＣ", "abc"), ("Straße", "strasse"), ("İı", "ii"), ("a\u200bb\u00adc\ufe0f", "abc"),
     ("👍🏽", "👍"),
     ("ﬁ", "fi"), ("𝐀", "a"), ("Σς", "σσ"), ("\u3164", ""), ("①", "1")],
)  # fmt: skip
def test_a_text_is_folded(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)


# Python itself does not hold a few capitals for the same as their small letters (ɪ is no small I).
@given(st.text(st.characters().filter(lambda letter: letter.upper().casefold() == letter.casefold())))
def test_case_does_not_survive_folding(text: str) -> None:
    assert fold(text.upper()) == fold(text)


def test_stacked_accents_take_linear_time() -> None:
    began = time.process_time()
    assert fold("a" + "\u0301\u0323" * 100_000) == "a"
    assert time.process_time() - began < 5


@pytest.mark.parametrize("character", fold("パ漢가ไ"))
def test_scripts_without_spaces_are_known(character: str) -> None:
    assert is_spaceless(character)


@pytest.mark.parametrize("character", "aяωש1")
def test_scripts_with_spaces_are_known(character: str) -> None:
    assert not is_spaceless(character)
