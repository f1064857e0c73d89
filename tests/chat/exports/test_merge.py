"""Exports of one chat that overlap become one, and undecided dates are read as the others write theirs."""

from __future__ import annotations

import json
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
from chat.exports.imports import Imports
from chat.exports.merge import merge
from chat.exports.people import People
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


IPHONE, ANDROID = "[23/03/2022, 10:%02d:%02d] %s: %s\n", "23/03/2022, 10:%02d - %s: %s\n"


def test_one_chat_from_two_phones_is_known_again_by_the_minute(tmp_path: Path) -> None:
    draw = random.Random(5)
    talk = [
        (minute, second, draw.choice("AB"), draw.choice(("ok", "lol", "so")))
        for minute in range(40)
        for second in sorted(draw.sample(range(60), draw.choice((1, 2, 5))))
    ]
    iphone = "".join(IPHONE % said for said in talk[:80])
    android = "".join(ANDROID % (minute, who, text) for minute, _, who, text in talk[20:])
    for place, texts in enumerate(((iphone, android), (android, iphone))):
        folder = tmp_path / f"{place}"
        folder.mkdir()
        (whole,) = merge(exports_of(folder, *texts))
        # The minute in which the iPhone's export ends, too, holds each message once.
        assert Counter(said(whole)) == Counter((who, text) for _, _, who, text in talk)
        assert whole.other[Untyped.DUPLICATE] == 60


def test_a_third_ok_that_only_one_phone_has_stays(tmp_path: Path) -> None:
    iphone = "".join(IPHONE % (0, second, "A", "ok") for second in (0, 30))
    (whole,) = merge(exports_of(tmp_path, iphone, ANDROID % (0, "A", "ok") * 3))
    assert said(whole) == [("A", "ok")] * 3


def test_discords_package_and_an_exported_channel_are_one_chat(tmp_path: Path) -> None:
    ids = [str((1_680_000_000_000 - 1_420_070_400_000 + 60_000 * n << 22) + n) for n in range(4)]
    package = tmp_path / "package" / "messages" / "c500"
    package.mkdir(parents=True)
    (package / "channel.json").write_text('{"id": "500", "type": 0, "name": "general"}')
    # The package has an older message, which the exported stretch lacks.
    rows = "".join(f"{ids[n]},2023-03-28 10:{40 + n}:00+00:00,mine {n},\n" for n in (2, 0))
    (package / "messages.csv").write_text("ID,Timestamp,Contents,Attachments\n" + rows)
    channel = {
        "guild": {"id": "400", "name": "Club"},
        "channel": {"id": "500", "type": "GuildTextChat", "name": "general"},
        "messages": [
            {
                "id": ids[n],
                "type": "Default",
                "timestamp": f"2023-03-28T12:{40 + n}:00+02:00",
                "content": f"mine {n}" if n == 2 else "theirs",
                "author": {"id": "77" if n == 2 else "90", "name": "robin" if n == 2 else "kim"},
            }
            for n in (1, 2, 3)
        ],
    }
    (tmp_path / "general.json").write_text(json.dumps(channel))
    reading = read_bundles([tmp_path])
    assert len(reading.exports) == 2
    for exports in (reading.exports, reading.exports[::-1]):
        (whole,) = merge(exports)
        assert [(m.id, m.author.id, m.text, m.own) for m in whole.messages] == [
            (ids[0], "77", "mine 0", True),
            (ids[1], "90", "theirs", False),
            (ids[2], "77", "mine 2", True),
            (ids[3], "90", "theirs", False),
        ]
        assert (whole.format, whole.owner) == ("discord_exporter", frozenset({"77"}))
        assert whole.other[Untyped.DUPLICATE] == 1
    # Kept one after the other they meet as well.
    for places in ((0, 1), (1, 0)):
        shelf = Imports(tmp_path / f"imports{places[0]}")
        for place in places:
            shelf.keep([reading.exports[place]], People())
        (kept,) = shelf.exports()
        assert [m.own for m in kept.messages] == [True, False, True, False]


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
