"""Draft rule `commitment`: what binds the person whose name is under it waits for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from safety.commitments import ASKS_FOR_ONE, KINDS, PAST, Kind, agrees
from safety.phrases import Phrases, sentences
from safety.subject import DraftText
from safety.verdict import Outcome, Verdict

# What was is no promise: "that was at 8 back then". A promise is one whatever else the sentence tells.
_TOLD: Final = frozenset({Kind.TIME, Kind.PLACE, Kind.MONEY})
_WORDS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.PROMISE: "a promise",
        Kind.TIME: "a time",
        Kind.PLACE: "a place",
        Kind.MONEY: "money",
        Kind.ASSENT: "a yes to a request",
    }
)


@dataclass(frozen=True, slots=True)
class CommitmentSettings:
    """Which `kinds` hold a draft: promise, time, place, money, assent (a yes to a request). None switches it off."""

    kinds: tuple[Kind, ...] = tuple(Kind)


@dataclass(frozen=True, slots=True)
class CommitmentRule:
    """Holds a draft that promises something or agrees on a time, a place or money, in auto mode too.

    Tables of phrases in seven languages, of which English is the most thorough: a floor, as is `crisis`. What is said
    between the lines ("you know me, doors at the usual") passes.
    """

    settings: CommitmentSettings = CommitmentSettings()
    name: str = "commitment"

    async def judge(self, subject: DraftText) -> Verdict:
        """HOLD or ALLOW; the facts name the kinds, not the words."""
        asked = [message.text for message in subject.turn.messages if not message.own]
        kinds = [kind for kind in commitments(subject.bubbles, asked) if kind in self.settings.kinds]
        if kinds:
            facts = {"kinds": ", ".join(kinds)}
            reason = f"the draft may commit to something ({', '.join(_WORDS[kind] for kind in kinds)})"
            return Verdict(Outcome.HOLD, self.name, reason, facts)
        return Verdict(Outcome.ALLOW, self.name, "the draft commits to nothing")


def commitments(bubbles: tuple[str, ...], asked: list[str]) -> tuple[Kind, ...]:
    """The kinds of commitment in what would be said, given what it answers."""
    said = sentences("\n".join(bubbles))
    found = [kind for kind in KINDS if any(_holds(kind, KINDS[kind], sentence) for sentence in said)]
    if agrees(said) and ASKS_FOR_ONE.found_in(sentences("\n".join(asked))):
        found.append(Kind.ASSENT)
    return tuple(found)


def _holds(kind: Kind, phrases: Phrases, sentence: str) -> bool:
    return phrases.found_in((sentence,)) and not (kind in _TOLD and PAST.found_in((sentence,)))
