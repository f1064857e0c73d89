"""The preset `pairs`: OpenAI's legacy format."""

from __future__ import annotations

from tests.training.dataset.exports import Said, chat_of
from tests.training.dataset.rows import HOUR, learned, pair, rows_of
from training.dataset.presets.pairs import Pairs


def test_the_example_of_the_write_up() -> None:
    export = chat_of(
        [
            ("Sam", "morning"),
            ("Leo", "hey"),
            ("Leo", "lunch?"),
            ("Sam", "sure"),
            ("Sam", "noon"),
            ("Leo", "fine"),
        ],
        direct=True,
    )
    rows = rows_of(Pairs(), export)
    assert [pair(row) for row in rows] == [("hey\nlunch?\n\n###\n\n", " sure\nnoon ###")]
    assert learned(rows) == ["sure", "noon"]
    assert rows[0].answers == ("sure\nnoon",)


def test_groups_give_pairs_when_asked_for_only() -> None:
    export = chat_of([("Leo", "hey"), ("Mia", "you"), ("Sam", "what")])
    assert rows_of(Pairs(), export) == []
    assert [pair(row)[0] for row in rows_of(Pairs(groups=True), export)] == ["hey\nyou\n\n###\n\n"]


def test_a_text_with_the_separator_or_the_stop_in_it_gives_no_pair() -> None:
    lines = [
        ("Leo", "### news"),
        ("Sam", "hm"),
        ("Leo", "hi"),
        ("Sam", "a ### b"),
        ("Leo", "ok?"),
        ("Sam", "ok"),
    ]
    assert [pair(row) for row in rows_of(Pairs(), chat_of(lines, direct=True))] == [
        ("ok?\n\n###\n\n", " ok ###")
    ]


def test_history_stands_before_the_question_and_late_answers_are_none() -> None:
    lines = [Said("Leo", "a"), Said("Sam", "b"), Said("Leo", "c"), Said("Sam", "d", 2 * HOUR)]
    export = chat_of(lines, direct=True)
    assert [pair(row)[0] for row in rows_of(Pairs(history_turns=2, separator=" ->"), export)] == [
        "a ->",
        "a\nb\nc ->",
    ]
    assert [pair(row)[1] for row in rows_of(Pairs(gap_hours=1), export)] == [" b ###"]
    assert len(rows_of(Pairs(gap_hours=2), export)) == 2
