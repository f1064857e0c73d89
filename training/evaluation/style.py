"""How far two people's styles lie apart, and on what scale to read that.

The figure is the Jensen-Shannon distance of each feature's distribution: the square root of the divergence to base 2,
from 0 (the same) to 1 (nothing in common). The root, because it is a metric, and grows evenly as another's texts are
mixed in. Two samples of one person are never at 0, the further from it the smaller they are: so distances are
compared with those of samples of the same size alone, and `yardsticks` cuts all of them to one.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from training.evaluation.estimate import Estimate, resample_weights, widened
from training.evaluation.features import Feature, Tally, Vocabulary, tallies
from training.evaluation.said import Said, is_silence

_FEWEST: Final = {Feature.LANGUAGE: 20}
"""Features that not every text has: with fewer on either side nothing is said about them."""
_SEED_STEP: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Sample:
    """Texts of one author, a burst each with one message a line.

    `conversations` says for each which it is of: they are resampled whole, and each text alone where it is empty.
    Raises ValueError where their numbers differ.
    """

    texts: Sequence[str] = field(repr=False)
    conversations: Sequence[Hashable] = ()

    def __post_init__(self) -> None:
        if len(self.conversations) not in {0, len(self.texts)}:
            raise ValueError("each text has one conversation, or none has")

    def __len__(self) -> int:
        return len(self.texts)

    def part(self, places: Sequence[int]) -> Sample:
        """Give some of the texts, by their places."""
        return Sample(
            [self.texts[place] for place in places],
            [self.conversations[place] for place in places] if self.conversations else (),
        )

    def drawn(self, count: int, seed: int) -> Sample:
        """Draw so many texts, in their order; of two samples of one length the same places."""
        if count >= len(self):
            return self
        return self.part(sorted(random.Random(seed).sample(range(len(self)), count)))


@dataclass(frozen=True, slots=True)
class StyleDistance:
    """The distance by feature, less those that could not be measured, and their plain mean."""

    features: Mapping[Feature, Estimate]
    mean: Estimate
    texts: tuple[int, int]
    """How many texts of each side."""


@dataclass(frozen=True, slots=True)
class Yardsticks:
    """One distance between two others: of as many texts each, over the same features and the same vocabulary.

    `floor` is the person against himself. `normalised` is (persona - floor) / (base - floor): 0 is as like the
    person as he is to himself, 1 as unlike as the base. It is None where the base is not measurably
    further off than the person himself, for then there is no scale.
    """

    texts: int
    persona: StyleDistance
    floor: StyleDistance
    base: StyleDistance | None
    normalised: Estimate | None
    split_half: bool
    """Whether the floor had to be taken between halves of what was held out."""


def samples_of(said: Sequence[Said]) -> tuple[Sample, Sample]:
    """What the person wrote and what was generated, at the moments when both wrote something.

    Who is silent when is another question. What was said in one chat on one day counts as one conversation.
    """
    spoken = [one for one in said if not one.case.silence and not is_silence(one.answer.text)]
    days = [(one.case.chat, one.case.row.first.date()) for one in spoken]
    return (
        Sample([one.case.real for one in spoken], days),
        Sample([one.answer.text for one in spoken], days),
    )


def once(said: Iterable[Said]) -> Sequence[Said]:
    """The first answer to each case, where cases were asked several times."""
    first: dict[int, Said] = {}
    for one in said:
        first.setdefault(id(one.case), one)
    return tuple(first.values())


def yardsticks_of(
    said: Sequence[Said], base: Sequence[Said], own: Sequence[str] | Sample, *, seed: int
) -> Yardsticks:
    """Measure answers against what the person wrote to the same prompts; `own` is what they wrote in training.

    Where that is less than was answered, each case counts once: of one that was asked several times the same real text
    would stand in both halves, and nobody is at any distance from that. Raises ValueError as `yardsticks` does.
    """
    if len(own) < len(said):
        said, base = once(said), once(base)
    real, generated = samples_of(said)
    _, others = samples_of(base)
    return yardsticks(real, generated, others, own if len(own) >= len(generated) else (), seed=seed)


def style_distance(
    real: Sequence[str] | Sample,
    other: Sequence[str] | Sample,
    *,
    seed: int,
    resamples: int = 200,
    vocabulary: Vocabulary | None = None,
) -> StyleDistance:
    """Measure how far two samples lie apart; by default the vocabulary is that of both together.

    Raises ValueError where one is empty.
    """
    sides = _sample(real), _sample(other)
    if not all(map(len, sides)):
        raise ValueError("nothing to measure: each side needs a text")
    known = vocabulary or Vocabulary.of(sides[0].texts, sides[1].texts)
    first, second = (_Counted(side, known, resamples, seed + _SEED_STEP * n) for n, side in enumerate(sides))
    return _summary(_compared(first, second), (len(sides[0]), len(sides[1])))


def yardsticks(
    real: Sequence[str] | Sample,
    persona: Sequence[str] | Sample,
    base: Sequence[str] | Sample = (),
    own: Sequence[str] | Sample = (),
    *,
    seed: int,
    resamples: int = 200,
) -> Yardsticks:
    """Measure generated answers against the person's real ones, with the floor and the base beside them.

    `own` is what the person wrote in training: the floor is taken between it and `real`. Without it `real` is
    halved, and everything is measured against the one half, since only samples of one size compare.
    Raises ValueError where `real` has fewer than two texts, or `persona` none.
    """
    person, generated, other, himself = _sample(real), _sample(persona), _sample(base), _sample(own)
    split_half = not len(himself)
    if split_half:
        # Every other text, and not the older and the newer half: that would be the person's year, not the person.
        places = range(len(person))
        person, himself = person.part(places[::2]), person.part(places[1::2])
    against = [side for side in (generated, himself, other) if side is not other or len(other)]
    size = min(map(len, (person, *against)))
    if not size:
        raise ValueError("nothing to measure: the person needs two texts, and the persona one")
    drawn = [side.drawn(size, seed) for side in (person, *against)]
    vocabulary = Vocabulary.of(*(side.texts for side in drawn))
    counted = [
        _Counted(side, vocabulary, resamples, seed + _SEED_STEP * number) for number, side in enumerate(drawn)
    ]
    found = [_compared(counted[0], side) for side in counted[1:]]
    common = set.intersection(*map(set, found))
    # A mean over other features would be another figure.
    found = [{feature: drift for feature, drift in one.items() if feature in common} for one in found]
    summaries = [_summary(one, (size, size)) for one in found]
    # Of one conversation nothing is known of chance, and so of no scale that it stands out from chance.
    known = len(other) and min(side.groups for side in counted) > 1
    return Yardsticks(
        size,
        summaries[0],
        summaries[1],
        summaries[2] if len(other) else None,
        _normalised(*map(_mean, found)) if known else None,
        split_half,
    )


@dataclass(frozen=True, slots=True)
class _Drift:
    """A distance, and what it was in each resample."""

    value: float
    replicates: Any

    @property
    def estimate(self) -> Estimate:
        return Estimate.resampled(self.value, self.replicates, 0.0, 1.0)

    @property
    def centred(self) -> Any:  # noqa: ANN401
        return self.replicates - np.mean(self.replicates) + self.value


class _Counted:
    """A sample counted, and how often each of its texts stands in each resample."""

    def __init__(self, sample: Sample, vocabulary: Vocabulary, resamples: int, seed: int) -> None:
        counted = [tallies(text, vocabulary) for text in sample.texts]
        self.tallies: Mapping[Feature, Sequence[tuple[int, Tally]]] = {
            feature: [(place, tally[feature]) for place, tally in enumerate(counted) if feature in tally]
            for feature in Feature
        }
        groups = sample.conversations or range(len(sample))
        self.groups = len(set(groups))
        drawn = resample_weights(groups, resamples, seed)
        # The sample as it is comes first, so that one product gives the value and all its replicates.
        self._weights = np.vstack([np.ones((1, len(sample)), dtype=np.float32), drawn])

    def distributions(self, feature: Feature, categories: Mapping[str, int]) -> Any:  # noqa: ANN401
        """How often each category occurs, a line a resample: not yet shares, since a line may be empty."""
        counts = np.zeros((self._weights.shape[1], len(categories)), dtype=np.float32)
        for place, tally in self.tallies[feature]:
            for category, count in tally.items():
                counts[place, categories[category]] = count
        return (self._weights @ counts).astype(np.float64)


def jensen_shannon(first: Any, second: Any) -> Any:  # noqa: ANN401
    """The distance of two arrays of counts along the last axis, 0 to 1.

    An empty line has nothing in common with one that is not: 1. Two empty ones are the same: 0.
    """
    totals = first.sum(axis=-1), second.sum(axis=-1)
    one, two = (
        counts / np.where(total, total, 1)[..., None]
        for counts, total in zip((first, second), totals, strict=True)
    )
    middle = (one + two) / 2
    divergence = (
        sum(
            np.where(
                side > 0, side * np.log2(np.where(side > 0, side, 1) / np.where(middle > 0, middle, 1)), 0
            ).sum(-1)
            for side in (one, two)
        )
        / 2
    )
    empty = totals[0] == 0, totals[1] == 0
    distance = np.sqrt(np.clip(divergence, 0, 1))
    return np.where(empty[0] ^ empty[1], 1.0, distance)


def _compared(first: _Counted, second: _Counted) -> Mapping[Feature, _Drift]:
    found = {}
    for feature in Feature:
        counts = [sum(sum(tally.values()) for _, tally in side.tallies[feature]) for side in (first, second)]
        if not any(counts) or min(counts) < _FEWEST.get(feature, 0):
            continue
        names = {
            name: None for side in (first, second) for _, tally in side.tallies[feature] for name in tally
        }
        categories = {name: place for place, name in enumerate(sorted(names))}
        drift = jensen_shannon(*(side.distributions(feature, categories) for side in (first, second)))
        found[feature] = _Drift(float(drift[0]), widened(drift[1:], min(first.groups, second.groups)))
    return found


def _mean(found: Mapping[Feature, _Drift]) -> _Drift:
    values = [drift.value for drift in found.values()]
    return _Drift(float(np.mean(values)), np.mean([drift.replicates for drift in found.values()], axis=0))


def _summary(found: Mapping[Feature, _Drift], texts: tuple[int, int]) -> StyleDistance:
    features = MappingProxyType({feature: drift.estimate for feature, drift in found.items()})
    return StyleDistance(features, _mean(found).estimate, texts)


def _normalised(persona: _Drift, floor: _Drift, base: _Drift) -> Estimate | None:
    """Where between floor and base; replicate by replicate, since all three share the person's resample."""
    scale = base.centred - floor.centred
    if base.value <= floor.value or np.percentile(scale, 2.5) <= 0:
        return None
    value = (persona.value - floor.value) / (base.value - floor.value)
    return Estimate.resampled(value, (persona.centred - floor.centred) / scale)


def _sample(texts: Sequence[str] | Sample) -> Sample:
    return texts if isinstance(texts, Sample) else Sample(texts)
