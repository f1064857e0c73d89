"""How far styles lie apart."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.evaluation.samples import Answered, Told, bursts, told
from training.evaluation.features import Feature, Vocabulary
from training.evaluation.style import Sample, jensen_shannon, style_distance, yardsticks, yardsticks_of

POLITE = "Certainly! I would be delighted to assist you with that, my dear friend."

_TEXTS = st.lists(
    st.text(max_size=30)
    | st.sampled_from([*bursts("Sam")[:40], *bursts("Nora")[:40], "", "哈哈哈 好的", "🎉🎉"]),
    min_size=1,
    max_size=12,
)


@given(_TEXTS)
@settings(max_examples=30, deadline=None)
def test_nobody_is_far_from_himself(texts: list[str]) -> None:
    found = style_distance(texts, texts, seed=1, resamples=5)
    assert found.mean.value == 0
    assert all(one.value == 0 for one in found.features.values())


@given(_TEXTS, _TEXTS)
@settings(max_examples=30, deadline=None)
def test_a_distance_is_the_same_both_ways_and_from_0_to_1(one: list[str], two: list[str]) -> None:
    there, back = (style_distance(*pair, seed=1, resamples=5) for pair in ((one, two), (two, one)))
    assert there.features.keys() == back.features.keys()
    for feature, distance in there.features.items():
        assert distance.value == pytest.approx(back.features[feature].value, abs=1e-6)
        assert 0 <= distance.low <= distance.value <= distance.high <= 1


@given(st.integers(0, 1000), st.sampled_from(["Mia", "Leo", "Nora"]))
@settings(max_examples=8, deadline=None)
def test_the_more_of_another_is_mixed_in_the_further_it_gets(seed: int, other: str) -> None:
    draw = random.Random(seed)
    own, theirs = draw.sample(bursts("Sam"), 25), draw.sample(bursts(other), 25)
    known = Vocabulary.of(own, theirs)
    steps = [
        style_distance(own, [*own * (10 - part), *theirs * part], seed=1, resamples=5, vocabulary=known)
        for part in (0, 1, 3, 6, 10)
    ]
    # How often a language is told changes with the mix as well as what it is: all others only ever grow.
    for feature in set(steps[0].features) - {Feature.LANGUAGE}:
        values = [step.features[feature].value for step in steps]
        assert values == pytest.approx(sorted(values), abs=1e-6)


def test_somebody_else_is_several_times_as_far_off_as_the_person_himself() -> None:
    sam = bursts("Sam")
    found = yardsticks(sam[-300:], sam[-600:-300], bursts("Nora")[-300:], sam[:-600], seed=1)
    assert found.base is not None
    assert found.floor.mean.high < found.base.mean.low / 2
    assert found.normalised is not None
    assert found.normalised.low <= 0.1
    assert found.normalised.high < 0.3


def test_conversations_are_resampled_whole() -> None:
    texts = ["aye aye"] * 20 + ["nay nay!"] * 20
    alone = style_distance(texts, ["aye aye"] * 40, seed=1)
    whole = style_distance(Sample(texts, [0] * 20 + [1] * 20), ["aye aye"] * 40, seed=1)
    assert whole.mean.value == alone.mean.value
    assert whole.mean.high - whole.mean.low > 2 * (alone.mean.high - alone.mean.low)


def test_the_distance_of_known_distributions_is_the_textbooks() -> None:
    assert jensen_shannon(np.array([1, 0]), np.array([0, 1])) == 1
    assert jensen_shannon(np.array([3, 1]), np.array([6, 2])) == 0
    # Half of what one says the other never does; between them lies (3/4, 1/4).
    expected = 0.5 * (0.5 * math.log2(0.5 / 0.75) + 0.5 * math.log2(0.5 / 0.25)) + 0.5 * math.log2(1 / 0.75)
    assert jensen_shannon(np.array([5, 5]), np.array([4, 0])) == pytest.approx(math.sqrt(expected))
    assert jensen_shannon(np.array([0, 0]), np.array([4, 0])) == 1
    assert jensen_shannon(np.array([0, 0]), np.array([0, 0])) == 0


def test_what_only_capitals_tell_apart_differs_in_case_alone() -> None:
    lower = ["see you at the station then", "ok fine by me", "what time"] * 10
    found = style_distance(lower, [text.upper() for text in lower], seed=1)
    assert {feature for feature, distance in found.features.items() if distance.value > 0} - {
        Feature.LANGUAGE
    } == {Feature.CASE}
    assert found.features[Feature.CASE].value == 1
    assert found.mean.value == pytest.approx(
        sum(one.value for one in found.features.values()) / len(found.features)
    )


def test_the_same_seed_gives_the_same_interval_and_another_nearly() -> None:
    pair = bursts("Sam")[:100], bursts("Leo")[:100]
    one, again, other = (style_distance(*pair, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one.mean.value == other.mean.value
    assert one.mean != other.mean
    assert one.mean.low == pytest.approx(other.mean.low, abs=0.01)


def test_larger_samples_of_one_person_lie_nearer_so_that_all_are_cut_to_one_size() -> None:
    sam = bursts("Sam")
    small, large = (style_distance(sam[:size], sam[size : 2 * size], seed=1).mean.value for size in (40, 800))
    assert large < small / 2
    found = yardsticks(sam[:800], sam[800:840], bursts("Leo")[:300], sam[1000:2000], seed=1)
    assert found.texts == 40
    assert found.persona.mean.value == pytest.approx(found.floor.mean.value, abs=0.05)


def test_without_training_the_floor_is_between_halves_and_everything_as_small() -> None:
    sam = bursts("Sam")
    found = yardsticks(sam[:200], sam[200:400], seed=1)
    assert (found.split_half, found.texts) == (True, 100)
    assert (found.base, found.normalised) == (None, None)


def test_a_base_that_is_as_near_as_the_person_gives_no_scale() -> None:
    sam, further = bursts("Sam"), 0
    for at in range(0, 3000, 400):
        found = yardsticks(
            sam[at : at + 100],
            bursts("Leo")[:100],
            sam[at + 100 : at + 200],
            sam[at + 200 : at + 300],
            seed=1,
        )
        assert found.base is not None
        assert found.normalised is None
        further += found.base.mean.value > found.floor.mean.value
    assert 0 < further < 8  # both happen


def test_like_the_base_is_one_and_like_the_person_is_nothing() -> None:
    sam, nora = bursts("Sam"), bursts("Nora")
    base = yardsticks(sam[:400], nora[:400], nora[:400], sam[1000:2000], seed=1).normalised
    assert base is not None
    assert base.value == pytest.approx(1)
    halfway = [*sam[2000:2200], *nora[400:600]]
    mixed = yardsticks(sam[:400], halfway, nora[:400], sam[1000:2000], seed=1).normalised
    assert mixed is not None
    assert 0.2 < mixed.low < mixed.high < 0.8


@pytest.mark.parametrize("earlier", [0, 60])
def test_moments_that_were_asked_several_times_count_once_where_there_is_little_of_the_person(
    earlier: int,
) -> None:
    sam, own = bursts("Sam"), bursts("Sam")[1000 : 1000 + earlier]
    # An odd number of them, asked in turn: the same texts would stand in both halves.
    moments = [told("", real, day=day) for day, real in enumerate(sam[:51])] * 9
    said = [Told(one.case, Answered(sam[2000 + at])) for at, one in enumerate(moments)]
    base = [Told(one.case, Answered(POLITE)) for one in moments]
    found = yardsticks_of(said, base, own, seed=1)
    assert (found.split_half, found.texts) == (not earlier, 51 if earlier else 25)
    assert found.floor.mean.value == pytest.approx(found.persona.mean.value, abs=0.05)
    assert found.base is not None
    assert found.base.mean.low > found.floor.mean.high


def test_of_few_conversations_little_is_known_and_of_one_nothing() -> None:
    sam, nora = bursts("Sam")[:60], bursts("Nora")[:60]
    wide = []
    for days in (60, 6, 2):
        sides = (Sample(texts, [place % days for place in range(60)]) for texts in (sam, nora))
        one = style_distance(*sides, seed=1).mean
        wide.append(one.high - one.low)
    assert wide[0] < wide[1] < wide[2]
    day = [0] * 60
    found = yardsticks(Sample(sam, day), Sample(nora, day), Sample(nora, day), Sample(sam, day), seed=1)
    assert (found.persona.mean.low, found.persona.mean.high) == (0, 1)
    assert found.normalised is None


def test_nothing_cannot_be_measured() -> None:
    for real, persona in (([], ["a"]), (["a", "b"], []), (["a"], ["b"])):
        with pytest.raises(ValueError, match="nothing to measure"):
            yardsticks(real, persona, seed=1)
    with pytest.raises(ValueError, match="nothing to measure"):
        style_distance([], ["a"], seed=1)
    with pytest.raises(ValueError, match="one conversation"):
        Sample(["a", "b"], conversations=[1])
