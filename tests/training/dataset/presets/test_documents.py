"""The preset `documents`: own messages in windows of fifteen minutes."""

from __future__ import annotations

import pytest

from tests.training.dataset.exports import Said, chat_of
from tests.training.dataset.rows import learned, rows_of
from training.dataset.presets.documents import Documents
from training.dataset.row import Row


def texts(rows: list[Row]) -> list[str]:
    return [row.body.parts[0] for row in rows]


def test_own_messages_are_joined_while_less_than_fifteen_minutes_pass() -> None:
    export = chat_of(
        [
            Said("Sam", "one"),
            Said("Leo", "never shown", 7),
            Said("Sam", "two", 7),
            Said("Sam", "three", 15),
            Said("Sam", "four", 14),
        ]
    )
    rows = rows_of(Documents(), export)
    assert texts(rows) == ["one\ntwo", "three\nfour"]
    assert learned(rows) == ["one", "two", "three", "four"]
    assert rows[0].authors == ("Sam",)


def test_channels_are_never_mixed() -> None:
    # In the variant, any messages of any channels stand together.
    one, other = (chat_of([("Sam", f"{title} {n}") for n in range(9)], title) for title in ("a", "b"))
    for recipe in (Documents(), Documents(group_messages=(2, 5))):
        rows = rows_of(recipe, one, other)
        assert all(len({line[0] for line in text.splitlines()}) == 1 for text in texts(rows))
        assert len(learned(rows)) == 18


def test_the_variant_takes_so_many_messages_a_document_and_draws_the_same_again() -> None:
    export = chat_of([Said("Sam", f"word {n}", 600) for n in range(100)])
    recipe = Documents(group_messages=(5, 10))
    sizes = [len(text.splitlines()) for text in texts(rows_of(recipe, export))]
    assert all(5 <= size <= 10 for size in sizes[:-1])
    assert len(set(sizes[:-1])) > 1
    assert rows_of(recipe, export) == rows_of(recipe, export)
    assert rows_of(recipe, export) != rows_of(recipe.model_copy(update={"seed": 1}), export)


def test_the_variant_keeps_the_first_of_what_is_the_same_anywhere() -> None:
    one, other = (
        chat_of([("Sam", "ok"), ("Sam", "yes"), ("Sam", "ok")], "a"),
        chat_of([("Sam", "ok"), ("Sam", "no")], "b"),
    )
    assert texts(rows_of(Documents(unique=True), one, other)) == ["ok\nyes", "no"]
    assert texts(rows_of(Documents(), one, other)) == ["ok\nyes\nok", "ok\nno"]


@pytest.mark.parametrize(
    ("text", "gone"), [("https://example.org/a", True), ("http is old", False), ("see https://x.org", False)]
)
def test_an_address_alone_is_no_text(text: str, gone: bool) -> None:
    export = chat_of([("Sam", "hi"), ("Sam", text)])
    assert texts(rows_of(Documents(), export)) == ["hi" if gone else f"hi\n{text}"]
    assert texts(rows_of(Documents(url_only="keep"), export)) == [f"hi\n{text}"]


def test_short_documents_are_left_out() -> None:
    export = chat_of([Said("Sam", "ok", 60), Said("Sam", "a word", 60)])
    assert texts(rows_of(Documents(min_chars=3), export)) == ["a word"]
