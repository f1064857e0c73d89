"""Records that fit nothing, kept for the person who has to know."""

from __future__ import annotations

from typing import Final

from chat.exports.export import Problem

MOST: Final = 1_000
"""Problems kept one by one for an export; of a file that is broken throughout, the rest are counted."""


class Faults:
    """Gathers problems, and never more than `MOST` of them."""

    def __init__(self) -> None:
        self._kept: list[Problem] = []
        self._more = 0

    def add(self, file: str, line: int, what: str) -> None:
        """Note that this record (from 1) of a file was left out, and why. `what` must not quote it."""
        if len(self._kept) < MOST:
            self._kept.append(Problem(file, line, what))
        else:
            self._more += 1

    def all(self) -> tuple[Problem, ...]:
        """Everything noted; the last one says how many more there were."""
        if not self._more:
            return tuple(self._kept)
        last = self._kept[-1]
        return (*self._kept, Problem(last.file, last.line, f"and {self._more} more after this one"))
