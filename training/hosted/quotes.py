"""What others' words quote of the chats: a host's sentence about a row may hold the row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

_WORD: Final = re.compile(r"\w+")
_RUN: Final = 3
"""Words in a row that two texts do not share by chance."""
_LONG: Final = 12
"""Characters from which on fewer words are a quotation, too."""
_LONGEST: Final = 300
"""Characters that are shown of a sentence."""


class Quotes:
    """Takes out of a sentence what stands in texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._runs: set[tuple[str, ...]] = set()
        for text in texts:
            words = [word.casefold() for word in _WORD.findall(text)]
            if len(words) >= _RUN:
                self._runs.update(_runs(words))
            elif sum(map(len, words)) >= _LONG:
                self._runs.add(tuple(words))

    def without(self, sentence: str) -> str:
        """Give the sentence as one line, an ellipsis where it quotes."""
        found = list(_WORD.finditer(sentence))
        words = [word.group().casefold() for word in found]
        quoted = [False] * len(words)
        for length in range(1, _RUN + 1):
            for place in range(len(words) - length + 1):
                if tuple(words[place : place + length]) in self._runs:
                    quoted[place : place + length] = [True] * length
        pieces, end = [], 0
        for word, is_quoted in zip(found, quoted, strict=True):
            pieces += [sentence[end : word.start()], "…" if is_quoted else word.group()]
            end = word.end()
        line = " ".join("".join([*pieces, sentence[end:]]).split())
        return re.sub(r"…(?:\W*…)+", "…", line)[:_LONGEST]


def _runs(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return (tuple(words[place : place + _RUN]) for place in range(len(words) - _RUN + 1))
