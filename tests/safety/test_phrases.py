from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.phrases import Phrases, sentences


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("I’ll be there. At 7:30!", ("i'll be there", "at 7:30")),
        ("8pm, or 3,50 €?", ("8 pm or 3,50 €",)),
        ("an a.i... no", ("an a i", "no")),
        ("¿Eres TÚ?\nclaro", ("eres tu", "claro")),
        ("t'es où", ("t'es ou",)),
        ("🙂 ... !", ()),
        ("no\u200bpe", ("nope",)),
    ],
)
def test_a_text_is_cut_into_sentences_of_folded_words(text: str, cut: tuple[str, ...]) -> None:
    assert sentences(text) == cut


def test_a_phrase_is_found_as_whole_words_with_or_without_its_apostrophe() -> None:
    phrases = Phrases(("i'll be", "not a bot"))
    assert phrases.found_in(sentences("so ILL be, er"))
    assert phrases.found_in(sentences("I’ll, be"))
    assert not phrases.found_in(sentences("till be"))
    assert not phrases.found_in(sentences("not a bottle"))
    assert not phrases.found_in(sentences("I'll. Be"))


@pytest.mark.parametrize("table", [(), ("für",), ("I'll",), ("i’ll",)])
def test_a_table_that_could_find_nothing_is_refused(table: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="phrase"):
        Phrases(table)


@given(st.text())
def test_any_text_is_cut(text: str) -> None:
    for sentence in sentences(text):
        assert sentence == " ".join(sentence.split()) != ""


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "character", ["a", "'", "a'", "1", "1.", "1:", ".", ". ", "a ", "?", "\n", "€", "a.", "'a"]
)
def test_a_long_text_is_cut_in_a_moment(character: str) -> None:
    sentences(character * 100_000)
