"""What a classifier is: a sample of text goes in, a score for each category comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Category(StrEnum):
    """What a text may be guilty of. Each backend maps its own names to these."""

    HARASSMENT = "harassment"
    """Insults, bullying and threats aimed at a person."""
    HATE = "hate"
    """Contempt for people because of what they are."""
    SEXUAL = "sexual"
    SEXUAL_MINORS = "sexual_minors"
    """Anything sexual with somebody under 18 in it."""
    VIOLENCE = "violence"
    """Threats, glorified or graphic violence."""
    SELF_HARM = "self_harm"
    """Suicide and self-injury: talk of it, calls to it, how to do it."""
    ILLICIT = "illicit"
    """Help with crimes, drugs, weapons."""
    PRIVACY = "privacy"
    """Somebody's personal data given away."""
    OTHER = "other"
    """What a backend objects to under a name that is none of the above."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What is to be judged: bubbles, and for classifiers that understand a conversation what they answer.

    `context` are the texts said before, oldest first. `incoming` is true where the bubbles are somebody
    else's words and not the stand-in's.
    """

    bubbles: tuple[str, ...] = field(repr=False)
    context: tuple[str, ...] = field(default=(), repr=False)
    incoming: bool = False

    @property
    def text(self) -> str:
        """The bubbles, a line break between each two."""
        return "\n".join(self.bubbles)


@dataclass(frozen=True, slots=True)
class Scores:
    """How sure a classifier is of each category, from 0 to 1. A category that is not named scored 0.

    `backend` and `model` say who judged. Raises ValueError for a score out of range.
    """

    values: Mapping[Category, float]
    backend: str
    model: str

    def __post_init__(self) -> None:
        # Written so that NaN is refused, too.
        if not all(0.0 <= value <= 1.0 for value in self.values.values()):
            raise ValueError("a score lies between 0 and 1")

    def of(self, category: Category) -> float:
        """The score of a category."""
        return self.values.get(category, 0.0)


class Classifier(Protocol):
    """Judges samples. Share it among tasks; cancelling the task that waits ends the request."""

    async def classify(self, sample: Sample) -> Scores:
        """Score a sample. Raises ModerationError, and then nothing is known about it."""
        ...


def highest(*scores: Mapping[Category, float]) -> dict[Category, float]:
    """Join scores of parts into those of the whole: of each category the highest."""
    joined: dict[Category, float] = {}
    for values in scores:
        for category, value in values.items():
            joined[category] = max(value, joined.get(category, 0.0))
    return joined
