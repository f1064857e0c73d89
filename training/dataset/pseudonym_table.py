"""What stands for what."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from training.dataset.pseudonym_key import PseudonymKey

NAME: Final = "name"
"""The kind of words of names; they alone are the same in small and in capital letters."""


@dataclass(slots=True)
class PseudonymTable:
    """By kind, what was written and the pseudonym of it: one to one, so that it can be turned round.

    Nothing in it is shown by `repr`.
    """

    entries: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict, repr=False)
    _used: set[str] = field(default_factory=set, repr=False)

    def __post_init__(self) -> None:
        self._used.update(other.casefold() for _, other in self.pairs())

    def pairs(self, *kinds: str) -> Iterator[tuple[str, str]]:
        """What was written and what stands for it, of some kinds or of all."""
        for kind in kinds or tuple(self.entries):
            yield from self.entries.get(kind, {}).values()

    def of(
        self, kind: str, written: str, drawn: Iterable[str], taken: Callable[[str], bool] = lambda _: False
    ) -> str:
        """Give what stands for this: as before, or the first drawn one that is free: for nothing else, not taken."""
        table, key = self.entries.setdefault(kind, {}), written.casefold() if kind == NAME else written
        if key not in table:
            free = (
                one
                for one in drawn
                if one.casefold() not in self._used and one not in {key, written} and not taken(one)
            )
            table[key] = written, next(free)
            self._used.add(table[key][1].casefold())
        return table[key][1]

    def forget(self, written: Collection[str]) -> int:
        """Take out what stands for these, so that it can no longer be turned round. Gives how many there were."""
        keys = {*written, *(text.casefold() for text in written)}
        found = [(table, key) for table in self.entries.values() for key in keys & table.keys()]
        for table, key in found:
            self._used.discard(table.pop(key)[1].casefold())
        return len(found)

    def write(self, path: Path, key: PseudonymKey) -> None:
        """Write it, sealed with a key. Raises OSError."""
        key.write_sealed(path, self.entries)

    @classmethod
    def read(cls, path: Path, key: PseudonymKey) -> Self:
        """Read one; where there is no file it is empty. Raises KeyUnusable for another key, and OSError."""
        if not path.exists():
            return cls()
        entries = {
            kind: {name: (pair[0], pair[1]) for name, pair in table.items()}
            for kind, table in key.read_sealed(path).items()
        }
        return cls(entries)
