"""The persona score: 0 for the base, 100 for the person, less what is broken or recited, and always with its noise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.errors import TooFewTexts
from training.evaluation.estimate import Estimate
from training.evaluation.score import WEIGHTS, Judged, Part, Score, score

NONE = Estimate(0, 0, 0)


def sure(value: float) -> Estimate:
    return Estimate(value, value, value)


def scored(
    style: float | None = 0.0,
    taken: float | None = 0.9,
    gain: float | None = 1.0,
    broken: float = 0.0,
    long_runs: float = 0.0,
    own: float = 0.0,
) -> Score:
    return score(
        style=None if style is None else sure(style),
        judged=None if taken is None else Judged(sure(taken), sure(0.9), sure(0.1)),
        gain=None if gain is None else sure(gain),
        broken=sure(broken),
        long_runs=sure(long_runs),
        own_long_runs=sure(own),
    )


def test_the_person_has_100_and_the_base_none() -> None:
    assert scored().value == sure(100)
    assert scored(style=1, taken=0.1, gain=0).value == sure(0)


def test_no_part_is_better_than_the_person_or_worse_than_the_base() -> None:
    assert scored(style=-0.4, taken=1.0, gain=3).value == sure(100)
    assert scored(style=1.7, taken=0.0, gain=-2).value == sure(0)


def test_each_part_counts_by_its_weight() -> None:
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    assert scored(style=0.5).value.value == pytest.approx(100 - 50 * WEIGHTS[Part.STYLE])
    assert scored(taken=0.5).value.value == pytest.approx(100 - 50 * WEIGHTS[Part.AUTHORSHIP])
    assert scored(gain=0.5).value.value == pytest.approx(100 - 50 * WEIGHTS[Part.PERPLEXITY])


def test_what_cannot_be_measured_is_named_and_its_weight_goes_to_the_rest() -> None:
    found = scored(style=0.5, taken=None, gain=None)
    assert found.value.value == pytest.approx(50)
    assert found.missing == (Part.AUTHORSHIP, Part.PERPLEXITY)
    assert found.weights == {Part.STYLE: 1.0}
    with pytest.raises(TooFewTexts):
        scored(style=None, taken=None, gain=None)
    # A judge takes a base that copies well for the person: alone he scores nothing.
    with pytest.raises(TooFewTexts):
        scored(style=None, taken=1.0, gain=None)


def test_a_judge_that_does_not_know_the_person_is_not_asked() -> None:
    blind = Judged(sure(0.5), sure(0.2), sure(0.3))
    found = score(style=sure(0), judged=blind, gain=None, broken=NONE, long_runs=NONE, own_long_runs=NONE)
    assert Part.AUTHORSHIP in found.missing


def test_broken_and_recited_answers_count_for_nothing() -> None:
    assert scored(broken=0.25).value.value == pytest.approx(75)
    assert scored(long_runs=0.3, own=0.1).value.value == pytest.approx(80)
    assert scored(broken=0.5, long_runs=0.5).value.value == pytest.approx(25)
    # Who repeats less of himself than the person does is not rewarded.
    assert scored(long_runs=0.1, own=0.3).value.value == pytest.approx(100)


def test_the_noise_of_the_figures_is_the_noise_of_the_score() -> None:
    def spread(width: float) -> float:
        found = score(
            style=Estimate(0.4, 0.4 - width, 0.4 + width),
            judged=None,
            gain=None,
            broken=NONE,
            long_runs=NONE,
            own_long_runs=NONE,
        ).value
        return found.high - found.low

    # One part alone, no penalty: its interval times 100, as well as 4,000 draws tell.
    assert spread(0.1) == pytest.approx(20, rel=0.08)
    assert spread(0.02) == pytest.approx(4, rel=0.08)


shares = st.floats(0, 1)


@st.composite
def estimates(draw: st.DrawFn, lowest: float = 0, highest: float = 1) -> Estimate:
    low, value, high = sorted(draw(st.lists(st.floats(lowest, highest), min_size=3, max_size=3)))
    return Estimate(value, low, high)


@given(
    estimates(-1, 2),
    estimates(),
    estimates(),
    estimates(),
    estimates(-2, 4),
    estimates(),
    estimates(),
    estimates(),
)
def test_whatever_was_measured_the_score_lies_within_its_interval_and_bounds(
    style: Estimate,
    taken: Estimate,
    recognised: Estimate,
    mistaken: Estimate,
    gain: Estimate,
    broken: Estimate,
    long_runs: Estimate,
    own: Estimate,
) -> None:
    def run() -> Score:
        return score(
            style=style,
            judged=Judged(taken, recognised, mistaken),
            gain=gain,
            broken=broken,
            long_runs=long_runs,
            own_long_runs=own,
        )

    found = run()
    assert 0 <= found.value.low <= found.value.value <= found.value.high <= 100
    assert all(0 <= part.low <= part.high <= 1 for part in found.parts.values())
    assert found == run()


@given(st.floats(0, 1), st.floats(0, 1))
def test_closer_to_the_person_is_never_worse(one: float, other: float) -> None:
    near, far = sorted((one, other))
    assert scored(style=near).value.value >= scored(style=far).value.value
