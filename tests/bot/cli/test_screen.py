"""What the command line shows: tables, and lines as they are."""

from __future__ import annotations

import pytest

from bot.cli.screen import say, say_error, show_table


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


def test_what_reads_like_an_emoji_is_shown_as_it_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    say("chat:x: is in [bold]:pizza: night[/bold]")
    say_error("no chat known so far is in account:x: `understudy status` lists the chats")
    shown = capsys.readouterr()
    assert shown.out == "chat:x: is in [bold]:pizza: night[/bold]\n"
    assert "account:x:" in shown.err
