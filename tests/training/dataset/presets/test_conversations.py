"""The preset `conversations`, after the write-up of a digital twin and its code."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from tests.training.dataset.exports import FIRST, Said, chat_of
from tests.training.dataset.rows import HOUR, learned, rows_of, said
from training.dataset.presets.conversations import Conversations, Names
from training.dataset.row import Talk


def test_the_example_of_the_write_up() -> None:
    # Two ask, a burst answers; what nobody answered begins the conversation of the next day.
    export = chat_of(
        [
            Said("Mia Berg", "who comes on Sunday?"),
            Said("Leo", "me"),
            Said("Sam", "sure"),
            Said("Sam", "when"),
            Said("Leo", "at seven"),
            Said("Leo", "or eight"),
            Said("Sam", "good morning", 7 * HOUR),
            Said("Mia Berg", "bring wine"),
            Said("Sam", "ok"),
            Said("Leo", "see you"),
        ]
    )
    rows = rows_of(Conversations(system="You are {name}."), export)
    assert [said(row) for row in rows] == [
        [("u", "Person1: who comes on Sunday?\nPerson2: me"), ("a", "sure\nwhen")],
        [
            ("u", "Person2: at seven\nPerson2: or eight"),
            ("a", "good morning"),
            ("u", "Person1: bring wine"),
            ("a", "ok"),
        ],
    ]
    body = rows[0].body
    assert isinstance(body, Talk)
    assert (body.messages[0].role, body.messages[0].content) == ("system", "You are Sam.")
    assert learned(rows) == ["sure", "when", "good morning", "ok"]
    assert rows[1].first == FIRST + timedelta(minutes=5)


def test_six_hours_end_nothing_and_a_minute_more_does() -> None:
    for minutes, count in ((6 * HOUR, 1), (6 * HOUR + 1, 2)):
        export = chat_of([("Leo", "hi"), ("Sam", "hey"), Said("Leo", "you there?", minutes), ("Sam", "yes")])
        assert len(rows_of(Conversations(), export)) == count


def test_a_pause_within_what_one_side_wrote_ends_nothing() -> None:
    export = chat_of([("Leo", "hi"), Said("Mia", "hello?", 20 * HOUR), ("Sam", "hey")])
    assert [said(row) for row in rows_of(Conversations(), export)] == [
        [("u", "Person1: hi\nPerson2: hello?"), ("a", "hey")]
    ]


def test_a_conversation_may_begin_with_an_own_turn_and_needs_one() -> None:
    export = chat_of([("Sam", "anyone?"), ("Leo", "me"), Said("Mia", "and me", 9 * HOUR)])
    assert [said(row) for row in rows_of(Conversations(), export)] == [[("a", "anyone?")]]


def test_what_is_carried_over_is_one_turn_with_what_follows() -> None:
    # There: two user turns in a row.
    export = chat_of([("Sam", "a"), ("Leo", "b"), Said("Sam", "c", 7 * HOUR), ("Leo", "d"), ("Sam", "e")])
    short = Conversations(max_messages=1)
    for recipe in (Conversations(), short):
        for row in rows_of(recipe, export):
            roles = [role for role, _ in said(row)]
            assert all(one != other for one, other in itertools.pairwise(roles))
    assert [said(row) for row in rows_of(short, export)] == [
        [("a", "a")],
        [("u", "Person1: b"), ("a", "c")],
        [("u", "Person1: d"), ("a", "e")],
    ]


def test_without_rolling_over_what_nobody_answered_is_left_out() -> None:
    export = chat_of([("Sam", "a"), ("Leo", "b"), Said("Sam", "c", 7 * HOUR)])
    rows = rows_of(Conversations(roll_over_trailing=False), export)
    assert [said(row) for row in rows] == [[("a", "a")], [("a", "c")]]


def test_the_count_of_characters_begins_anew_after_a_pause() -> None:
    # There, the count went on over pauses, so that the second conversation ended too soon.
    day = [
        Said("Leo", "x" * 30, 9 * HOUR),
        Said("Sam", "y" * 30),
        Said("Leo", "x" * 30),
        Said("Sam", "z" * 30),
    ]
    # 39 for each question with its speaker, 30 for each answer, 7 for each turn.
    rows = rows_of(Conversations(max_chars=172), chat_of(day * 3))
    assert [len(said(row)) for row in rows] == [4, 4, 4]
    assert [len(said(row)) for row in rows_of(Conversations(max_chars=171), chat_of(day))] == [4]
    assert [len(said(row)) for row in rows_of(Conversations(max_chars=80), chat_of(day))] == [2, 2]


def test_what_nobody_ever_answers_does_not_grow_over_the_cap() -> None:
    export = chat_of([*(Said("Leo", f"hello {n}", 9 * HOUR) for n in range(50)), ("Sam", "hi")])
    ((turn, answer),) = (said(row) for row in rows_of(Conversations(max_messages=5), export))
    assert turn[1].splitlines()[-1] == "Person1: hello 49"
    assert answer == ("a", "hi")
    alone = chat_of(
        [("Sam", "a"), ("Leo", "n"), *(Said("Leo", f"hello {n}") for n in range(50)), Said("Sam", "hi", 999)]
    )
    assert len(said(rows_of(Conversations(max_chars=60), alone)[1])[0][1]) <= 60


def test_names_go_from_texts_too() -> None:
    # There, only the speakers' names went.
    export = chat_of(
        [("Mia Berg", "hi Sam, is leo there?"), ("Leo", "no"), ("Sam", "mia berg! Leo's asleep, Miami")]
    )
    assert said(rows_of(Conversations(), export)[0]) == [
        ("u", "Person1: hi Sam, is Person2 there?\nPerson2: no"),
        ("a", "Person1! Person2's asleep, Miami"),
    ]
    assert said(rows_of(Conversations(names=Names.SPEAKERS), export)[0])[0][1].startswith(
        "Person1: hi Sam, is leo"
    )
    assert said(rows_of(Conversations(anonymise=False), export)[0])[0][1].startswith("Mia Berg: hi")


def test_pairs_keep_all_questions_and_the_last_answer() -> None:
    export = chat_of([("Leo", "a"), ("Sam", "b"), ("Leo", "c"), ("Sam", "d"), ("Sam", "e")])
    rows = rows_of(Conversations(pairs=True), export)
    assert [said(row) for row in rows] == [[("u", "Person1: a\nPerson1: c"), ("a", "d\ne")]]
    assert learned(rows) == ["d", "e"]


@pytest.mark.parametrize("kind", ["forwarded", "blank"])
def test_what_was_not_typed_is_no_text(kind: str) -> None:
    # There, placeholders of media stood in the turns; the readers keep them apart, and blank rows give no line.
    odd = Said("Sam", "a joke", forwarded=True) if kind == "forwarded" else Said("Sam", " \n")
    rows = rows_of(Conversations(), chat_of([("Leo", "hi"), odd, ("Sam", "ha")]))
    assert [said(row) for row in rows] == [[("u", "Person1: hi"), ("a", "ha")]]
