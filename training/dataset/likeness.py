"""Texts that nearly agree, found without comparing each with each."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from rapidfuzz import fuzz, process

_PIECE: Final = 6
"""Characters of the pieces by which texts are found."""
_STEP: Final = 3
"""How far apart the noted pieces of a text begin."""
_COMPARED: Final = 512
"""With about how many texts one is compared."""


class NearTexts:
    """Texts, by their pieces: another is compared with those alone that it shares a rare piece with.

    Every third run of six characters is noted, and every run of the other text looked up: what shares eight
    characters in a row is found, and so nearly all that agrees to 90 %. Rare runs come first, and comparing ends
    after some hundred texts: a run that thousands have says little of any of them.
    """

    def __init__(self, texts: Iterable[str], near: float, shortest: int) -> None:
        """Note texts. `near` is the likeness in percent, `shortest` the characters from which a text is compared."""
        self._near, self._shortest = near, shortest
        # By length: two that agree to 90 % hardly differ in it.
        self._texts = sorted((text for text in texts if len(text) >= self._reach(shortest)[0]), key=len)
        self._lengths = [len(text) for text in self._texts]
        self._by_piece: defaultdict[str, list[int]] = defaultdict(list)
        for place, text in enumerate(self._texts):
            for piece in _pieces(text, _STEP):
                self._by_piece[piece].append(place)

    def has(self, text: str) -> bool:
        """Whether one of the texts nearly agrees with this one."""
        if len(text) < self._shortest:
            return False
        found = process.extractOne(text, self.candidates(text), scorer=fuzz.ratio, score_cutoff=self._near)
        return found is not None

    def candidates(self, text: str) -> Sequence[str]:
        """The texts with which this one is compared: of about its length, those of its rarest pieces first."""
        shortest, longest = self._reach(len(text))
        begin, end = bisect_left(self._lengths, shortest), bisect_right(self._lengths, longest)
        middle = bisect_left(self._lengths, len(text))
        # The places of a piece are in the order of length, as the texts are.
        reached = [
            (places, bisect_left(places, begin), bisect_left(places, end))
            for piece in _pieces(text)
            if (places := self._by_piece.get(piece))
        ]
        found = dict[int, None]()
        for places, first, last in sorted(reached, key=lambda one: one[2] - one[1]):
            # Of too many, those nearest in length.
            start = max(first, min(bisect_left(places, middle) - _COMPARED // 2, last - _COMPARED))
            found.update(dict.fromkeys(places[start : min(last, start + _COMPARED)]))
            if len(found) >= _COMPARED:
                break
        return [self._texts[place] for place in found]

    def _reach(self, length: int) -> tuple[int, int]:
        """The lengths that can be as near: the ratio is at most twice the shorter by the sum of both."""
        share = self._near / 100
        return int(length * share / (2 - share)), int(length * (2 - share) / share) + 1


def _pieces(text: str, step: int = 1) -> Iterable[str]:
    # Of a dictionary, not of a set: the order must not hang on how a process hashes texts.
    return dict.fromkeys(text[at : at + _PIECE] for at in range(0, max(len(text) - _PIECE, 0) + 1, step))
