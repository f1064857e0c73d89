"""The pace at which a person writes: how many bubbles, how long, how soon; in numbers alone.

`TypingProfile` decides when a bubble is sent. `StyleProfile` decides nothing by itself: it is what the
dataset's exports show of the person, kept beside the persona for people, for the card and for measuring.
"""

from __future__ import annotations

import hashlib
from typing import Self

from pydantic import Field, model_validator

from inference.frozen import Frozen


class TypingProfile(Frozen):
    """How fast the person types, so that bubbles do not arrive at a machine's pace."""

    characters_per_second: float = Field(default=12.0, gt=0)
    reading_seconds: float = Field(default=1.0, ge=0)
    """From the message to be answered to the first key stroke."""
    pause_seconds: float = Field(default=0.5, ge=0)
    """Between one bubble and the first key stroke of the next."""
    jitter: float = Field(default=0.3, ge=0, lt=1)
    """How far a wait may stray from the mean, as a share of it."""
    longest_seconds: float = Field(default=20.0, gt=0)
    """No single wait is longer."""

    def seconds_before(self, bubble_id: str, text: str, *, first: bool) -> float:
        """How many seconds to wait before this bubble is sent.

        `bubble_id` seeds the jitter, so that a retry waits as long as the first try did. `first` says
        that nothing of the same draft was sent before it.
        """
        digest = hashlib.sha256(b"typing\0" + bubble_id.encode()).digest()
        stray = int.from_bytes(digest[:8], "big") / 2**63 - 1
        mean = (self.reading_seconds if first else self.pause_seconds) + len(
            text
        ) / self.characters_per_second
        return min(mean * (1 + stray * self.jitter), self.longest_seconds)


class Quantiles(Frozen):
    """What most of `count` values are: a tenth lies below `low`, half below `middle`, a tenth above `high`."""

    low: float = Field(ge=0)
    middle: float = Field(ge=0)
    high: float = Field(ge=0)
    count: int = Field(ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.middle <= self.high:
            raise ValueError("quantiles rise: low, middle, high")
        return self


class StyleProfile(Frozen):
    """What the exports show of how a person writes; what they are too coarse or too few for is left out."""

    bubbles: Quantiles | None = None
    """Messages a burst."""
    characters: Quantiles | None = None
    """Characters a message."""
    reply_seconds: Quantiles | None = None
    """From somebody's message to the first of the burst that follows it."""
    pause_seconds: Quantiles | None = None
    """From one message of a burst to the next, its typing included."""
    characters_per_second: float | None = Field(default=None, gt=0)
    """How fast a longer message follows a shorter one; see `training.dataset.pace`."""
