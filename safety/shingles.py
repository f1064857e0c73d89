"""Shingles: which runs of words a text has in common with others, without keeping those others' words.

The file: a line that says what it is, the number of words in a run and the number of runs (8 bytes each, big endian),
and for each run, in rising order, 8 bytes of its hash.
"""

from __future__ import annotations

import hashlib
import re
import sys
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from safety.folding import fold

FILE: Final = "shingles.bin"
WORDS: Final = 12
"""Words of a run: shorter ones are said by anybody."""
COMMON: Final = 3
"""A run that stands so often in the texts is a phrase of that person's, and no leak."""
_MAGIC: Final = b"understudy shingles 1\n"
_WORD: Final = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """The words of a text, folded; signs and line breaks only part them, and apostrophes do not."""
    return _WORD.findall(fold(text.replace("'", "").replace("’", "")))


def shared_run(text: str, other: str, words: int) -> bool:
    """Whether two texts have a run of so many words in common."""
    known = set(_runs(words_of(other), words))
    return bool(known) and any(run in known for run in _runs(words_of(text), words))


@dataclass(frozen=True, slots=True)
class Shingles:
    """The hashes of all runs of `words` words in some texts, in rising order."""

    words: int
    hashes: array[int] = field(repr=False)

    @classmethod
    def of(cls, texts: Iterable[str], words: int = WORDS, common: int = COMMON) -> Self:
        """Take the runs of texts, less those that stand in at least `common` of them. Raises ValueError below 1."""
        if words < 1 or common < 1:
            raise ValueError("a run has at least one word, and is common at one text or more")
        counts = Counter(
            hash_ for text in texts for hash_ in {_hash(run) for run in _runs(words_of(text), words)}
        )
        return cls(words, array("Q", sorted(hash_ for hash_, count in counts.items() if count < common)))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file. Raises OSError, and ValueError for one that is none or is damaged."""
        content = path.read_bytes()
        head, rest = content[: len(_MAGIC) + 16], content[len(_MAGIC) + 16 :]
        words, count = (int.from_bytes(head[at : at + 8]) for at in (len(_MAGIC), len(_MAGIC) + 8))
        if not head.startswith(_MAGIC) or len(head) < len(_MAGIC) + 16 or words < 1 or len(rest) != 8 * count:
            raise ValueError(f"{path} is no list of shingles, or is damaged: package the persona again")
        hashes = array("Q", rest)
        if sys.byteorder == "little":
            hashes.byteswap()
        return cls(words, hashes)

    def write(self, path: Path) -> None:
        """Write the file. Raises OSError."""
        hashes = array("Q", self.hashes)
        if sys.byteorder == "little":
            hashes.byteswap()
        numbers = self.words.to_bytes(8) + len(hashes).to_bytes(8)
        path.write_bytes(_MAGIC + numbers + hashes.tobytes())

    def shared_with(self, text: str) -> int:
        """How many runs of a text stand in the texts that these are of."""
        return sum(_hash(run) in self for run in _runs(words_of(text), self.words))

    def __contains__(self, hash_: int) -> bool:
        at = bisect_left(self.hashes, hash_)
        return at < len(self.hashes) and self.hashes[at] == hash_

    def __len__(self) -> int:
        return len(self.hashes)


def _runs(words: list[str], length: int) -> Iterator[tuple[str, ...]]:
    return (tuple(words[at : at + length]) for at in range(len(words) - length + 1))


def _hash(run: tuple[str, ...]) -> int:
    return int.from_bytes(hashlib.blake2b(" ".join(run).encode(errors="replace"), digest_size=8).digest())
