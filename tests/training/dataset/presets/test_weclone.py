"""The preset `weclone`, after WeClone's code."""

from __future__ import annotations

import pytest

from chat.message import Attachment
from tests.training.dataset.exports import Said, chat_of
from tests.training.dataset.rows import learned, rows_of, said
from training.dataset.presets.weclone import WeClone
from training.dataset.row import Talk


def test_the_example_of_the_code() -> None:
    export = chat_of(
        [
            Said("Leo", "are you there?"),
            Said("Leo", "i have news", 2),  # within two minutes, and after punctuation: without a break
            Said("Sam", "yes", 3),
            Said("Sam", "tell me", 2),  # the last of it within five minutes of the last of theirs
            Said("Leo", "later", 5),
            Said("Sam", "ok", 5),
            Said("Leo", "hello", 6),  # over five minutes: another conversation
            Said("Sam", "hi", 1),
        ],
        direct=True,
    )
    rows = rows_of(WeClone(), export)
    assert [said(row) for row in rows] == [
        [("u", "are you there?i have news"), ("a", "yes\ntell me"), ("u", "later"), ("a", "ok")],
        [("u", "hello"), ("a", "hi")],
    ]
    assert learned(rows) == ["yes", "tell me", "ok", "hi"]


def test_the_minutes_themselves_are_within() -> None:
    for minutes, expected in ((5, ["yes"]), (6, [])):
        assert (
            learned(rows_of(WeClone(), chat_of([("Leo", "there?"), Said("Sam", "yes", minutes)]))) == expected
        )
    for minutes, count in ((2, 1), (3, 2)):
        row = rows_of(WeClone(), chat_of([("Leo", "a"), ("Sam", "b"), Said("Sam", "c", minutes)]))[0]
        assert sum(role == "a" for role, _ in said(row)) == count


def test_what_the_owner_begins_gets_an_opener_and_alone_is_left_out() -> None:
    begun = chat_of([("Sam", "hey"), ("Leo", "hi"), ("Sam", "news?")])
    assert [said(row) for row in rows_of(WeClone(), begun)] == [
        [("u", "<begin_chat>"), ("a", "hey"), ("u", "hi"), ("a", "news?")]
    ]
    assert rows_of(WeClone(), chat_of([("Sam", "hey"), Said("Leo", "hi", 60)])) == []


def test_only_the_last_of_several_questions_is_asked() -> None:
    export = chat_of([("Leo", "one?"), Said("Leo", "two?", 3), ("Sam", "yes")])
    assert [said(row) for row in rows_of(WeClone(), export)] == [[("u", "two?"), ("a", "yes")]]


@pytest.mark.parametrize(
    "odd",
    [
        Said("Leo", "", attachment=Attachment.IMAGE),
        Said("Leo", "look", attachment=Attachment.VIDEO),
        Said("Leo", "", attachment=Attachment.AUDIO),
        Said("Sam", "https://example.org/song"),
    ],
)
def test_a_picture_a_voice_and_a_shared_link_end_a_conversation(odd: Said) -> None:
    export = chat_of([("Leo", "a"), ("Sam", "b"), odd, ("Leo", "c"), ("Sam", "d")])
    assert [said(row) for row in rows_of(WeClone(), export)] == [
        [("u", "a"), ("a", "b")],
        [("u", "c"), ("a", "d")],
    ]


@pytest.mark.parametrize(
    "odd",
    [
        Said("Leo", "", attachment=Attachment.STICKER),
        Said("Sam", "here", attachment=Attachment.DOCUMENT),
        Said("Leo", "quoting", reply_to=0),
        Said("Sam", "a bad word"),
        Said("Sam", "passed on", forwarded=True),
    ],
)
def test_a_sticker_a_file_a_quote_and_blocked_words_are_passed_over(odd: Said) -> None:
    export = chat_of([("Leo", "a"), ("Sam", "b"), odd, ("Leo", "c"), ("Sam", "d")])
    rows = rows_of(WeClone(blocked_words=("bad",)), export)
    assert [said(row) for row in rows] == [[("u", "a"), ("a", "b"), ("u", "c"), ("a", "d")]]


def test_two_chats_never_pair() -> None:
    # There, all chats were read one after the other without a cut.
    one, other = (
        chat_of([("Leo", "question")], "a"),
        chat_of([("Sam", "opener"), ("Mia", "hm"), ("Sam", "ah")], "b"),
    )
    assert [said(row)[0] for row in rows_of(WeClone(), one, other)] == [("u", "<begin_chat>")]


def test_an_answer_is_cut_at_the_longest_and_a_longer_example_left_out() -> None:
    export = chat_of([("Leo", "q"), ("Sam", "x" * 3), ("Sam", "y" * 9), Said("Leo", "q", 99), ("Sam", "ok")])
    rows = rows_of(WeClone(max_chars=6), export)
    assert [said(row) for row in rows] == [[("u", "q"), ("a", "ok")]]
    assert learned(rows_of(WeClone(max_chars=14), export)) == ["xxx", "yyyyyyyyy", "ok"]
    cut = rows_of(
        WeClone(max_chars=9), chat_of([("Leo", ""), ("Sam", "x" * 20), Said("Leo", "q"), ("Sam", "ok")])
    )
    assert cut == []


def test_the_time_may_stand_in_the_systems_message() -> None:
    (row,) = rows_of(WeClone(add_time=True, system="You are {name}."), chat_of([("Leo", "a"), ("Sam", "b")]))
    assert isinstance(row.body, Talk)
    assert row.body.messages[0].content == "You are Sam.\nIt is 05-01 09:02."
