"""iMazing's CSV: versions by their columns, halves of messages, tapbacks, duplicates."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.exports.bundle import open_bundle
from chat.exports.formats import read_bundles
from chat.exports.imazing import IMazing
from chat.exports.reader import ReadOptions
from tests.chat.exports.expected import cases, expected, read_case, summary

HEADER = "Chat Session,Message Date,Type,Sender ID,Text,Attachment"


@pytest.mark.parametrize("case", cases("imazing"))
def test_a_fixture_gives_the_rows_beside_it(case: str) -> None:
    assert summary(read_case("imazing", case)) == expected("imazing", case)


def test_columns_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("text,type,MESSAGE DATE,Chat Session,Mood\nhi,Outgoing,2024-01-01 00:00,Kim,good\n")
    (export,) = read_bundles((path,)).exports
    assert list(export.rows.get_column("text")) == ["hi"]
    assert export.owner == {"me"}


@pytest.mark.parametrize(
    "text", ["Liked “a”", "Emphasised “a\nb”", "Questioned an attachment", "Removed a laugh from “a”"]
)
def test_a_tapback_is_counted_and_left_out(tmp_path: Path, text: str) -> None:
    assert _read(tmp_path, f'Kim,2024-01-01 00:00,Outgoing,,"{text}",') == ([], {"tapback": 1})


@pytest.mark.parametrize("text", ["Liked “a” and b", "Loved it", "liked “a”", 'Liked ""a""'])
def test_what_only_resembles_a_tapback_was_typed(tmp_path: Path, text: str) -> None:
    rows, other = _read(tmp_path, f'Kim,2024-01-01 00:00,Outgoing,,"{text}",')
    assert (len(rows), other) == (1, {})


def test_halves_of_different_people_or_seconds_are_not_one_message(tmp_path: Path) -> None:
    rows, _ = _read(
        tmp_path,
        "Kim,2024-01-01 00:00:00,Outgoing,,,a.png\nKim,2024-01-01 00:00:00,Incoming,+1,hi,\n"
        "Kim,2024-01-01 00:00:01,Incoming,+1,,b.png",
    )
    assert rows == ["", "hi", ""]


def test_a_table_of_which_no_record_fits_fails(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"{HEADER}\nKim,2024-01-01\n")
    (failure,) = read_bundles((path,)).failures
    assert failure.problem == "line 2 has not as many fields as there are columns"


def test_a_quote_that_is_never_closed_fails_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f'{HEADER}\nKim,2024-01-01,Incoming,+1,hi,\nKim,2024-01-01,Incoming,+1,"hi,\n')
    (failure,) = read_bundles((path,)).failures
    assert failure.problem == "line 3: this is no CSV, or cut off; export the chat again"


def _read(folder: Path, records: str) -> tuple[list[str], dict[str, int]]:
    path = folder / "x.csv"
    path.write_text(f"{HEADER}\n{records}\n")
    ((source,),) = IMazing().units(open_bundle(path))
    (export,) = IMazing().read((source,), ReadOptions())
    return list(export.rows.get_column("text")), {kind.value: count for kind, count in export.other.items()}
