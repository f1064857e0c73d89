from __future__ import annotations

import pytest

from safety.answers import says_no, says_yes
from safety.phrases import sentences


@pytest.mark.parametrize(
    "text", ["no", "haha nope", "pff, nein", "well. NO", "jamás", "tuurlijk niet", "mais non"]
)
def test_a_no_is_heard(text: str) -> None:
    assert says_no(sentences(text))
    assert not says_yes(sentences(text)) or text == "tuurlijk niet"


@pytest.mark.parametrize(
    "text", ["yes", "lol sure", "na klar", "ok yep", "sí", "bien sûr", "claro", "certo", "jazeker"]
)
def test_a_yes_is_heard(text: str) -> None:
    assert says_yes(sentences(text))
    assert not says_no(sentences(text))


@pytest.mark.parametrize(
    "text", ["no idea", "keine ahnung", "the no show", "note", "yesterday", "surely", "", "haha"]
)
def test_other_words_are_neither(text: str) -> None:
    assert not says_no(sentences(text))
    assert not says_yes(sentences(text))
