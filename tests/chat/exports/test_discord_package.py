"""Discord's own package: folders, kinds of channels, ids that are times, damaged neighbours."""

from __future__ import annotations

import shutil
import zipfile
from datetime import datetime
from pathlib import Path

import pytest

from chat.exports.discord_package import sent_at
from chat.exports.formats import read_bundles
from tests.chat.exports.expected import FIXTURES, cases, expected, read_case, summary

OLD = FIXTURES / "discord_package" / "old_csv" / "package"


@pytest.mark.parametrize("case", cases("discord_package"))
def test_a_fixture_gives_the_rows_beside_it(case: str) -> None:
    assert summary(read_case("discord_package", case)) == expected("discord_package", case)


def test_an_id_holds_its_time_to_the_millisecond() -> None:
    # The example in Discord's own reference.
    assert sent_at("175928847299117063") == datetime.fromisoformat("2016-04-30T11:18:25.796")


@pytest.mark.parametrize("number", ["", "12", "-5", "1.5e18", "٣٤٥٦٧٨٩٠١٢٣٤٥٦٧٨٩", "9" * 30])
def test_a_number_that_is_no_such_id_holds_no_time(number: str) -> None:
    assert sent_at(number) is None


def test_a_zip_gives_what_its_folder_gives(tmp_path: Path) -> None:
    path = tmp_path / "package.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(OLD.rglob("*.*")):
            archive.write(file, f"package/{file.relative_to(OLD)}")
    assert summary(read_bundles((path,))) == expected("discord_package", "old_csv")


def test_one_channel_alone_is_read_without_what_names_it(tmp_path: Path) -> None:
    shutil.copy(OLD / "messages" / "c600000000000000005" / "messages.csv", tmp_path)
    (export,) = read_bundles((tmp_path / "messages.csv",)).exports
    assert export.owner == {"me"}
    assert export.rows.height == 1


def test_a_channel_that_is_cut_off_fails_alone(tmp_path: Path) -> None:
    shutil.copytree(OLD, tmp_path / "package")
    path = tmp_path / "package" / "messages" / "c600000000000000001" / "messages.csv"
    path.write_bytes(path.read_bytes().partition(b"# head")[0])
    reading = read_bundles((tmp_path,))
    assert [export.chat.key.chat_id[-1] for export in reading.exports] == ["2", "3", "4", "5"]
    (failure,) = reading.failures
    assert failure.path == path
    assert failure.problem == "line 8: this is no CSV, or cut off; export the chat again"
