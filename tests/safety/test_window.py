from __future__ import annotations

import math

import pytest

from safety.window import Reach, WindowLimit


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [(0, 1), (1, 0), (1, math.nan)],
)
def test_a_window_that_counts_nothing_is_refused(limit: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="window"):
        WindowLimit(Reach.CHAT, limit, seconds)


def test_a_person_is_named_for_a_persons_window_and_only_there() -> None:
    WindowLimit(Reach.PERSON, 1, 1, "mia")
    with pytest.raises(ValueError, match="person"):
        WindowLimit(Reach.PERSON, 1, 1)
    with pytest.raises(ValueError, match="person"):
        WindowLimit(Reach.ACCOUNT, 1, 1, "mia")
