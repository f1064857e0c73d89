"""The state folder as a way to kill: notes of kills, and files that somebody drops."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.kill_folder import KillFolder, KillNote
from safety.kill import KillScope

NOTE = KillNote("0123", KillScope.parse("chat:local/x"), "mia in local/x", "kill word", 1_700_000_000_000)


def test_a_note_is_read_as_it_was_written_until_it_is_forgotten(tmp_path: Path) -> None:
    folder = KillFolder(tmp_path)
    assert folder.notes() == ()
    folder.keep(NOTE)
    folder.keep(NOTE)
    assert folder.notes() == (NOTE,)
    (path,) = (tmp_path / "kills").iterdir()
    assert path.stat().st_mode & 0o077 == 0, "names stand in it"
    folder.forget(NOTE.id)
    folder.forget(NOTE.id)
    assert folder.notes() == ()


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "[" * 100_000, '{"scope": "here"}'),
        # A time that is none: numbers that JSON has no bounds for, and years that no calendar has.
        *(
            f'{{"scope": "everywhere", "by": "mia", "reason": "", "at": {at}}}'
            for at in ('"soon"', "Infinity", "NaN", "1e30", "-1e30", "99999999999999999")
        ),
    ],
)
def test_a_note_that_cannot_be_read_is_a_kill_everywhere(tmp_path: Path, text: str) -> None:
    (tmp_path / "kills").mkdir()
    (tmp_path / "kills" / "77.json").write_text(text)
    (note,) = KillFolder(tmp_path).notes()
    assert (note.id, note.scope, note.at_ms) == ("77", KillScope.everywhere(), 0)


def test_a_note_that_is_just_being_written_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "kills").mkdir()
    (tmp_path / "kills" / "77.12.new").write_text("{")
    assert KillFolder(tmp_path).notes() == ()


@pytest.mark.parametrize("name", ["kill", "pineapple", "kill.txt", "pineapple.txt"])
@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("", "everywhere"),
        ("everywhere\n", "everywhere"),
        ("  account:local\nmore", "account:local"),
        ("chat:local/x", "chat:local/x"),
        ("please!", "everywhere"),
        ("chat:", "everywhere"),
        ("\x00\udcff" * 5000, "everywhere"),
    ],
)
def test_a_dropped_file_kills_what_its_first_line_says_or_everything(
    tmp_path: Path, name: str, text: str, scope: str
) -> None:
    (tmp_path / name).write_text(text, errors="surrogateescape")
    (dropped,) = KillFolder(tmp_path).dropped()
    assert str(dropped.scope) == scope


def test_a_folder_a_pipe_and_a_broken_link_of_that_name_kill_too(tmp_path: Path) -> None:
    (tmp_path / "kill").mkdir()
    os.mkfifo(tmp_path / "pineapple")
    (tmp_path / "kill.txt").symlink_to(tmp_path / "nowhere")
    found = list(KillFolder(tmp_path).dropped())
    assert [dropped.scope for dropped in found] == [KillScope.everywhere()] * 3


def test_a_file_has_one_id_until_it_changes_and_is_put_away_once(tmp_path: Path) -> None:
    folder, path = KillFolder(tmp_path), tmp_path / "kill"
    path.write_text("everywhere")
    (first,), (again,) = folder.dropped(), folder.dropped()
    assert first.id == again.id
    os.utime(path, (1, 1))
    (touched,) = folder.dropped()
    assert touched.id != first.id
    done = folder.put_away(touched)
    assert (done.suffix, path.exists(), list(folder.dropped())) == (".done", False, [])
    with pytest.raises(FileNotFoundError):
        folder.put_away(touched)
