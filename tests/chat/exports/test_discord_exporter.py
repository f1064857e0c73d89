"""DiscordChatExporter's JSON: kinds of messages, old versions, parts, people who are gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.exports.formats import read_bundles
from chat.exports.merge import merge
from tests.chat.exports.expected import FIXTURES, cases, expected, read_case, summary

CHANNEL = FIXTURES / "discord_exporter" / "channel"


@pytest.mark.parametrize("case", cases("discord_exporter"))
def test_a_fixture_gives_the_rows_beside_it(case: str) -> None:
    assert summary(read_case("discord_exporter", case)) == expected("discord_exporter", case)


def test_the_parts_of_a_channel_become_one_chat() -> None:
    (export,) = merge(read_bundles((CHANNEL,)).exports)
    assert export.rows.height == 12
    assert export.rows.get_column("reply_to")[-1] == "1100000000000000002"


def test_a_part_that_is_cut_off_fails_alone(tmp_path: Path) -> None:
    first, second = sorted(CHANNEL.iterdir())
    (tmp_path / first.name).write_bytes(first.read_bytes())
    (tmp_path / second.name).write_bytes(second.read_bytes()[:-40])
    reading = read_bundles((tmp_path,))
    assert len(reading.exports) == 1
    assert len(reading.failures) == 1
    assert "line " in str(reading.failures[0])


def test_what_follows_the_end_is_no_export(tmp_path: Path) -> None:
    (tmp_path / "g.json").write_bytes(
        (FIXTURES / "discord_exporter" / "group" / "g.json").read_bytes() + b"{}"
    )
    (failure,) = read_bundles((tmp_path,)).failures
    assert "something follows the end" in failure.problem
