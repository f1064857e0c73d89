"""Telegram's JSON: one chat and all, pieces of text, media, old versions, signs that are no JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chat.exports.formats import read_bundles
from tests.chat.exports.expected import FIXTURES, cases, expected, read_case, summary

ALL = FIXTURES / "telegram" / "all_chats" / "DataExport" / "result.json"
MESSAGE = {
    "id": 1,
    "type": "message",
    "date": "2024-01-01T00:00:00",
    "from_id": "user1",
    "from": "Kim",
    "text": "hi",
}


@pytest.mark.parametrize("case", cases("telegram"))
def test_a_fixture_gives_the_rows_beside_it(case: str) -> None:
    assert summary(read_case("telegram", case)) == expected("telegram", case)


def test_chats_before_the_damage_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(ALL.read_bytes().partition(b'"replies"')[0])
    reading = read_bundles((path,))
    assert [export.chat.title for export in reading.exports] == ["Kim", "Saved Messages"]
    (failure,) = reading.failures
    assert failure.problem.endswith("export the chat again")


def test_what_names_the_chat_may_stand_behind_its_messages(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"type": "personal_chat", "messages": [MESSAGE], "name": "Kim", "id": 1}))
    (export,) = read_bundles((path,)).exports
    assert (export.chat.title, str(export.chat.key), export.owner) == ("Kim", "telegram/user1", frozenset())


@pytest.mark.parametrize("member", ["name", "type", "id"])
def test_a_chat_that_is_named_by_no_text_is_read_all_the_same(tmp_path: Path, member: str) -> None:
    chat: dict[str, object] = {"name": "Kim", "type": "private_group", "id": 1, "messages": [MESSAGE]}
    path = tmp_path / "result.json"
    path.write_text(json.dumps({**chat, member: ["x"]}))
    (export,) = read_bundles((path,)).exports
    assert export.rows.height == 1
    assert [problem.what for problem in export.problems] == [f"of the chat, its {member} is no text"]
