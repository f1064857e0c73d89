"""The built-in classifier: a lexicon of signs, read in several ways so that disguises do not hide them.

It needs no download, no model and no other machine, and understands nothing: it knows phrases. It is the
default because something must judge where nobody configured more, and it says what it is in its scores'
`backend`. A guard model sees more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

from safety.folding import fold
from safety.lookalikes import letters_like
from safety.moderation.classifier import Category, Sample, Scores
from safety.moderation.lexicon_signs import SIGNS, Sign

# Signs that are letters inside a word and punctuation after it: "sh!t", but "kill you!".
_PUNCTUATION: Final = frozenset("!|+")


class Lexicon:
    """A `Classifier` that scores the strongest sign it finds for each category."""

    def __init__(self, signs: Sequence[Sign] = SIGNS) -> None:
        self._signs = signs

    async def classify(self, sample: Sample) -> Scores:
        """See `Classifier.classify`; raises nothing. Bubbles are read one by one and together."""
        values: dict[Category, float] = {}
        for reading in {
            reading for text in (*sample.bubbles, " ".join(sample.bubbles)) for reading in _readings(text)
        }:
            for sign, pattern in self._compiled:
                if sign.score > values.get(sign.category, 0.0) and pattern.search(reading):
                    values[sign.category] = sign.score
        return Scores(values, "lexicon", "built-in")

    @cached_property
    def _compiled(self) -> list[tuple[Sign, re.Pattern[str]]]:
        # Not before the first text: a command that kills opens the same office and judges nothing.
        return [(sign, re.compile(rf"(?<!\w)(?:{sign.pattern})(?!\w)")) for sign in self._signs]


def _readings(text: str) -> Iterator[str]:
    """The text as it stands, and as it is meant: lookalikes read as letters, stretched and spaced words closed up."""
    plain = re.sub(r"['’`´‘]", "", fold(text))
    yield plain
    meant = re.sub(r"\S+", lambda word: _unmasked(word.group()), plain)
    # One letter at a time, with a space or a mark between each two, is one word.
    meant = re.sub(
        r"(?<!\w)\w(?:[\s.*_\-]{1,3}\w(?!\w)){2,}", lambda word: re.sub(r"[\W_]", "", word.group()), meant
    )
    for length in ("", r"\1"):
        yield re.sub(r"(\w)\1{2,}", rf"\1{length}", meant)


def _unmasked(word: str) -> str:
    """Read each lookalike in a word of letters as the letter it is first taken for."""
    if not any("a" <= character <= "z" for character in word):
        return word
    return "".join(
        like[0]
        if not "a" <= character <= "z"
        and (like := letters_like(character))
        and (character not in _PUNCTUATION or word[at + 1 : at + 2].isalpha())
        else character
        for at, character in enumerate(word)
    )
