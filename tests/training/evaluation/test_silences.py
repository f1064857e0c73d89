"""Silence where the person was silent, and words where they spoke."""

from __future__ import annotations

import pytest

from inference.pace import TypingProfile
from inference.prompt import SILENCE
from tests.training.evaluation.samples import told
from training.dataset.facts import DELAYS
from training.evaluation.delay import delay
from training.evaluation.silences import silences


def test_both_sides_count_alike() -> None:
    said = [told(SILENCE, real=""), *(told("hey") for _ in range(8)), told(SILENCE), told("  \n ")]
    found = silences(said)
    assert found is not None
    assert (found.kept.value, found.spoken.value) == (1.0, 0.8)
    assert found.balanced == 0.9


def test_who_always_speaks_or_never_does_gains_nothing() -> None:
    moments = [told("x", real="") for _ in range(3)], [told("x") for _ in range(9)]
    always = silences([*moments[0], *moments[1]])
    assert always is not None
    assert always.balanced == 0.5
    never = silences([told(SILENCE, real=""), told(SILENCE)])
    assert never is not None
    assert never.balanced == 0.5


def test_without_silences_there_is_nothing_to_say() -> None:
    assert silences([told("hey")]) is None
    assert silences([told(SILENCE, real="")]) is None


def test_the_delay_is_that_of_the_typing_profile_beside_the_persons_own() -> None:
    said = [told(f"{'word ' * 10}{number}") for number in range(40)]
    quick = TypingProfile(characters_per_second=50, reading_seconds=1, jitter=0.3)
    slow = TypingProfile(characters_per_second=1, reading_seconds=1, jitter=0.0, longest_seconds=45)
    person = [0] * len(DELAYS)
    person[1] = 100  # ten seconds to a minute
    apart, alike = delay(person, said, quick), delay(person, said, slow)
    assert apart is not None
    assert alike is not None
    assert (apart.persona[0], apart.distance.value) == (40, 1.0)
    assert (alike.persona[1], alike.distance.value) == (40, 0.0)
    assert delay(person, said, quick) == apart
    person[0] = 100
    between = delay(person, said, quick)
    assert between is not None
    # Half of the person's are where all of the persona's are.
    assert between.distance.value == pytest.approx(0.558, abs=0.001)
    assert 0.4 < between.distance.low < between.distance.value < between.distance.high < 0.7


def test_of_no_delays_and_of_no_answers_nothing_is_said() -> None:
    assert delay((), [told("hey")], TypingProfile()) is None
    assert delay((5,), [told(SILENCE, real="")], TypingProfile()) is None
