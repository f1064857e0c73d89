"""What the app writes itself is told from typed text in every language of the tables."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from chat.exports.export import Export, Untyped
from chat.exports.formats import read_export
from tests.chat.exports.dialects import LRM

TABLES: dict[str, Any] = json.loads(
    files("chat.exports").joinpath("whatsapp_phrases.json").read_text(encoding="utf-8")
)
UNTYPED = {
    "deleted": Untyped.DELETED,
    "calls": Untyped.CALL,
    "live_locations": Untyped.LOCATION,
}


def read(folder: Path, stamp: str, bodies: list[str]) -> Export:
    path = folder / "chat.txt"
    path.write_text("".join(f"{stamp}Sam: {body}\n" for body in ("first", *bodies, "last")))
    return read_export(path, "Sam")


def test_the_tables_name_their_source() -> None:
    assert TABLES["source"]
    assert all(len(TABLES[kind]) > 40 for kind in UNTYPED)


@pytest.mark.parametrize("kind", UNTYPED)
@pytest.mark.parametrize("end", ["", "."])
def test_androids_phrases_are_not_typed_in_any_language(tmp_path: Path, kind: str, end: str) -> None:
    export = read(tmp_path, "23/03/2022, 13:31 - ", [phrase + end for phrase in TABLES[kind]])
    assert [message.text for message in export.messages] == ["first", "last"]
    assert dict(export.other) == {UNTYPED[kind]: len(TABLES[kind])}


@pytest.mark.parametrize("kind", ["deleted", "calls"])
def test_an_iphones_phrases_are_not_typed_in_any_language(tmp_path: Path, kind: str) -> None:
    export = read(tmp_path, "[23/03/2022, 13:31:00] ", [LRM + phrase for phrase in TABLES[kind]])
    assert dict(export.other) == {UNTYPED[kind]: len(TABLES[kind])}


@pytest.mark.parametrize("stamp", ["23/03/2022, 13:31 - ", "[23/03/2022, 13:31:00] "])
@pytest.mark.parametrize("end", ["", "."])
def test_what_an_admin_deleted_is_not_typed_in_any_language(tmp_path: Path, stamp: str, end: str) -> None:
    mark = LRM if stamp.startswith("[") else ""
    phrases = [mark + phrase.replace("%s", "~ Ann-Marie") + end for phrase in TABLES["deleted_by"]]
    assert len(phrases) > 15
    export = read(tmp_path, stamp, phrases)
    assert [message.text for message in export.messages] == ["first", "last"]
    assert dict(export.other) == {Untyped.DELETED: len(phrases)}


@pytest.mark.parametrize(
    "phrase",
    ["<View once photo omitted>", "<Foto zur einmaligen Ansicht weggelassen>", "<Μήνυμα μίας προβολής>"],
)
def test_androids_placeholders_in_angles_are_attachments_in_any_language(tmp_path: Path, phrase: str) -> None:
    export = read(tmp_path, "23/03/2022, 13:31 - ", [phrase])
    assert [(m.text, m.attachment is not None) for m in export.messages] == [
        ("first", False),
        ("", True),
        ("last", False),
    ]


def test_an_attached_file_is_told_in_any_language_and_its_caption_is_typed(tmp_path: Path) -> None:
    lines = [f"a b.jpeg ({phrase})" for phrase in TABLES["attached_files"]]
    lines += [phrase.replace("%s", "a b.jpeg") for phrase in TABLES["attached_otherwise"]]
    export = read(tmp_path, "23/03/2022, 13:31 - ", [*lines, *(f"{line}\nlook" for line in lines)])
    assert [m.text for m in export.messages] == [
        "first",
        *("" for _ in lines),
        *("look" for _ in lines),
        "last",
    ]
    assert all(message.attachment for message in export.messages[1:-1])


@pytest.mark.parametrize("kind", ["image", "video", "audio", "sticker", "gif", "contact", "document"])
def test_an_iphones_attachments_are_of_their_kind_in_any_language(tmp_path: Path, kind: str) -> None:
    phrases = [
        phrase
        for phrase in TABLES["attachments"][kind]
        # Where a language has one phrase for two kinds, nothing tells them apart.
        if sum(phrase in others for others in TABLES["attachments"].values()) == 1
    ]
    export = read(tmp_path, "[23/03/2022, 13:31:00] ", [LRM + phrase for phrase in phrases])
    assert [message.attachment for message in export.messages[1:-1]] == [kind for _ in phrases]


@pytest.mark.parametrize("name", TABLES["chat_names"])
def test_a_file_is_known_by_its_name_in_any_language(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name.replace('%s', 'Friday five')}.txt"
    path.write_text("23/03/2022, 13:31 - Sam: hi\n")
    assert read_export(path, "Sam").chat.title == "Friday five"
