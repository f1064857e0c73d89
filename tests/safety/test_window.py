from __future__ import annotations

import math

import pytest

from safety.window import WindowLimit


@pytest.mark.parametrize(
    ("key", "limit", "seconds"), [("", 1, 1), ("k", 0, 1), ("k", 1, 0), ("k", 1, math.nan)]
)
def test_a_window_that_counts_nothing_is_refused(key: str, limit: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="window"):
        WindowLimit(key, limit, seconds)
