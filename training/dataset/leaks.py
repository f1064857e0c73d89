"""Whether what is held out was trained after all.

An answer is a leak when it stands in training letter for letter after folding (case, punctuation, spacing,
compatibility characters), or, when long, nearly so. Not leaks are short answers ("ok", "see you there"), which
everybody repeats, and phrases that stand in training several times: both belong to how somebody writes, and
a model that has learned them is right to.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from rapidfuzz import fuzz, process

from training.dataset.row import Row
from training.dataset.split import Split

_BETWEEN: Final = re.compile(r"[\W_]+")


def folded(text: str) -> str:
    """What is left of a text when only its letters and digits count."""
    return _BETWEEN.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def leaks(train: Iterable[Row], held_out: Sequence[Row], options: Split) -> tuple[int, ...]:
    """Find the places in `held_out` of rows with an answer that training holds as well."""
    known = Counter(folded(answer) for row in train for answer in row.answers)
    compared = _Nearly((text for text, count in known.items() if count < options.phrase_count), options)
    found = []
    for place, row in enumerate(held_out):
        for answer in row.answers:
            text = folded(answer)
            count = known[text]
            if len(text) < options.leak_chars or count >= options.phrase_count:
                continue
            if count or compared.has(text):
                found.append(place)
                break
    return tuple(found)


class _Nearly:
    """Long texts, by length: two that agree to 90 % hardly differ in it."""

    def __init__(self, texts: Iterable[str], options: Split) -> None:
        self._near, self._shortest = options.near, options.near_chars
        self._texts = sorted((text for text in texts if len(text) >= self._reach()[0]), key=len)
        self._lengths = [len(text) for text in self._texts]

    def has(self, text: str) -> bool:
        if len(text) < self._shortest:
            return False
        shortest, longest = self._reach(len(text))
        begin, end = bisect_left(self._lengths, shortest), bisect_right(self._lengths, longest)
        candidates = self._texts[begin:end]
        return process.extractOne(text, candidates, scorer=fuzz.ratio, score_cutoff=self._near) is not None

    def _reach(self, length: int | None = None) -> tuple[int, int]:
        """The lengths that can be as near: the ratio is at most twice the shorter by the sum of both."""
        length = self._shortest if length is None else length
        share = self._near / 100
        return int(length * share / (2 - share)), int(length * (2 - share) / share) + 1
