"""The same figures for each relationship: people write otherwise to their mother than to their club.

A relationship is a chat: a conversation of two is one with a contact, a group is one with all in it. A persona of a
contact is measured like any other; its dataset is built with that contact as the one who is learned.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from training.errors import TooFewTexts
from training.evaluation.authorship import Authorship
from training.evaluation.estimate import Estimate
from training.evaluation.faults import Faults, faults
from training.evaluation.memory import Hit, Memory
from training.evaluation.said import Said
from training.evaluation.style import Yardsticks, once, samples_of, yardsticks_of

FEWEST: Final = 30
"""Moments at which both wrote, below which nothing is said of a relationship."""


@dataclass(frozen=True, slots=True)
class Contact:
    """What was measured in one chat.

    `taken` is the share of bundles that the judge takes for the person, None without a judge or with too few answers
    for it. `hits` are the long runs that answers in this chat share with training, `repeating` is their share.
    """

    answers: int
    style: Yardsticks
    faults: Faults
    taken: Estimate | None
    hits: tuple[Hit, ...]
    repeating: Estimate


@dataclass(frozen=True, slots=True)
class Contacts:
    """By chat, those with most answers first; `too_few` are the others, with how many answers each has."""

    measured: Mapping[str, Contact]
    too_few: Mapping[str, int]


def contacts(
    said: Sequence[Said],
    memory: Memory,
    *,
    marks: Sequence[str],
    languages: Collection[str],
    seed: int,
    base: Sequence[Said] = (),
    own: Mapping[str, Sequence[str]] | None = None,
    judge: Authorship | None = None,
    fewest: int = FEWEST,
) -> Contacts:
    """Measure each chat with enough answers.

    `memory` is of the same `said`. `base` are the base's answers to the same cases, and `own` what the person wrote in
    training, by chat.
    """
    places: dict[str, list[int]] = {}
    for number, one in enumerate(said):
        if not one.case.silence:
            places.setdefault(one.case.chat, []).append(number)
    measured = {}
    for chat in sorted(places, key=lambda chat: (-len(places[chat]), chat)):
        here = [said[number] for number in places[chat]]
        if len(samples_of(once(here))[0]) < fewest:
            continue
        _, generated = samples_of(here)
        others = [one for one in base if one.case.chat == chat]
        numbers = set(places[chat])
        hits = tuple(hit for hit in memory.hits if hit.answer in numbers)
        measured[chat] = Contact(
            len(here),
            yardsticks_of(here, others, (own or {}).get(chat, ()), seed=seed),
            faults(here, marks, languages),
            _taken(judge, generated.texts),
            hits,
            Estimate.share(len({hit.answer for hit in hits}), len(here)),
        )
    too_few = {chat: len(numbers) for chat, numbers in sorted(places.items()) if chat not in measured}
    return Contacts(MappingProxyType(measured), MappingProxyType(too_few))


def _taken(judge: Authorship | None, texts: Sequence[str]) -> Estimate | None:
    try:
        return judge.judge(texts) if judge else None
    except TooFewTexts:
        return None
