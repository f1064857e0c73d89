"""What is plainly wrong with generated answers, counted: no matter of style, but of a model that broke down.

People repeat themselves, answer twice alike and mix languages, too. So each count of answers stands beside that of what
the person really wrote to the same prompts, where that can have the fault at all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from inference.prompt import SILENCE, split_bubbles
from training.dataset.languages import language_of
from training.evaluation.estimate import Estimate
from training.evaluation.laughter import laughs
from training.evaluation.runs import words_of
from training.evaluation.said import Said, is_silence

LOOP_WORDS: Final = 8
"""Words that a repetition spans at least: "no no no" is none."""
LOOP_TIMES: Final = 3
"""How often it stands there in a row, at least."""
LOOP_SIGNS: Final = 40
"""Characters that a repetition spans at least where it is of characters: a laugh may be long."""
TELLING: Final = 40
"""Characters below which no language is judged."""
SURE: Final = 0.95
"""How sure the language must be."""
SPOKEN: Final = 0.02
"""The part of somebody's telling texts from which on a language is one of theirs."""
_TEMPLATE: Final = re.compile(
    r"<\|[^|<>\n]{1,40}\|?>?|<\|?/?(?:s|im_start|im_end|unk|pad|bos|eos|endoftext)\|?>|"
    r"\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|\ufffd",
    re.IGNORECASE,
)
"""Marks of the templates in use, and of a character cut in two, whichever of them a base has."""
_REPEATED_SIGNS: Final = re.compile(r"(.{2,20}?)\1{4,}", re.DOTALL)


class Fault(StrEnum):
    """What can be wrong with an answer."""

    EMPTY = "empty"
    """No bubble in it, and no silence either."""
    LOOP = "loop"
    """The same again and again."""
    STUCK = "stuck"
    """The same answer to prompt after prompt, far oftener than the person gives it."""
    MARKS = "marks"
    """A piece of the template, or of a character."""
    LANGUAGE = "language"
    """None of the person's languages. Short texts are not judged."""
    CUT_OFF = "cut off"
    """It did not end by itself."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many answers have a fault, of how many that were judged, and as a share beside the person's own."""

    answers: int
    judged: int
    share: Estimate
    own: Estimate | None
    """What the person wrote to the same prompts; None where that cannot have the fault."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Each fault's count, and that of answers with any. `which` gives the answers by number.

    `silences` are answers that chose to say nothing; they are no fault.
    """

    answers: int
    counts: Mapping[Fault, Count]
    any: Estimate
    which: Mapping[Fault, tuple[int, ...]]
    silences: int


def faults(said: Sequence[Said], marks: Sequence[str], languages: Collection[str]) -> Faults:
    """Count what is wrong with answers. `marks` are the template's own, `languages` the person's by ISO 639-1.

    Without languages none is wrong.
    """
    answers = [one.answer.text for one in said]
    real = [one.case.real for one in said if one.case.real.strip()]
    known = [mark for mark in marks if mark.strip()]
    quiet = [is_silence(text) for text in answers]
    judged = {fault: range(len(answers)) for fault in Fault} | {
        Fault.LANGUAGE: [number for number, text in enumerate(answers) if languages and len(text) >= TELLING]
    }
    stuck = stuck_answers(said)
    found = {
        Fault.EMPTY: [
            number for number, text in enumerate(answers) if not split_bubbles(text) and not quiet[number]
        ],
        Fault.LOOP: [number for number, text in enumerate(answers) if has_loop(text)],
        Fault.STUCK: [number for number, text in enumerate(answers) if _key(text) in stuck],
        Fault.MARKS: [
            number for number, text in enumerate(answers) if not quiet[number] and has_marks(text, known)
        ],
        Fault.LANGUAGE: [number for number in judged[Fault.LANGUAGE] if _foreign(answers[number], languages)],
        Fault.CUT_OFF: [number for number, one in enumerate(said) if one.answer.finish == "length"],
    }
    telling = [text for text in real if languages and len(text) >= TELLING]
    own = {
        Fault.LOOP: _share(map(has_loop, real)),
        Fault.MARKS: _share(has_marks(text, known) for text in real),
        Fault.LANGUAGE: _share(_foreign(text, languages) for text in telling),
    }
    counts = {
        fault: Count(
            len(which),
            len(judged[fault]),
            Estimate.share(len(which), len(judged[fault])),
            own.get(fault),
        )
        for fault, which in found.items()
    }
    return Faults(
        len(answers),
        MappingProxyType(counts),
        Estimate.share(len({number for which in found.values() for number in which}), len(answers)),
        MappingProxyType({fault: tuple(which) for fault, which in found.items()}),
        sum(quiet),
    )


def has_loop(text: str) -> bool:
    """Whether a text says the same several times in a row: words, or a long run of characters."""
    words = words_of(text)
    for period in range(1, len(words) // LOOP_TIMES + 1):
        same = 0
        for at in range(period, len(words)):
            same = same + 1 if words[at] == words[at - period] else 0
            if same + period >= max(LOOP_WORDS, LOOP_TIMES * period):
                return True
    return any(
        len(found.group()) >= LOOP_SIGNS and not any(laughs(found.group()))
        for found in _REPEATED_SIGNS.finditer(text)
    )


def has_marks(text: str, marks: Iterable[str]) -> bool:
    """Whether a text shows one of a template's marks, whole or begun, or a sign of silence among words."""
    folded = text.casefold()
    return (
        any(mark.casefold() in folded for mark in marks)
        or _TEMPLATE.search(text) is not None
        or (SILENCE in text and not is_silence(text))
    )


def stuck_answers(said: Sequence[Said]) -> frozenset[str]:
    """Which answers, folded, come to more prompts than chance explains, given how often the person says so.

    The interval of its share of the prompts must lie above that of the person's. A prompt that was asked several times
    counts once, and an answer to it by the part of the times that it came.
    """
    asked = Counter(one.case.prompt for one in said)
    given: Counter[str] = Counter()
    for one in said:
        given[_key(one.answer.text)] += Fraction(1, asked[one.case.prompt])  # type: ignore[assignment] # a counter adds fractions as well
    own = Counter(text for _, text in {(one.case.prompt, _key(one.case.real)) for one in said})
    return frozenset(
        text
        for text, count in given.items()
        if text and Estimate.share(int(count), len(asked)).low > Estimate.share(own[text], len(asked)).high
    )


def languages_of(texts: Iterable[str]) -> frozenset[str]:
    """The languages that somebody writes in, by their texts that are long enough to tell."""
    found = Counter(
        language
        for text in texts
        if len(text) >= TELLING
        for language, sureness in [language_of(text)]
        if sureness >= SURE
    )
    return frozenset(language for language, count in found.items() if count >= SPOKEN * found.total())


def _foreign(text: str, languages: Collection[str]) -> bool:
    language, sureness = language_of(text)
    return language not in languages and sureness >= SURE


def _share(found: Iterable[bool]) -> Estimate:
    each = list(found)
    return Estimate.share(sum(each), len(each))


def _key(text: str) -> str:
    return "" if is_silence(text) else " ".join(words_of(text)) or " ".join(text.split())
