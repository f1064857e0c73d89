"""Phrases: tables of things that people say, found in a text however it is typed.

A text is cut into sentences, and a sentence into folded words with one blank between each two; a phrase is
a regular expression over such a sentence. It is written folded ("fur", not "für"), its blanks are the ones
between words, and an apostrophe in it may be missing in the text ("i'll" also finds "ill").

A phrase begins and ends with whole words and repeats nothing without a bound but the letters of one word
(`\\S*`). Therefore the time is linear in the text, whatever stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from safety.folding import fold

_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ´`＇", "'"))
# A dot or colon inside a word or a number ends nothing: "a.i.", "7:30".
_ENDS = re.compile(r"[!?;\n\r]+|[.:]{2,}|[.:](?=\s|$)")
_WORDS = re.compile(r"\d+(?:[.:,/]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*'?|[€$£%@]")


def sentences(text: str) -> tuple[str, ...]:
    """Cut a text into sentences of folded words; what has no word in it gives none.

    Numbers are words ("7:30", "3,50", and "8" and "pm" in "8pm"); so are the signs of currencies and "%".
    """
    # The apostrophe first: folding turns an acute accent that stands alone into a blank.
    folded = fold(text.translate(_APOSTROPHES))
    found = (" ".join(_WORDS.findall(part)) for part in _ENDS.split(folded))
    return tuple(sentence for sentence in found if sentence)


@dataclass(frozen=True, slots=True)
class Phrases:
    """A table of phrases as one pattern. Raises ValueError for no phrase at all, or one that is not folded."""

    table: tuple[str, ...]
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.table:
            raise ValueError("a table of phrases holds at least one")
        for phrase in self.table:
            if fold(bare := re.sub(r"\\[A-Za-z]", "", phrase)) != bare or "’" in bare:
                raise ValueError(f"write the phrase folded: {phrase}")
        joined = "|".join(self.table).replace("'", "'?")
        object.__setattr__(self, "_pattern", re.compile(rf"(?<!\S)(?:{joined})(?!\S)"))

    def found_in(self, sentences: Iterable[str]) -> bool:
        """Whether one of the sentences holds one of the phrases."""
        return any(self._pattern.search(sentence) for sentence in sentences)

    def end(self, sentence: str, start: int = 0) -> int | None:
        """Where a phrase ends that begins just at `start`; None when none does."""
        found = self._pattern.match(sentence, start)
        return found.end() if found else None
