"""Exports of one chat that overlap become one, and undecided dates are read as the others write theirs."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from chat.errors import DateOrderUnknown
from chat.exports.dates import DateOrder
from chat.exports.export import Export, Untyped
from chat.exports.formats import read_bundles
from chat.exports.merge import merge
from chat.exports.reader import ReadOptions

NAME = "WhatsApp Chat with Mia.txt"


def exports_of(folder: Path, *texts: str) -> list[Export]:
    found: list[Export] = []
    for number, text in enumerate(texts):
        path = folder / f"{number}" / NAME
        path.parent.mkdir()
        path.write_text(text)
        found += read_bundles([path]).exports
    return found


def said(export: Export) -> list[tuple[str, str]]:
    return [(message.author.name, message.text) for message in export.messages]


def test_any_two_stretches_of_a_chat_give_the_whole_back(tmp_path: Path) -> None:
    draw = random.Random(4)
    lines = [
        f"23/03/2022, {minute // 60:02}:{minute % 60:02} - {draw.choice('AB')}: {draw.choice(('ok', 'lol'))}\n"
        for minute in range(300)
        for _ in range(draw.choice((1, 1, 1, 3)))
    ]
    for place in range(6):
        begin = draw.randrange(200)
        end = draw.randrange(begin + 1, len(lines) - 50)
        folder = tmp_path / f"{place}"
        folder.mkdir()
        later, earlier = exports_of(folder, "".join(lines[begin:]), "".join(lines[:end]))
        (whole,) = merge([later, earlier])
        expected = [tuple(line.strip().split(" - ")[1].split(": ")) for line in lines]
        assert Counter(said(whole)) == Counter(expected)
        assert whole.rows.get_column("at").is_sorted()
        assert whole.other[Untyped.DUPLICATE] == end - begin


def test_other_chats_stay_apart(tmp_path: Path) -> None:
    one, two = exports_of(tmp_path, "23/03/2022, 10:00 - A: x\n", "23/03/2022, 10:00 - A: x\n")
    apart = replace(two, chat=replace(two.chat, key=replace(two.chat.key, chat_id="other")))
    assert merge([one, apart]) == (one, apart)
    assert merge([one, replace(two, format="imazing")])[0] is one


def test_the_edited_text_is_the_one_kept(tmp_path: Path) -> None:
    one, two = exports_of(tmp_path, "23/03/2022, 10:00 - A: teh\n", "23/03/2022, 10:00 - A: teh\n")
    edited = replace(two, rows=two.rows.with_columns(text=pl.lit("the"), edited=True))
    for pair in ((one, edited), (edited, one)):
        assert said(merge(pair)[0]) == [("A", "the")]


UNDECIDED = "3/4/22, 10:00 - Sam: x\n3/4/22, 10:01 - Sam: y\n"
MONTH_FIRST = "3/14/22, 10:00 - Sam: x\n"
DAY_FIRST = "14/3/22, 10:00 - Sam: x\n"


@pytest.mark.parametrize(
    ("others", "order", "month"),
    [
        ((MONTH_FIRST,), None, 3),
        ((DAY_FIRST,), None, 4),
        ((DAY_FIRST, "14.3.22, 10:00 - Sam: x\n"), None, 4),
        ((DAY_FIRST, MONTH_FIRST), None, None),
        (("2022-03-14, 10:00 - Sam: x\n",), None, None),
        ((), None, None),
        ((DAY_FIRST,), DateOrder.MONTH_FIRST, 3),
    ],
)
def test_undecided_dates_follow_the_other_exports(
    tmp_path: Path, others: tuple[str, ...], order: DateOrder | None, month: int | None
) -> None:
    (tmp_path / "0.txt").write_text(UNDECIDED)
    for number, text in enumerate(others, 1):
        (tmp_path / f"{number}.txt").write_text(text)
    reading = read_bundles([*sorted(tmp_path.glob("*.txt"))], ReadOptions(order))
    found = [export for export in reading.exports if export.path.name == "0.txt"]
    if month is None:
        assert (found, [type(failure) for failure in reading.failures]) == ([], [DateOrderUnknown])
        assert "--date-order" in str(reading.failures[0])
    else:
        assert [export.messages[0].sent_at.month for export in found] == [month]
        assert not reading.failures
