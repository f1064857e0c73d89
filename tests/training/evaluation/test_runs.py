"""Longest shared runs, against looking at every place."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluation.runs import Run, SharedRuns, weight_of, words_of

_WORDS = st.lists(st.sampled_from("abc"), max_size=12)
_TEXTS = st.lists(_WORDS, max_size=6)


def _longest(body: list[list[str]], text: list[str], at: int) -> int:
    return max(
        (
            length
            for length in range(len(text) - at + 1)
            for other in body
            for place in range(len(other) - length + 1)
            if other[place : place + length] == text[at : at + length]
        ),
        default=0,
    )


@given(_TEXTS, _TEXTS)
@settings(deadline=None)
def test_the_longest_runs_are_found_and_where_they_stand(
    body: list[list[str]], texts: list[list[str]]
) -> None:
    shared = SharedRuns(body, texts)
    for number, text in enumerate(texts):
        found = list(shared.longest(number))
        end, expected = 0, []
        for at in range(len(text)):
            if (length := _longest(body, text, at)) and at + length > end:
                end = at + length
                expected.append((at, length))
        assert [(run.at, run.words) for run in found] == expected
        for run in found:
            _stands_there(body, text, run)
            wanted = text[run.at : run.at + run.words]
            assert shared.sources(run) == tuple(
                place
                for place, other in enumerate(body)
                if any(other[at : at + run.words] == wanted for at in range(len(other)))
            )
        for run in shared.near(number, 2):
            assert run.words >= 2
            _stands_there(body, text, run)


def _stands_there(body: list[list[str]], text: list[str], run: Run) -> None:
    assert body[run.source][run.place : run.place + run.words] == text[run.at : run.at + run.words]


def test_no_run_reaches_from_one_text_into_the_next() -> None:
    shared = SharedRuns([["a", "b"], ["c", "d"]], [["a", "b", "c", "d"], []])
    assert [(run.at, run.words, run.source) for run in shared.longest(0)] == [(0, 2, 0), (2, 2, 1)]
    assert list(shared.longest(1)) == []


def test_words_are_folded_and_scripts_without_blanks_are_cut() -> None:
    assert words_of("Don’t\nCAFÉ, ok!") == ["dont", "cafe", "ok"]
    assert words_of("看不懂ok吗") == ["看", "不", "懂", "ok", "吗"]
    assert len(words_of("안녕 하세요")) == 2


def test_a_long_number_says_more_than_a_word_and_a_character_less() -> None:
    assert weight_of("hello") == 1
    assert weight_of("2024") == 1
    assert weight_of("4711471147") >= 8
    assert weight_of("看") == 0.5
    assert weight_of("x" * 40) > 8
