"""Signal's exports: the official one, and both files of sigexport."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.errors import ExportDamaged, ExportEmpty, ExportError
from chat.exports import json_lines
from chat.exports.bundle import open_bundle
from chat.exports.export import Clock, Export, Untyped
from chat.exports.formats import read_bundles
from chat.exports.reader import ReadOptions
from chat.exports.signal import Signal
from chat.message import Attachment

FIXTURES = Path(__file__).parent / "fixtures" / "signal"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "dropped"
    folder.mkdir()
    return folder


def read(path: Path) -> list[Export]:
    reading = read_bundles((path,))
    assert reading.failures == ()
    return list(reading.exports)


def at(second: int, microsecond: int = 0) -> datetime:
    return datetime(2022, 3, 23, 12, 0, second, microsecond)  # noqa: DTZ001


def counted(export: Export) -> Mapping[Untyped, int]:
    return dict(export.other)


def lines_of(export: Export) -> list[tuple[object, ...]]:
    return export.rows.select("author", "name", "at", "text", "attachment", "line").rows()


def test_the_official_export_gives_each_chat_with_its_people() -> None:
    mia, friday, notes, news = read(FIXTURES / "main.jsonl")
    assert [(e.chat.key.chat_id, e.chat.title, e.direct) for e in (mia, friday, notes, news)] == [
        ("bWlh", "Mia Baum", True),
        ("Z3JvdXA=", "Friday five", False),
        ("self", "Note to Self", None),
        ("recipient-5", "recipient-5", None),
    ]
    assert {(e.format, e.dialect, e.clock, e.owner) for e in (mia, friday, notes, news)} == {
        ("signal", "main.jsonl", Clock.UTC, frozenset({"self"}))
    }
    assert lines_of(mia) == [
        ("bWlh", "Mia Baum", at(0, 123_000), "hey  ", None, 12),
        ("self", "Sam", at(1), "hi: \n\nyou", None, 13),
        ("self", "Sam", at(2), "look", Attachment.IMAGE, 14),
        ("self", "Sam", at(3), "", Attachment.AUDIO, 15),
        ("bWlh", "Mia Baum", at(4), "", Attachment.STICKER, 16),
    ]
    assert mia.rows["id"][0] == "1648036800123-bWlh"
    assert mia.rows["reply_to"].to_list() == [None, "1648036800123-bWlh", None, None, None]
    assert mia.rows["edited"].to_list() == [False, True, False, False, False]
    assert counted(mia) == {Untyped.CALL: 1, Untyped.DELETED: 1, Untyped.NOTICE: 1}
    assert lines_of(friday) == [
        ("491702", "Tommy", at(8), "all?", None, 20),
        ("491702", "Tommy", at(11), "", Attachment.CONTACT, 24),
        ("491702", "Tommy", at(16), "very long", None, 30),
        ("491702", "Tommy", at(19), "nice story", None, 33),
    ]
    assert counted(friday) == {
        Untyped.DUPLICATE: 1,
        Untyped.POLL: 1,
        Untyped.HIDDEN: 2,
        Untyped.TAPBACK: 1,
    }
    assert [(m.text, m.own) for m in notes.messages] == [("milk", True)]
    assert counted(news) == {Untyped.NOTICE: 1}


def test_frames_that_fit_nothing_are_reported() -> None:
    first = read(FIXTURES / "main.jsonl")[0]
    assert [(problem.file, problem.line, problem.what) for problem in first.problems] == [
        ("main.jsonl", 25, "it is a kind of message that is not known here"),
        ("main.jsonl", 26, "nobody is named as its author"),
        ("main.jsonl", 27, "it has no time"),
        ("main.jsonl", 28, "it belongs to no chat"),
        ("main.jsonl", 29, "this is no frame of JSON"),
        ("main.jsonl", 30, "only the beginning of a long text stands here"),
    ]


def test_an_export_without_a_chat_that_could_be_read_fails(folder: Path) -> None:
    (folder / "main.jsonl").write_text('{"version":"1","backupTimeMs":"1"}\n{"chatItem":{"chatId":"1"}}\n')
    (failure,) = read_bundles((folder,)).failures
    assert isinstance(failure, ExportDamaged)
    assert failure.problem == "line 2: it belongs to no chat; export the chats again"


def test_an_export_without_a_message_says_so(folder: Path) -> None:
    (folder / "main.jsonl").write_text('{"version":"1","backupTimeMs":"1"}\n')
    assert [type(failure) for failure in read_bundles((folder,)).failures] == [ExportEmpty]


def test_a_frame_too_long_to_be_one_is_reported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "LONGEST_RECORD", 1_000)
    text = (FIXTURES / "main.jsonl").read_text("utf-8")
    (folder / "main.jsonl").write_text(text.replace("look", "x" * 300_000), "utf-8")
    mia = read(folder)[0]
    assert (14, "this is no frame of JSON") in [(problem.line, problem.what) for problem in mia.problems]
    assert mia.rows.height == 4


def test_sigexports_data_gives_the_chat_of_its_folder(folder: Path) -> None:
    shutil.copytree(FIXTURES / "Mia", folder / "Mia")
    (export,) = read(folder)
    assert (export.chat.title, export.dialect, export.clock) == ("Mia", "sigexport data.json", Clock.WALL)
    assert (export.owner, export.direct) == (frozenset({"Me"}), None)
    assert lines_of(export) == [
        ("Mia", "Mia", at(0), "hey", None, 1),
        ("Me", "Me", at(1, 500_000), "hi: \ntwo ", None, 2),
        ("Me", "Me", at(2), "look", Attachment.IMAGE, 3),
        ("Mia", "Mia", at(3), "", Attachment.AUDIO, 4),
        ("Mia", "Mia", at(4), "", Attachment.STICKER, 5),
        # Somebody typed it: the tool says that it is no call.
        ("Me", "Me", at(8), "Outgoing call", None, 9),
        ("Mia", "Mia", at(11), "half \ufffd a pair", None, 14),
    ]
    assert counted(export) == {Untyped.CALL: 2, Untyped.DELETED: 1, Untyped.HIDDEN: 1, Untyped.NOTICE: 1}
    assert [(problem.line, problem.what) for problem in export.problems] == [
        (12, "it is no message with a sender and a time"),
        (13, "it is no message with a sender and a time"),
    ]


def test_sigexports_markdown_is_read_without_what_the_tool_added(folder: Path) -> None:
    shutil.copytree(FIXTURES / "Friday", folder / "Friday")
    (export,) = read(folder)
    assert (export.chat.title, export.dialect, export.direct) == ("Friday", "sigexport chat.md", False)
    assert lines_of(export) == [
        ("Mia", "Mia", at(0), "hey", None, 1),
        ("Me", "Me", at(0), "hi: there", None, 4),
        ("Me", "Me", at(2), "> typed like this\nsecond line", None, 11),
        ("Mia", "Mia", at(3), "", Attachment.STICKER, 14),
        ("Tom", "Tom", at(4), "look", Attachment.IMAGE, 17),
        ("Mia", "Mia", at(7), "", Attachment.STICKER, 23),
    ]
    assert counted(export) == {Untyped.CALL: 1, Untyped.DELETED: 1, Untyped.HIDDEN: 1}
    assert [(problem.line, problem.what) for problem in export.problems] == [(27, "it has no time")]


def test_the_markdown_is_left_where_the_data_says_it_better(folder: Path) -> None:
    shutil.copytree(FIXTURES / "Mia", folder / "Mia")
    shutil.copy(FIXTURES / "Friday" / "chat.md", folder / "Mia")
    reading = read_bundles((folder,))
    assert [export.dialect for export in reading.exports] == ["sigexport data.json"]
    assert [source.name for source in reading.left] == ["Mia/chat.md"]


def test_a_damaged_file_fails_alone(folder: Path) -> None:
    shutil.copytree(FIXTURES / "Mia", folder / "Mia")
    good = (FIXTURES / "main.jsonl").read_bytes()
    (folder / "main.jsonl").write_bytes(good + b"\xff\xfe\n")
    reading = read_bundles((folder,))
    assert [export.chat.title for export in reading.exports] == ["Mia"]
    assert [failure.path.name for failure in reading.failures] == ["main.jsonl"]


def test_other_json_is_left_alone(folder: Path) -> None:
    for name, text in (
        ("data.json", '{"date": 1}'),
        ("main.jsonl", "{"),
        ("chat.md", "# Notes"),
        ("x.json", ""),
    ):
        (folder / name).write_text(text)
    reading = read_bundles((folder,))
    assert (reading.exports, len(reading.left)) == ((), 4)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.sampled_from(["main.jsonl", "data.json", "chat.md"]),
    cut=st.none() | st.integers(200, 6_000),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=4)), max_size=8),
)
def test_a_mutated_export_is_read_or_fails_with_our_error(
    tmp_path: Path, which: str, cut: int | None, changes: list[tuple[int, bytes]]
) -> None:
    origin = {
        "main.jsonl": (FIXTURES / "main.jsonl").read_bytes(),
        "data.json": (FIXTURES / "Mia" / "data.json").read_bytes(),
        "chat.md": (FIXTURES / "Friday" / "chat.md").read_bytes(),
    }
    data = bytearray(origin[which][:cut])
    for at_byte, put in changes:
        place = at_byte % (len(data) + 1)
        data[place : place + len(put)] = put
    path = tmp_path / which
    path.write_bytes(data)
    reader = Signal()
    for unit in reader.units(open_bundle(path)):
        with suppress(ExportError):
            for export in reader.read(unit, ReadOptions()):
                assert len(list(export.messages)) == export.rows.height
