"""The persona score: one figure from 0 to 100, and how sure it is. `docs/evaluation.md` says why it is made so.

It is a weighted mean of three parts, each 0 for the bare base (or an impostor) and 1 for the person, taken down by the
share of answers that are broken and by the share that recite training more than the person repeats themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from training.errors import TooFewTexts
from training.evaluation.estimate import Estimate


class Part(StrEnum):
    """What the score is made of."""

    STYLE = "style"
    """How far the way from the base's style to the person's was gone."""
    AUTHORSHIP = "authorship"
    """How often a judge takes the answers for the person's, between an impostor's rate and the person's own."""
    PERPLEXITY = "perplexity"
    """How much better the person's real words are foreseen than by the base; half the perplexity is all of it."""


WEIGHTS: Final[Mapping[Part, float]] = MappingProxyType(
    {Part.STYLE: 0.5, Part.AUTHORSHIP: 0.3, Part.PERPLEXITY: 0.2}
)

_DRAWS: Final = 4000
_Z: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge of authors said: the share of bundles that it takes for the person's.

    `taken` is of the generated answers, `recognised` of the person's own messages, `mistaken` of everybody else's.
    """

    taken: Estimate
    recognised: Estimate
    mistaken: Estimate


@dataclass(frozen=True, slots=True)
class Score:
    """The score with its 95 % interval, and what it was made of.

    `parts` are 0 to 1, those that could be measured; `weights` are what each counted, and sum to 1. Scores of other
    parts are not comparable. `broken` and `recited` are the shares that it was taken down by.
    """

    value: Estimate
    parts: Mapping[Part, Estimate]
    weights: Mapping[Part, float]
    broken: Estimate
    recited: Estimate

    @property
    def missing(self) -> tuple[Part, ...]:
        """What could not be measured."""
        return tuple(part for part in Part if part not in self.parts)


def score(
    *,
    style: Estimate | None,
    judged: Judged | None,
    gain: Estimate | None,
    broken: Estimate,
    long_runs: Estimate,
    own_long_runs: Estimate,
) -> Score:
    """Put the figures together. The same figures give the same score, to the last digit.

    `style` is `Yardsticks.normalised`: 0 is the person, 1 the base. `gain` is how many times the perplexity of the
    person's held-out words was halved, in bits. `broken` is the share of answers with a fault. `long_runs` is
    the share of answers with a long run from training, `own_long_runs` that of the person's held-out texts.
    The interval joins those of the figures, taken as independent. Raises TooFewTexts where nothing was compared with
    the base: a judge alone takes a base that copies well for the person, too.
    """
    draw = np.random.default_rng(0)
    # First the value itself, then what chance might have made of it.
    drawn: dict[Part, Any] = {}
    if style is not None:
        drawn[Part.STYLE] = 1 - _draws(style, draw)
    if judged is not None and judged.recognised.value > judged.mistaken.value:
        taken, recognised, mistaken = (
            _draws(one, draw) for one in (judged.taken, judged.recognised, judged.mistaken)
        )
        # Where chance brings the two ends of the scale together, it is no scale; one bundle in a hundred is the least.
        drawn[Part.AUTHORSHIP] = (taken - mistaken) / np.maximum(recognised - mistaken, 0.01)
    if gain is not None:
        drawn[Part.PERPLEXITY] = _draws(gain, draw)
    if not drawn.keys() - {Part.AUTHORSHIP}:
        raise TooFewTexts("nothing of this persona can be scored: evaluate it on more held-out messages")
    parts = {part: np.clip(values, 0, 1) for part, values in drawn.items()}
    total = sum(WEIGHTS[part] for part in parts)
    weights = {part: WEIGHTS[part] / total for part in parts}
    faulty = np.clip(_draws(broken, draw), 0, 1)
    recited = np.clip(_draws(long_runs, draw) - _draws(own_long_runs, draw), 0, 1)
    mean = sum(weights[part] * values for part, values in parts.items())
    whole = 100 * mean * (1 - faulty) * (1 - recited)
    return Score(
        _estimate(whole, 100),
        MappingProxyType({part: _estimate(values, 1) for part, values in parts.items()}),
        MappingProxyType(weights),
        broken,
        _estimate(recited, 1),
    )


def _draws(estimate: Estimate, draw: Any) -> Any:  # noqa: ANN401 - numpy is untyped here
    """The value, then draws from a bell around it that is as wide on each side as the interval."""
    noise = draw.standard_normal(_DRAWS)
    width = np.where(noise < 0, estimate.value - estimate.low, estimate.high - estimate.value) / _Z
    return np.concatenate([[estimate.value], estimate.value + noise * width])


def _estimate(values: Any, most: float) -> Estimate:  # noqa: ANN401 - numpy is untyped here
    value = float(values[0])
    low, high = (float(bound) for bound in np.percentile(values[1:], [2.5, 97.5]))
    return Estimate(value, max(0.0, min(low, value)), min(most, max(high, value)))
