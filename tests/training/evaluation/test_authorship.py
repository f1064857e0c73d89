"""Who wrote it."""

from __future__ import annotations

import pytest

from tests.training.evaluation.samples import bursts
from training.errors import TooFewTexts
from training.evaluation.authorship import authorship

pytestmark = pytest.mark.train


def test_the_person_is_known_and_somebody_else_is_not_taken_for_them() -> None:
    judge = authorship({name: bursts(name)[:400] for name in ("Sam", "Leo", "Nora")}, "Sam", seed=1)
    assert judge.accuracy.low > 2 * judge.chance
    assert judge.judge(bursts("Sam")[-200:]).value > 0.8
    assert judge.judge(bursts("Leo")[-200:]).value < 0.2


def test_nobody_is_told_by_too_few_messages() -> None:
    with pytest.raises(TooFewTexts):
        authorship({"Sam": bursts("Sam")[:40], "Leo": bursts("Leo")[:400]}, "Sam", seed=1)
    with pytest.raises(TooFewTexts):
        authorship({"Sam": bursts("Sam")[:400], "Leo": bursts("Leo")[:40]}, "Sam", seed=1)
