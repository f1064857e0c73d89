from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from safety.moderation.classifier import Category, Scores
from safety.moderation.settings import CategoryOutcomes, ModerationSettings, Thresholds


@pytest.mark.parametrize("table", [Thresholds, CategoryOutcomes])
def test_each_category_has_its_setting(table: type[Any]) -> None:
    assert [part.name for part in fields(table)] == [category.value for category in Category]


@pytest.mark.parametrize("value", [0.0, -0.1, 1.01, float("nan"), float("inf")])
def test_a_threshold_that_says_nothing_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="threshold of hate"):
        Thresholds(hate=value)


def test_what_is_sexual_with_minors_cannot_be_allowed() -> None:
    with pytest.raises(ValueError, match="never allowed"):
        CategoryOutcomes(sexual_minors="allow")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"backend": "endpoint"}, "needs base_url"),
        ({"backend": "guard_model", "base_url": "localhost:8000"}, "needs base_url"),
        ({"backend": "guard_model", "base_url": "http://localhost:8000/v1"}, "needs model"),
        ({"try_seconds": 0}, "more than 0"),
        ({"seconds": -1}, "more than 0"),
        ({"attempts": 0}, "more than 0"),
        ({"remembered": -1}, "0 or more"),
    ],
)
def test_settings_that_cannot_work_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ModerationSettings(**values)


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
def test_a_score_out_of_range_is_no_score(score: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Scores({Category.HATE: score}, "backend", "model")
