"""How far styles lie apart."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.evaluation.samples import bursts
from training.evaluation.features import Feature, Vocabulary
from training.evaluation.style import Sample, style_distance, yardsticks

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
    own, theirs = draw.sample(bursts("Sam"), 60), draw.sample(bursts(other), 60)
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
