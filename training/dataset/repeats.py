"""Long texts that stand in the exports again and again, letter for letter or nearly."""

from __future__ import annotations

import re
import zlib
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import ClassVar, Final

import polars as pl
from pydantic import ConfigDict
from rapidfuzz import fuzz, process

from chat.exports.export import Export

_SPACE: Final = re.compile(r"\s+")
_PIECE: Final = 8
"""Characters of the pieces that a text is recognised by."""
_SKETCH: Final = 8
"""How many pieces of a text are looked up."""
_COMPARED: Final = 32
"""With how many texts, the latest of a piece, a text is compared for it."""


@dataclass(frozen=True, slots=True)
class RepeatSettings:
    """What is a repeated block. Raises ValueError for what cannot be meant.

    Texts shorter than `shortest` characters are never touched, however often they are said. Of a longer one the
    first `most` stay, over all chats, and so of texts that are like it by `likeness`, 0 to 1 (1 switches that off).
    """

    # A key that is misspelt must not switch a filter off.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", hide_input_in_errors=True)

    shortest: int = 60
    most: int = 3
    likeness: float = 0.9

    def __post_init__(self) -> None:
        if self.shortest < 2 * _PIECE or self.most < 1 or not 0.5 <= self.likeness <= 1:
            raise ValueError(
                f"a block has at least {2 * _PIECE} characters, stays at least once, and is like another from 0.5 to 1"
            )


def repeats(exports: Sequence[Export], settings: RepeatSettings, *, near: bool) -> list[pl.Series]:
    """Mark, for each export's rows, those beyond the cap: the same text, or with `near` one that is like it."""
    places = [
        (at, number, row, folded)
        for number, export in enumerate(exports)
        for row, (at, text) in enumerate(export.rows.select("at", "text").iter_rows())
        if len(text) >= settings.shortest and len(folded := _folded(text)) >= settings.shortest
    ]
    # By time, so that which one stays does not hang on the order of the files.
    places.sort(key=lambda place: place[0])
    marks = [[False] * export.rows.height for export in exports]
    groups = _Groups(settings.likeness) if near else None
    seen: Counter[str] = Counter()
    for _, number, row, text in places:
        group = text if groups is None else groups.of(text)
        seen[group] += 1
        marks[number][row] = seen[group] > settings.most
    return [pl.Series("repeated", mark, dtype=pl.Boolean()) for mark in marks]


class _Groups:
    """Puts texts that are alike into one group, named by its first text.

    Two texts are compared only where one of the smallest checksums of their pieces is the same: of texts that
    share most of their pieces that is nearly sure, and millions are never compared with each other.
    """

    def __init__(self, likeness: float) -> None:
        self._likeness = likeness
        self._group: dict[str, str] = {}
        # Bounded: a piece that thousands of texts have, such as "https://", says little of any of them.
        self._by_piece: defaultdict[int, deque[str]] = defaultdict(partial(deque, maxlen=_COMPARED))

    def of(self, text: str) -> str:
        """Give the text that this one is most like, of those the first: itself, if it is like none."""
        if text in self._group:
            return self._group[text]
        pieces = _sketch(text)
        found = text
        if self._likeness < 1:
            # Of a dictionary, not of a set: the order must not hang on how a process hashes texts.
            near = chain.from_iterable(self._by_piece[piece] for piece in pieces)
            candidates = dict.fromkeys(near)
            best = process.extractOne(
                text, list(candidates), scorer=fuzz.ratio, score_cutoff=100 * self._likeness
            )
            found = best[0] if best else text
        self._group[text] = found
        if found == text:
            for piece in pieces:
                self._by_piece[piece].append(text)
        return found


def _sketch(text: str) -> list[int]:
    raw = text.encode("utf-8", "surrogatepass")
    return sorted({zlib.crc32(raw[at : at + _PIECE]) for at in range(len(raw) - _PIECE + 1)})[:_SKETCH]


def _folded(text: str) -> str:
    return _SPACE.sub(" ", text).strip().casefold()
