"""One guard that is taken away, and the tests that must then fail."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One guard taken away."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    """Tried in order; one that fails is enough."""

    def apply_in(self, tree: Path) -> None:
        """Break a copy of the tree. Raises ValueError when what is to be broken is not there once."""
        path = tree / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.file} has its text {text.count(self.old)} times")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")
