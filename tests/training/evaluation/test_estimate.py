"""Figures and their noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.estimate import Estimate, resample_weights, widened


def test_a_share_has_wilsons_interval() -> None:
    # Newcombe 1998, table I, method 3: 81 of 263, and none of 20.
    for count, of, low, high in ((81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611), (29, 29, 0.8830, 1.0)):
        found = Estimate.share(count, of)
        assert [found.low, found.high] == pytest.approx([low, high], abs=1e-4)


@given(st.integers(0, 500).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_a_share_lies_in_its_interval_from_0_to_1(counted: tuple[int, int]) -> None:
    found = Estimate.share(*counted)
    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize("wrong", [(2, 1), (-1, 3)])
def test_a_count_is_part_of_all(wrong: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no count"):
        Estimate.share(*wrong)


@pytest.mark.parametrize("wrong", [(1.0, 2.0, 3.0), (math.nan, 0.0, 1.0)])
def test_a_value_outside_its_interval_is_no_estimate(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="does not lie"):
        Estimate(*wrong)


def test_the_interval_of_a_mean_is_that_of_its_standard_error() -> None:
    drawn = np.random.default_rng(3).normal(5, 2, 400)
    weights = resample_weights(range(400), 2000, 1)
    found = Estimate.resampled(float(drawn.mean()), (weights @ drawn) / weights.sum(axis=1))
    assert found.high - found.low == pytest.approx(2 * 1.96 * drawn.std() / math.sqrt(400), rel=0.08)
    assert found.low < found.value < found.high


def test_an_interval_is_where_the_value_is_and_within_its_bounds() -> None:
    found = Estimate.resampled(0.05, np.linspace(0.2, 0.4, 101), 0.0, 1.0)
    assert [found.low, found.high] == pytest.approx([0.0, 0.145])


def test_whole_groups_are_drawn_and_the_same_seed_draws_the_same() -> None:
    groups = ["a", "a", "b", "c", "c", "c"]
    weights = resample_weights(groups, 50, 7)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 3:] == weights[:, 3:4]).all()
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert (weights == resample_weights(groups, 50, 7)).all()
    assert (weights != resample_weights(groups, 50, 8)).any()


@pytest.mark.parametrize("groups", [3, 6, 40])
def test_of_few_groups_the_interval_is_as_often_right_as_of_many(groups: int) -> None:
    draw, missed = np.random.default_rng(groups), 0
    for seed in range(600):
        drawn = draw.normal(5, 2, groups)
        weights = resample_weights(range(groups), 300, seed)
        found = Estimate.resampled(
            float(drawn.mean()), widened((weights @ drawn) / weights.sum(axis=1), groups)
        )
        missed += not found.low <= 5 <= found.high
    assert missed / 600 == pytest.approx(0.05, abs=0.03)


def test_of_one_group_anything_may_be_true() -> None:
    found = Estimate.resampled(0.3, widened(np.full(100, 0.3), 1), 0.0, 1.0)
    assert (found.low, found.high) == (0, 1)
