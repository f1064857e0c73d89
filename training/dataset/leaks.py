"""Whether what is held out was trained after all.

An answer is a leak when it stands in training letter for letter after folding (case, punctuation, spacing,
compatibility characters), or, when long, nearly so. Not leaks are short answers ("ok", "see you there"), which
everybody repeats, and phrases that stand in training several times: both belong to how somebody writes, and
a model that has learned them is right to.

No leak is measured on. But people say the same thing twice, and only some leaks tell that the chats hold copies: a
long answer that is there letter for letter, or most of the answers that could leak at all.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from training.dataset.likeness import NearTexts
from training.dataset.row import Row
from training.dataset.split import Split

_BETWEEN: Final = re.compile(r"[\W_]+")


def folded(text: str) -> str:
    """What is left of a text when only its letters and digits count."""
    return _BETWEEN.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


@dataclass(frozen=True, slots=True)
class Leaks:
    """What of the held-out rows stands in training.

    `rows` are the places of the rows with a leak, `copies` of those with a long answer that is there letter for
    letter. Of `compared` answers, which were long enough to leak, `known` are leaks.
    """

    rows: tuple[int, ...] = ()
    copies: tuple[int, ...] = ()
    compared: int = 0
    known: int = 0


def leaks(train: Iterable[Row], held_out: Sequence[Row], options: Split) -> Leaks:
    """Find the rows of `held_out` with an answer that training holds as well."""
    trained = Counter(folded(answer) for row in train for answer in row.answers)
    nearly = NearTexts(
        (text for text, count in trained.items() if count < options.phrase_count),
        options.near,
        options.near_chars,
    )
    rows, copies, compared, known = dict[int, None](), dict[int, None](), 0, 0
    for place, row in enumerate(held_out):
        for answer in row.answers:
            text = folded(answer)
            count = trained[text]
            if len(text) < options.leak_chars or count >= options.phrase_count:
                continue
            compared += 1
            if count or nearly.has(text):
                known += 1
                rows[place] = None
            if count and len(text) >= options.copy_chars:
                copies[place] = None
    return Leaks(tuple(rows), tuple(copies), compared, known)
