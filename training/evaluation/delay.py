"""When an answer comes: what the persona's typing profile makes of its answers, beside the person's own delays."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from inference.pace import TypingProfile
from inference.prompt import split_bubbles
from training.dataset.facts import DELAYS
from training.evaluation.estimate import Estimate
from training.evaluation.said import Said
from training.evaluation.style import jensen_shannon

_RESAMPLES: Final = 200


@dataclass(frozen=True, slots=True)
class Delay:
    """How many answers began within each step of `DELAYS`, the person's and the persona's, and how far they lie apart.

    The person's are by their exports' clock, as `facts.json` has them. The persona waits as it types, on
    purpose never for hours: that is what the distance (0 to 1) mostly says of somebody who is often away.
    """

    person: tuple[int, ...]
    persona: tuple[int, ...]
    distance: Estimate


def delay(person: Sequence[int], said: Sequence[Said], typing: TypingProfile) -> Delay | None:
    """Compare; None where nobody counted the person's delays, or nothing was answered."""
    waits = []
    for one in said:
        bubbles = split_bubbles(one.answer.text)
        if bubbles:
            name = hashlib.sha256(
                f"{one.case.prompt}\0{one.answer.text}".encode(errors="replace")
            ).hexdigest()
            waits.append(typing.seconds_before(name, bubbles[0], first=True))
    if not waits or not sum(person):
        return None
    steps = Counter(max(bisect_right(DELAYS, wait) - 1, 0) for wait in waits)
    persona = tuple(steps[step] for step in range(len(DELAYS)))
    apart = float(jensen_shannon(np.array(person, dtype=float), np.array(persona, dtype=float)))
    return Delay(tuple(person), persona, Estimate.resampled(apart, _resampled(person, persona), 0.0, 1.0))


def _resampled(person: Sequence[int], persona: Sequence[int]) -> Any:  # noqa: ANN401
    """The distance in each resample of both sides. Which conversation a delay is of is not known: each counts alone."""
    draw = np.random.default_rng(0)
    return jensen_shannon(
        *(draw.multinomial(sum(side), np.array(side) / sum(side), _RESAMPLES) for side in (person, persona))
    )
