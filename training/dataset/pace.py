"""The pace at which the owner writes, learned from the times in the exports: numbers alone, no text.

Kept in dataset.json as `pace`, and in a persona's `[style]` and `[typing]`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from statistics import median, quantiles
from typing import Any, Final

from pydantic import ValidationError

from chat.exports.export import Export
from chat.message import Message
from inference.pace import Quantiles, StyleProfile, TypingProfile
from training.dataset.history import conversations, runs
from training.errors import DatasetUnreadable

FACT: Final = "pace"
"""The name of the record's part."""
FEWEST: Final = 20
"""With fewer values there are no quantiles."""
_APART: Final = timedelta(hours=1)
"""Silence after which a message answers nothing, and begins a new burst."""
_TYPED: Final = 60.0
"""Seconds within which the next message of a burst was typed; later ones came to mind later."""
_LONGER: Final = 15
"""Characters by which two messages must differ for their times to say how fast somebody types."""
_PAIRS: Final = 4000
_SPEEDS: Final = (1.0, 30.0)
"""Characters a second between which a speed is one of fingers, and not of chance."""


def pace_of(exports: Iterable[Export]) -> StyleProfile:
    """Measure how the owner writes in these chats."""
    tally = _Tally()
    for export in exports:
        tally.add(sorted(export.messages, key=lambda message: message.sent_at))
    return StyleProfile(
        bubbles=_quantiles(tally.bubbles),
        characters=_quantiles(tally.characters),
        reply_seconds=_quantiles(tally.replies),
        pause_seconds=_quantiles([pause for _, pause in tally.pauses]),
        characters_per_second=_speed([pair for pair in tally.pauses if pair[1] <= _TYPED]),
    )


def style_of(facts: Mapping[str, Any]) -> StyleProfile | None:
    """The pace in a dataset's record; None where an older version wrote it. Raises DatasetUnreadable."""
    try:
        return StyleProfile.model_validate(facts[FACT]) if facts.get(FACT) else None
    except ValidationError:
        raise DatasetUnreadable("the record's pace cannot be used: build the dataset again") from None


def typing_of(style: StyleProfile | None) -> TypingProfile:
    """How a stand-in types as the person does, as far as that was measured.

    Nobody waits for a machine as long as for a friend who is away: reading takes as long as the quickest tenth of
    the replies took, within what a profile lets anybody wait; but never less than usual, for an export by the minute
    has replies after no time at all.
    """
    usual = TypingProfile()
    if style is None:
        return usual
    speed = style.characters_per_second or usual.characters_per_second
    found = {"characters_per_second": round(speed, 1)}
    if style.reply_seconds is not None:
        found["reading_seconds"] = min(
            max(style.reply_seconds.low, usual.reading_seconds), usual.longest_seconds / 2
        )
    if style.pause_seconds is not None and style.characters is not None:
        typing = style.characters.middle / speed
        found["pause_seconds"] = round(
            min(max(style.pause_seconds.middle - typing, 0.0), usual.longest_seconds / 2), 1
        )
    return usual.model_copy(update=found)


class _Tally:
    """What is counted burst by burst. A pause stands with the length of the message after it."""

    def __init__(self) -> None:
        self.bubbles: list[float] = []
        self.characters: list[float] = []
        self.replies: list[float] = []
        self.pauses: list[tuple[int, float]] = []

    def add(self, messages: Sequence[Message]) -> None:
        # An export by the minute says nothing about seconds; a reply it times to the minute.
        by_second = any(message.sent_at.second or message.sent_at.microsecond for message in messages)
        for before, burst in _bursts(messages):
            self.bubbles.append(len(burst))
            self.characters += [len(message.text) for message in burst]
            if before is not None:
                self.replies.append((burst[0].sent_at - before.sent_at).total_seconds())
            if by_second:
                self.pauses += [
                    (len(later.text), (later.sent_at - earlier.sent_at).total_seconds())
                    for earlier, later in pairwise(burst)
                ]


def _bursts(messages: Sequence[Message]) -> Iterator[tuple[Message | None, Sequence[Message]]]:
    """The owner's bursts, each with the message of somebody else right before it, if there is one."""
    for talk in conversations(messages, _APART):
        before: Message | None = None
        for own, run in runs(talk):
            if own:
                said = [message for message in run if message.text.strip()]
                if said:
                    yield before, said
            before = None if own else run[-1]


def _quantiles(values: Sequence[float]) -> Quantiles | None:
    if len(values) < FEWEST:
        return None
    tenths = quantiles(values, n=10, method="inclusive")
    return Quantiles(
        low=round(tenths[0], 1), middle=round(tenths[4], 1), high=round(tenths[8], 1), count=len(values)
    )


def _speed(pauses: Sequence[tuple[int, float]]) -> float | None:
    """Characters a second: the median slope between pauses (Theil and Sen), which a few long thoughts do not move.

    Of pairs drawn by a fixed seed, where there are many; None when there is too little to tell, or the slope is not
    one of typing.
    """
    draw = random.Random(0)
    if len(pauses) < FEWEST:
        return None
    pairs = (draw.sample(pauses, 2) for _ in range(_PAIRS))
    slopes = [
        (later - earlier) / (longer - shorter)
        for (shorter, earlier), (longer, later) in pairs
        if abs(longer - shorter) >= _LONGER
    ]
    if len(slopes) < FEWEST or (seconds := median(slopes)) <= 0:
        return None
    speed = 1 / seconds
    return round(speed, 1) if _SPEEDS[0] <= speed <= _SPEEDS[1] else None
