"""Draft rule `repetition`: a model caught in a loop does not speak."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from safety.folding import fold
from safety.subject import DraftText
from safety.verdict import Outcome, Verdict

_NUMBERING = re.compile(r"(?:\W*\d+[.):\]\-])+")


@dataclass(frozen=True, slots=True)
class RepetitionSettings:
    """How much repetition is still speech. Raises ValueError for limits below 1 and a share outside 0..1.

    `repeated_share` is the share of word and character sequences that stood in the draft before: 0 for
    text in which nothing comes back, near 1 in a loop.
    """

    equal_lines: int = 3
    """Lines that say the same, numbering, punctuation and case aside."""
    word_run: int = 8
    """The same word in a row."""
    character_run: int = 30
    """The same character in a row."""
    repeated_share: float = 0.6
    sequence_words: int = 3
    least_words: int = 10
    """Shorter drafts are not searched for sequences of words."""
    sequence_characters: int = 8
    least_characters: int = 80
    """Shorter drafts are not searched for sequences of characters."""
    own_messages: int = 20
    """How many of the persona's last messages a bubble is compared with."""
    own_characters: int = 16
    """Bubbles shorter than this many letters may be said again, but not after `own_run` equal ones."""
    own_run: int = 3

    def __post_init__(self) -> None:
        counts = (
            self.equal_lines, self.word_run, self.character_run, self.sequence_words, self.least_words,
            self.sequence_characters, self.least_characters, self.own_messages, self.own_characters,
            self.own_run,
        )  # fmt: skip
        if min(counts) < 1 or not 0.0 <= self.repeated_share <= 1.0:
            raise ValueError("repetition limits are at least 1, and a share lies between 0 and 1")


@dataclass(frozen=True, slots=True)
class RepetitionRule:
    """Asks for another sample of a draft that loops, or that says again what the persona just said."""

    settings: RepetitionSettings = RepetitionSettings()
    name: str = "repetition"

    async def judge(self, subject: DraftText) -> Verdict:
        """REWRITE or ALLOW, with the figures that were compared."""
        settings = self.settings
        text = fold(subject.text)
        words = re.findall(r"\w+", text)
        characters = "".join(text.split())
        lines = Counter(key for line in subject.text.splitlines() if (key := line_key(line)))
        measured = (
            ("equal lines", max(lines.values(), default=0), settings.equal_lines),
            ("times the same word in a row", _longest_run(words), settings.word_run),
            ("times the same character in a row", _longest_run(characters), settings.character_run),
            (
                "is the share of repeated words",
                _repeated_share(words, settings.sequence_words, settings.least_words),
                settings.repeated_share,
            ),
            (
                "is the share of repeated characters",
                _repeated_share(characters, settings.sequence_characters, settings.least_characters),
                settings.repeated_share,
            ),
            ("bubbles say again what was just sent", self._said_again(subject), 0),
        )
        for what, value, limit in measured:
            if value > limit:
                facts: dict[str, str | float] = {"measured": what, "value": value, "limit": limit}
                return Verdict(
                    Outcome.REWRITE, self.name, f"{value:.3g} {what}, at most {limit:g} is speech", facts
                )
        return Verdict(Outcome.ALLOW, self.name, "nothing is repeated beyond measure")

    def _said_again(self, subject: DraftText) -> int:
        """How many bubbles the persona has sent before: long ones at all, short ones again and again."""
        settings = self.settings
        own = [line_key(message.text) for message in subject.turn.transcript if message.own]
        lately = set(own[-settings.own_messages :])
        tail = own[-settings.own_run :]
        stuck = tail[0] if len(tail) == settings.own_run and len(set(tail)) == 1 else None
        keys = [line_key(bubble) for bubble in subject.bubbles]
        return sum(
            bool(key) and (key == stuck or (key in lately and len(key) >= settings.own_characters))
            for key in keys
        )


def line_key(line: str) -> str:
    """What a line says, without numbering, punctuation, spaces and case; empty for a blank line.

    Lines made of punctuation alone have one key, so that `...` in a dozen lengths is one thing said a
    dozen times.
    """
    folded = fold(line)
    rest = folded[match.end() :] if (match := _NUMBERING.match(folded)) else folded
    kinds = [(part, unicodedata.category(part)[0]) for part in rest]
    said = "".join(part for part, kind in kinds if kind in "LS")
    if said:
        return said
    figures = "".join(part for part, kind in kinds if kind == "N")
    return figures or ("." if folded.strip() else "")


def _longest_run(items: Sequence[str]) -> int:
    return max((sum(1 for _ in run) for _, run in groupby(items)), default=0)


def _repeated_share(items: Sequence[str], length: int, least: int) -> float:
    """The share of sequences of `length` items that stood before; 0 for fewer than `least` items."""
    if len(items) < max(least, length):
        return 0.0
    sequences = [tuple(items[at : at + length]) for at in range(len(items) - length + 1)]
    return 1 - len(set(sequences)) / len(sequences)
