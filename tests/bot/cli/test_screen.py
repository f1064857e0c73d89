"""What the command line shows: tables."""

from __future__ import annotations

import pytest

from bot.cli.screen import show_table


def test_a_table_with_a_long_id_breaks_neither_the_id_nor_its_head_in_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    head = ("chat", "title", "mode", "probability", "waiting", "leaving")
    show_table(head, [("discord/1573698198269067273", "general in Friends", "manual", "0.35", "0", "12")])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert tuple(lines[0].split()) == head
    assert lines[2].split() == ["discord/1573698198269067273", "general", "in", "manual", "0.35", "0", "12"]
    assert all(len(line) <= 80 for line in lines)
