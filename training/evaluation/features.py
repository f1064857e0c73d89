"""What is counted of a text to tell somebody's style: a tally of each feature, category by category.

A text is a burst: one message a line. Every tally is of the text alone, so that the tallies of many texts add up to a
distribution, and drawing texts again gives the distribution of the draw.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self

from inference.prompt import split_bubbles
from training.dataset.facts import EMOJI
from training.dataset.languages import language_of
from training.evaluation.laughter import laughs


class Feature(StrEnum):
    """A side of somebody's style."""

    CHARACTERS = "characters"
    """Of a bubble, in steps of half an octave."""
    WORDS = "words"
    """Of a bubble."""
    BUBBLES = "bubbles"
    """Of a burst."""
    CASE = "case"
    """How a bubble uses capitals."""
    PUNCTUATION = "punctuation"
    """Which marks stand beside how many words."""
    ENDINGS = "endings"
    """What a bubble ends with."""
    EMOJI = "emoji"
    """Which emoji, and how many bubbles have none."""
    LAUGHTER = "laughter"
    """Which laughs, and how many bubbles have none."""
    SPELLING = "spelling"
    """dont, don't or do not; sooo; u and idk; beside how many other words."""
    LANGUAGE = "language"
    """Of texts that are long enough to tell."""
    VOCABULARY = "vocabulary"
    """The frequent words, and all others as one."""
    LETTERS = "letters"
    """The frequent runs of three characters, and all others as one."""


Tally = Mapping[str, int]

WORDS_KNOWN: Final = 150
RUNS_KNOWN: Final = 300
TELLING: Final = 20
"""Characters below which no language is told."""
SURE: Final = 0.9
"""How sure it must be; what is less so counts as unsure, for guesses at "haha ok" are noise alone."""

_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_MARK: Final = re.compile(r"\.{2,}|…|[!?]{2,}|[-–—]{1,2}|[^\w\s]", re.ASCII)
_LENGTHS: Final = tuple(2 ** (half / 2) for half in range(22))
_COUNTS: Final = (*range(9), 10, 13, 17, 25, 40)
_MOST_BUBBLES: Final = 6
_BARE: Final = (
    "aint arent cant couldnt didnt doesnt dont hadnt hasnt havent hes im isnt ive shes shouldnt thats theres "
    "theyre theyve wasnt werent whats whos wont wouldnt yall youd youll youre youve"
)
"""Contractions without their apostrophe, less those that are words as well (its, were, ill, shell, lets)."""
_SHORT: Final = (
    "2day 2moro 2nite abt b4 bc bcs brb btw c u cos cuz dm dunno fr gimme gonna gotta gr8 hbu hmu ia idc idk ikr ily "
    "imo jk k kinda l8r lemme lmk msg n ngl nm np nvm obv omg omw ok pls plz ppl prob probs r rly rn rofl sec smh "
    "sry tbf tbh thru thx tmrw tmr ttyl tho til ty u ur v w wanna wbu wdym wfh wtf wya y ya yh yk ure"
)
_FULL: Final = re.compile(
    r"\b(?:(?:do|does|did|is|are|was|were|have|has|had|would|could|should|will)\s+not|cannot|"
    r"(?:i\s+am|you\s+are|we\s+are|they\s+are|it\s+is|that\s+is|i\s+will|i\s+have))\b"
)
_KINDS: Final = dict.fromkeys(_SHORT.split(), "short") | dict.fromkeys(_BARE.split(), "bare")
_STRETCHED: Final = re.compile(r"([^\W\d_])\1{2,}")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words and runs of letters that are told apart; all others count as one."""

    words: frozenset[str]
    runs: frozenset[str]

    @classmethod
    def of(cls, *sides: Sequence[str], words: int = WORDS_KNOWN, runs: int = RUNS_KNOWN) -> Self:
        """Take the most frequent of several people's texts; everybody counts alike, however much they wrote."""
        return cls(
            _most((_words(side) for side in sides), words), _most((_runs(side) for side in sides), runs)
        )


def tallies(text: str, vocabulary: Vocabulary) -> Mapping[Feature, Tally]:
    """Count every feature of one text. A feature of which it has nothing is left out."""
    bubbles = split_bubbles(text)
    counted: dict[Feature, Counter[str]] = {Feature.BUBBLES: Counter([str(min(len(bubbles), _MOST_BUBBLES))])}
    for feature, count in _OF_BUBBLES.items():
        counted[feature] = Counter(category for bubble in bubbles for category in count(bubble))
    plain = "\n".join(bubbles)
    if len(plain) >= TELLING:
        language, sureness = language_of(plain)
        counted[Feature.LANGUAGE] = Counter([language if sureness >= SURE else ""])
    counted[Feature.VOCABULARY] = Counter(
        word if word in vocabulary.words else "" for word in map(_plain, _WORD.findall(plain))
    )
    counted[Feature.LETTERS] = Counter(run if run in vocabulary.runs else "" for run in _runs_of(plain))
    return MappingProxyType({feature: tally for feature, tally in counted.items() if tally})


def _characters(bubble: str) -> Iterable[str]:
    yield str(bisect_right(_LENGTHS, len(bubble)))


def _count_of_words(bubble: str) -> Iterable[str]:
    yield str(_COUNTS[bisect_right(_COUNTS, len(_WORD.findall(bubble))) - 1])


def _case(bubble: str) -> Iterable[str]:
    letters = [sign for sign in bubble if sign.isalpha()]
    upper = [sign.isupper() for sign in letters]
    if not any(sign.isupper() or sign.islower() for sign in letters):
        yield "none"  # no letters, or a script without capitals
    elif not any(upper):
        yield "lower"
    elif all(upper):
        yield "shouting" if len(upper) > 1 else "sentence"
    elif upper[0]:
        starts = [word[0].isupper() for word in _WORD.findall(bubble) if word[0].isalpha()]
        yield "title" if len(starts) > 2 and all(starts) else "sentence"
    else:
        yield "within"


def _punctuation(bubble: str) -> Iterable[str]:
    words = _WORD.sub("\0", EMOJI.sub(" ", bubble))
    yield from ("" for _ in range(words.count("\0")))
    yield from map(_mark, _MARK.findall(words.replace("\0", " ")))


def _ending(bubble: str) -> Iterable[str]:
    if any(found.end() == len(bubble) for found in EMOJI.finditer(bubble)):
        yield "emoji"
    elif bubble[-1].isalnum():
        yield "nothing"
    else:
        marks = _MARK.findall(bubble[-8:])
        yield _mark(marks[-1]) if marks else "nothing"


def _mark(mark: str) -> str:
    if mark == "…" or mark.startswith(".."):
        return "…"
    if len(mark) > 1 and mark[0] in "!?":
        return "?!" if len(set(mark)) > 1 else mark[0] * 2
    return {"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-"}.get(mark[0], mark[0])


def _emoji(bubble: str) -> Iterable[str]:
    return EMOJI.findall(bubble) or ("",)


def _laughter(bubble: str) -> Iterable[str]:
    return tuple(laughs(bubble)) or ("",)


def _spelling(bubble: str) -> Iterable[str]:
    for word in map(_plain, _WORD.findall(bubble)):
        if word in _KINDS:
            yield _KINDS[word]
        elif "'" in word:
            yield "apostrophe"
        else:
            yield "stretched" if _STRETCHED.search(word) and not any(laughs(word)) else ""
    yield from ("full" for _ in _FULL.finditer(bubble.casefold()))


_OF_BUBBLES: Final[Mapping[Feature, Callable[[str], Iterable[str]]]] = MappingProxyType(
    {
        Feature.CHARACTERS: _characters,
        Feature.WORDS: _count_of_words,
        Feature.CASE: _case,
        Feature.PUNCTUATION: _punctuation,
        Feature.ENDINGS: _ending,
        Feature.EMOJI: _emoji,
        Feature.LAUGHTER: _laughter,
        Feature.SPELLING: _spelling,
    }
)


def _plain(word: str) -> str:
    return word.casefold().replace("’", "'")


def _runs_of(text: str) -> Iterable[str]:
    # Case, line breaks and how often a blank is pressed are other features' business.
    padded = f" {' '.join(text.casefold().split())} "
    return (padded[at : at + 3] for at in range(len(padded) - 2))


def _words(texts: Iterable[str]) -> Counter[str]:
    return Counter(_plain(word) for text in texts for word in _WORD.findall(text))


def _runs(texts: Iterable[str]) -> Counter[str]:
    return Counter(run for text in texts for run in _runs_of(text))


def _most(sides: Iterable[Counter[str]], count: int) -> frozenset[str]:
    shares: Counter[str] = Counter()
    for side in sides:
        total = side.total() or 1
        for entry, found in side.items():
            shares[entry] += found / total  # type: ignore[assignment] # a counter adds fractions as well
    # By name where two are as frequent, so that the same texts always give the same.
    return frozenset(sorted(shares, key=lambda entry: (-shares[entry], entry))[:count])
