"""The folder of imported chats, where several processes change it or one is killed."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from chat.exports.imports import Imports

_KEEP: Final = """
import sys
from pathlib import Path
from chat.exports.formats import read_bundles
from chat.exports.imports import Imports
shelf = Imports(Path(sys.argv[1]))
chats = read_bundles([Path(sys.argv[2])]).exports
with shelf.alone():
    known = shelf.people()
    print("in", flush=True)
    sys.stdin.readline()
    shelf.keep(chats, known.propose(chats, "Sam"))
"""


@pytest.fixture
def exports(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"WhatsApp Chat with {name}.txt" for name in ("Mia", "Leo")]
    for path, name in zip(paths, ("Mia", "Leo"), strict=True):
        path.write_text(f"23/03/2022, 13:31 - {name}: hello\n23/03/2022, 13:32 - Sam: hello {name}\n")
    return paths


def keeping(folder: Path, export: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _KEEP, folder, export],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_of_two_imports_at_once_nothing_is_lost(tmp_path: Path, exports: list[Path]) -> None:
    folder = tmp_path / "imports"
    with keeping(folder, exports[0]) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == "in\n"
        with (folder / ".lock").open() as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with keeping(folder, exports[1]) as two:
            one.communicate("\n", timeout=60)
            two.communicate("\n", timeout=60)
        assert (one.returncode, two.returncode) == (0, 0)
    shelf = Imports(folder)
    assert sorted(chat.chat.title for chat in shelf.exports()) == ["Leo", "Mia"]
    assert sorted(person.name for person in shelf.people().persons) == ["Leo", "Mia", "Sam"]


def test_who_is_killed_lets_the_next_one_in_and_its_halves_are_removed(
    tmp_path: Path, exports: list[Path]
) -> None:
    folder = tmp_path / "imports"
    with keeping(folder, exports[0]) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "in\n"
        (folder / "half.parquet.new").write_bytes(b"PAR1")
        os.kill(killed.pid, signal.SIGKILL)
    with keeping(folder, exports[1]) as process:
        process.communicate("\n", timeout=60)
    assert process.returncode == 0
    assert [chat.chat.title for chat in Imports(folder).exports()] == ["Leo"]
    assert sorted(path.suffix for path in folder.iterdir()) == ["", ".json", ".parquet", ".toml"]
