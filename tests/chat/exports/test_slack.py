"""Slack's export: a workspace with its lists, threads, subtypes, and texts as people saw them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from chat.exports.formats import read_bundles
from chat.exports.slack_text import Names, as_seen, upload_comment
from tests.chat.exports.expected import FIXTURES, cases, expected, read_case, summary

WORKSPACE = FIXTURES / "slack" / "workspace"


@pytest.mark.parametrize("case", cases("slack"))
def test_a_fixture_gives_the_rows_beside_it(case: str) -> None:
    assert summary(read_case("slack", case)) == expected("slack", case)


def test_a_zip_gives_what_its_folder_gives(tmp_path: Path) -> None:
    path = tmp_path / "Garden Slack export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(WORKSPACE.rglob("*.json")):
            archive.write(file, str(file.relative_to(WORKSPACE)))
    found = summary(read_bundles((path,)))
    wanted = expected("slack", "workspace")
    # A problem of the lists stands with the channel that comes first, and that is another one here.
    for exports in (found["exports"], wanted["exports"]):
        for export in exports:
            export["problems"] = [what for what in export["problems"] if not what.startswith("users.json")]
    assert found == wanted


def test_a_list_that_is_broken_costs_names_alone(tmp_path: Path) -> None:
    (tmp_path / "users.json").write_text("[{")
    (tmp_path / "general").mkdir()
    day = WORKSPACE / "general" / "2016-01-16.json"
    (tmp_path / "general" / day.name).write_bytes(day.read_bytes())
    (export,) = read_bundles((tmp_path,)).exports
    assert list(export.rows.get_column("name")) == ["U3"]
    assert [str(problem) for problem in export.problems] == [
        "users.json: line 1: the list cannot be read; names may be missing"
    ]


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("<@U1>", "@ann"),
        ("<@U1|anna>", "@anna"),
        ("<@U2>", "@U2"),
        ("<#C1>", "#general"),
        ("<#C1|>", "#general"),
        ("<!here|here>", "@here"),
        ("<!date^1^{date}>", "@date^1^{date}"),
        ("<https://example.org|example.org>", "example.org"),
        ("a < b <> <\n>", "a < b <> <\n>"),
        ("&amp;amp; &amp;lt;", "&amp; &lt;"),
    ],
)
def test_a_text_is_what_people_saw(written: str, seen: str) -> None:
    assert as_seen(written, Names({"U1": "ann"}, {"C1": "general"})) == seen


def test_a_sentence_about_a_file_is_slacks_own() -> None:
    assert (
        upload_comment("<@U1|ann> uploaded a file: <https://example.org|x> and commented: two\nlines")
        == "two\nlines"
    )
    assert upload_comment("<@U1> uploaded a file: <https://example.org|x>") == ""
    assert (
        upload_comment("I uploaded a file: <https://example.org|x>")
        == "I uploaded a file: <https://example.org|x>"
    )
