"""The state folder as a way to kill: notes of kills that are not on record yet, and the file that anybody may drop.

Whatever else is down, a disk is there: a kill that Redis cannot take is noted in `kills/`, where it outlives this
process and is found by every service that shares the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.clock import as_datetime
from chat.private_file import write_private
from safety.kill import KillScope

_DROPPED: Final = ("kill", "pineapple", "kill.txt", "pineapple.txt")
_LONGEST_LINE: Final = 1000
_SCOPE_PATIENCE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class KillNote:
    """A kill as it stands on disk. `at_ms` is when it was heard; no message's text is in it."""

    id: str
    scope: KillScope
    by: str
    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class DroppedFile:
    """A file that somebody put into the state folder to kill. Its id follows from the file and its times of change."""

    path: Path
    id: str
    scope: KillScope


class KillFolder:
    """Notes and dropped files in one state folder. Methods raise OSError; none waits for anything but the disk."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._notes = state / "kills"

    def keep(self, note: KillNote) -> None:
        """Write a note, so that it is on the disk when this returns."""
        self._notes.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps({"scope": str(note.scope), "by": note.by, "reason": note.reason, "at": note.at_ms})
        write_private(self._notes / f"{note.id}.json", text.encode(), durable=True)

    def forget(self, kill_id: str) -> None:
        """Take a note away: its kill is on record."""
        (self._notes / f"{kill_id}.json").unlink(missing_ok=True)

    def notes(self) -> tuple[KillNote, ...]:
        """Give the notes that lie there. One that cannot be read is a kill everywhere: somebody meant something."""
        try:
            paths = sorted(path for path in self._notes.iterdir() if path.suffix == ".json")
        except FileNotFoundError:
            return ()
        return tuple(note for path in paths if (note := self._note(path)))

    def dropped(self) -> Iterator[DroppedFile]:
        """Give the files that somebody dropped to kill, with the scope in their first line; none means everywhere."""
        for name in _DROPPED:
            path = self._state / name
            with contextlib.suppress(FileNotFoundError):
                found = path.lstat()
                mark = f"{name}|{found.st_ino}|{found.st_mtime_ns}|{found.st_ctime_ns}"
                yield DroppedFile(path, hashlib.sha256(mark.encode()).hexdigest()[:16], _scope_in(path))

    @staticmethod
    def put_away(dropped: DroppedFile) -> Path:
        """Rename a dropped file whose kill is on record, so that it kills once; gives its new name."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        done = dropped.path.with_name(f"kill-{stamp}-{dropped.id[:4]}.done")
        dropped.path.rename(done)
        return done

    @staticmethod
    def _note(path: Path) -> KillNote | None:
        try:
            data = json.loads(path.read_text())
            scope, by, reason = KillScope.parse(data["scope"]), str(data["by"]), str(data["reason"])
            at_ms = int(data["at"])
            as_datetime(at_ms)
            return KillNote(path.stem, scope, by, reason, at_ms)
        except FileNotFoundError:
            return None  # another process has just put it on record
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            everywhere = KillScope.everywhere()
            return KillNote(path.stem, everywhere, "a note on disk", "a note that cannot be read", 0)


def _scope_in(path: Path) -> KillScope:
    """Read a scope; whatever cannot be read as one, a folder and a pipe included, means everywhere."""
    for patience in (_SCOPE_PATIENCE_SECONDS, 0.0):
        try:
            if not path.is_file():
                break
            with path.open(encoding="utf-8", errors="replace") as file:
                line = file.readline(_LONGEST_LINE).strip()
        except OSError:
            break
        if line:
            with contextlib.suppress(ValueError):
                return KillScope.parse(line)
            break
        # A shell makes the file first and writes into it then.
        time.sleep(patience)
    return KillScope.everywhere()
