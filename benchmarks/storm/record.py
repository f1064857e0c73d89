"""Append-only records on disk: what a process saw, line by line, whatever becomes of anybody else."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened."""

    what: str
    at: float
    """Seconds since 1970 by the machine's clock."""
    tick: float
    """Seconds of the machine's monotonic clock, which all its processes share: what spans are measured with."""
    facts: dict[str, Any]


class Record:
    """One process' record; each line is in the file when `write` returns."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, what: str, **facts: object) -> None:
        """Write a line with the time it is now."""
        line = {"what": what, "at": time.time(), "tick": time.monotonic(), "facts": facts}
        os.write(self._file, json.dumps(line).encode() + b"\n")


class Reading:
    """A record as it grows: each look gives the lines that came since the last one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def new(self) -> list[Line]:
        """Read on; a line that is not finished, since its writer is at it or died over it, is left for later."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            whole = file.read().rpartition(b"\n")[0]
        self._offset += len(whole) + bool(whole)
        return [Line(**json.loads(line)) for line in whole.split(b"\n") if line]


def read_record(path: Path) -> list[Line]:
    """Read what was written so far."""
    return Reading(path).new()
