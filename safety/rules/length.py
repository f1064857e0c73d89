"""Draft rule `length`: neither nothing nor a flood."""

from __future__ import annotations

from dataclasses import dataclass

from safety.folding import fold
from safety.subject import DraftText
from safety.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class LengthSettings:
    """The most characters (code points) in all and a bubble, and the most bubbles. ValueError below 1."""

    characters: int = 1500
    bubble_characters: int = 800
    bubbles: int = 8

    def __post_init__(self) -> None:
        if min(self.characters, self.bubble_characters, self.bubbles) < 1:
            raise ValueError("each length limit is at least 1")


@dataclass(frozen=True, slots=True)
class LengthRule:
    """Drops what is empty, and what ran away: people send little at a time.

    A bubble in which nothing is visible counts as empty, for messengers refuse it.
    """

    settings: LengthSettings = LengthSettings()
    name: str = "length"

    async def judge(self, subject: DraftText) -> Verdict:
        """DROP or ALLOW, with the counts."""
        bubbles = subject.bubbles
        lengths = [len(bubble) for bubble in bubbles]
        longest = max(lengths, default=0)
        facts = {"characters": sum(lengths), "longest_bubble": longest, "bubbles": len(bubbles)}
        empty = sum(not fold(bubble).strip() for bubble in bubbles)
        if empty == len(bubbles):
            return Verdict(Outcome.DROP, self.name, "the model had nothing to say", facts)
        if empty:
            return Verdict(Outcome.DROP, self.name, "a bubble has nothing in it", facts)
        for what, value, limit in (
            ("bubbles", len(bubbles), self.settings.bubbles),
            ("characters in a bubble", longest, self.settings.bubble_characters),
            ("characters", sum(lengths), self.settings.characters),
        ):
            if value > limit:
                return Verdict(Outcome.DROP, self.name, f"{value} {what}, at most {limit} are allowed", facts)
        return Verdict(Outcome.ALLOW, self.name, "the length is ordinary", facts)
