"""The longest runs of words which texts share with a large body of others, in little more than linear time.

All texts stand in one array of numbers, parted by numbers that occur once. Each place is ranked by the one, two, four …
words from there on, by sorting pairs of ranks (prefix doubling, as for a suffix array). The longest match of a place is
with one of its two neighbours from the body in that order, and the ranks tell how long it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from safety.folding import fold, is_spaceless

_WORD: Final = re.compile(r"[^\W_]+")
_IDEOGRAPHS: Final = "\u2e80"
"""From here on a character is about half a word; of the spaceless scripts before it, an alphabet's letter."""
_LONG_WORD: Final = 16
_MANY_DIGITS: Final = 6


def words_of(text: str) -> list[str]:
    """The words of a text, folded; where a script has no blanks between words, each character is one."""
    found: list[str] = []
    joined = text.replace("'", "").replace("’", "")
    # Most texts are ASCII, of which there are millions of characters.
    for word in _WORD.findall(joined.lower() if joined.isascii() else fold(joined)):
        if word.isascii():
            found.append(word)
            continue
        plain = ""
        for sign in word:
            if _stands_alone(sign):
                found += [plain, sign] if plain else [sign]
                plain = ""
            else:
                plain += sign
        if plain:
            found.append(plain)
    return found


def weight_of(word: str) -> float:
    """How many ordinary words a word is worth: a long number or code says more, a single character less."""
    if len(word) == 1 and _stands_alone(word):
        return 0.5 if word >= _IDEOGRAPHS else 0.25
    digits = sum(sign.isdigit() for sign in word)
    return 1 + max(0, len(word) - _LONG_WORD) / 2 + (digits if digits >= _MANY_DIGITS else 0)


class Run(NamedTuple):
    """So many words of a text from word `at` on, which also stand in text `source` of the body from word `place` on."""

    at: int
    words: int
    source: int
    place: int


class SharedRuns:
    """What texts share with a body of texts; both are given as lists of words. Texts go by their number."""

    def __init__(self, body: Sequence[Sequence[str]], texts: Sequence[Sequence[str]]) -> None:
        numbers: dict[str, int] = {}
        array: list[int] = []
        begins: list[int] = []
        every = [*body, *texts]
        for text in every:
            begins.append(len(array))
            array += [numbers.setdefault(word, len(numbers)) for word in text]
            array.append(-len(begins))  # parts the texts: no run reaches over it, for it occurs once
        self._lengths = [len(text) for text in texts]
        self._begins = np.array(begins, dtype=np.int64)
        self._first = len(body)
        self._end = begins[len(body)] if texts else len(array)
        self._ranks = _ranks(np.array(array, dtype=np.int64), max(self._lengths, default=0))
        self._matches = self._neighbours()

    def longest(self, text: int) -> Iterator[Run]:
        """The longest runs of a text, none inside another, in order."""
        end = 0
        for at, found in enumerate(self._of(text)):
            length, place = max(found)
            if length and at + length > end:
                end = at + length
                yield self._run(at, length, place)

    def near(self, text: int, words: int) -> Iterator[Run]:
        """Where to look for what is nearly the same: both neighbours of each place that share so many words."""
        for at, found in enumerate(self._of(text)):
            yield from (self._run(at, length, place) for length, place in found if length >= words)

    def sources(self, run: Run) -> tuple[int, ...]:
        """All texts of the body in which a run stands, by number."""
        # A run is known by two ranks that cover it: the largest power of two from its begin, and up to its end.
        power = run.words.bit_length() - 1
        rank, rest = self._ranks[power], run.words - (1 << power)
        place = int(self._begins[run.source]) + run.place
        there = np.flatnonzero(rank[: self._end] == rank[place])
        there = there[there + rest < len(rank)]
        there = there[rank[there + rest] == rank[place + rest]]
        return tuple(int(number) for number in np.unique(self._source(there)))

    def _run(self, at: int, length: int, place: int) -> Run:
        source = int(self._source(place))
        return Run(at, length, source, place - int(self._begins[source]))

    def _source(self, place: Any) -> Any:  # noqa: ANN401
        return np.searchsorted(self._begins, place, side="right") - 1

    def _of(self, text: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        begin = int(self._begins[self._first + text]) - self._end
        lengths, places = self._matches
        for at in range(begin, begin + self._lengths[text]):
            before, after = ((int(lengths[side, at]), int(places[side, at])) for side in (0, 1))
            yield before, after

    def _neighbours(self) -> tuple[Any, Any]:
        """For each place of the texts, of its neighbours from the body before and after it: length, and where."""
        order = np.argsort(self._ranks[-1], kind="stable")
        body = order < self._end
        count = len(order)
        before = np.maximum.accumulate(np.where(body, np.arange(count), -1))[~body]
        after = np.minimum.accumulate(np.where(body, np.arange(count), count)[::-1])[::-1][~body]
        own = order[~body]
        lengths = np.zeros((2, count - self._end), dtype=np.int64)
        places = np.zeros_like(lengths)
        for side, neighbour in enumerate((before, after)):
            there = (neighbour >= 0) & (neighbour < count)
            mine, theirs = own[there], order[neighbour[there]]
            lengths[side, mine - self._end] = self._shared(mine, theirs)
            places[side, mine - self._end] = theirs
        return lengths, places

    def _shared(self, first: Any, second: Any) -> Any:  # noqa: ANN401
        """How many words are the same from these places on."""
        length = np.zeros(len(first), dtype=np.int64)
        last = len(self._ranks[0]) - 1
        for power in reversed(range(len(self._ranks))):
            one, two = first + length, second + length
            within = (one <= last) & (two <= last)
            rank = self._ranks[power]
            same = within & (rank[np.minimum(one, last)] == rank[np.minimum(two, last)])
            length += np.where(same, 1 << power, 0)
        return length


def _ranks(array: Any, longest: int) -> list[Any]:  # noqa: ANN401
    """Ranks of each place by its next 1, 2, 4 … words, until that is as long as any text."""
    ranks = [np.unique(array, return_inverse=True)[1].astype(np.int32)]
    while 1 << (len(ranks) - 1) < longest:
        step, rank = 1 << (len(ranks) - 1), ranks[-1]
        rest = np.zeros(len(rank), dtype=np.int64)
        rest[: len(rank) - step] = rank[step:].astype(np.int64) + 1
        pairs = rank.astype(np.int64) * (len(rank) + 1) + rest
        ranks.append(np.unique(pairs, return_inverse=True)[1].astype(np.int32))
    return ranks


def _stands_alone(sign: str) -> bool:
    # Folded Hangul is in parts of letters, and has blanks between its words.
    return is_spaceless(sign) and not "\u1100" <= sign <= "\u11ff"
