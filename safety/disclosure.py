"""Disclosure: how the people in a chat are told that a stand-in writes there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ANNOUNCEMENT: Final = (
    "hi, from now on {name}'s stand-in may answer here: a language model, let in by {name}. "
    'ask it whether it is one, say "stop talking to me" and it leaves you alone'
)


class Disclosure(StrEnum):
    """A way of telling; a chat has at least one of them, and may have several."""

    ANNOUNCED = "announced"
    """Before the first bubble leaves into a chat since it was enabled, an announcement does."""
    MARKED = "marked"
    """Every bubble bears a mark as it is handed over."""
    REVEALED = "revealed"
    """The owner tells at the end, with `understudy reveal`, what was the stand-in's."""


DEFAULT: Final = frozenset({Disclosure.ANNOUNCED})


@dataclass(frozen=True, slots=True)
class DisclosureSettings:
    """The words of it; `{name}` stands for the persona's name.

    `longest_message` is how many characters one message of a reveal has at most: less than any messenger's limit.
    """

    announcement: str = ANNOUNCEMENT
    mark: str = "🤖 "
    longest_message: int = 1500

    def __post_init__(self) -> None:
        if not self.announcement.strip() or not self.mark.strip():
            raise ValueError("the announcement and the mark need some text")
        if self.longest_message < 200:
            raise ValueError("longest_message is 200 or more")


def disclosures_of(text: str) -> frozenset[Disclosure]:
    """Read `announced,marked`. Raises ValueError for an unknown one, and for none at all."""
    found = frozenset(Disclosure(part.strip()) for part in text.split(",") if part.strip())
    if not found:
        raise ValueError("a chat is told somehow: announced, marked or revealed")
    return found
