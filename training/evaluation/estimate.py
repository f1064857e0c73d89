"""A figure with its noise: what was measured, and between which bounds it would lie if measured again."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from scipy.special import stdtrit

_Z: Final = 1.959964
"""The normal distribution's 97.5 % point: every interval here is one of 95 %."""
_ANYTHING: Final = 50.0
"""Of a distance, a share or nats a token: further off than any that is measured."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its 95 % interval. Raises ValueError where the value does not lie in it, or is no number."""

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"{self.value} does not lie between {self.low} and {self.high}")

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    @classmethod
    def share(cls, count: int, of: int) -> Self:
        """A count as a share of all, with Wilson's interval; of nothing, a share between 0 and 1."""
        if not 0 <= count <= of:
            raise ValueError(f"{count} is no count out of {of}")
        if not of:
            return cls(0.0, 0.0, 1.0)
        share, spread = count / of, _Z * _Z / of
        middle = (share + spread / 2) / (1 + spread)
        reach = _Z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
        # At 0 and all of them the formula meets the share but for the last bit.
        return cls(share, max(0.0, min(middle - reach, share)), min(1.0, max(middle + reach, share)))

    @classmethod
    def resampled(
        cls,
        value: float,
        replicates: Any,  # noqa: ANN401
        lowest: float = -math.inf,
        highest: float = math.inf,
    ) -> Self:
        """A value, and the spread of what resampling gave in its place, moved to where the value is.

        A distance between two samples is above that of what they were drawn from, and that of resamples
        another step above: their percentiles as they are would often miss the value itself.
        """
        low, high = np.percentile(replicates, [2.5, 97.5]) - np.mean(replicates)
        bounds = (value + min(float(low), 0.0), value + max(float(high), 0.0))
        return cls(value, max(bounds[0], lowest), min(bounds[1], highest))


def resample_weights(groups: Sequence[Hashable], resamples: int, seed: int) -> Any:  # noqa: ANN401
    """How often each unit stands in each resample: an array of `resamples` by units.

    Whole groups are drawn with replacement, for what was said in one conversation is not independent.
    """
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    group_of = np.array([numbers[group] for group in groups], dtype=np.int64)
    draw = np.random.default_rng(seed)
    counts = draw.multinomial(len(numbers), np.full(len(numbers), 1 / len(numbers)), size=resamples)
    return counts[:, group_of].astype(np.float32)


def widened(replicates: Any, groups: int) -> Any:  # noqa: ANN401
    """Spread replicates as far as the number of groups asks for that were drawn from.

    Drawing few with replacement shows too little of their spread, and they say little about it to begin with: for a
    mean it becomes Student's interval. Of one group nothing is known, and anything may be true.
    """
    if groups < 2:
        return np.where(np.arange(len(replicates)) % 2, _ANYTHING, -_ANYTHING)
    factor = math.sqrt(groups / (groups - 1)) * float(stdtrit(groups - 1, 0.975)) / _Z
    middle = np.mean(replicates)
    return middle + (replicates - middle) * factor
