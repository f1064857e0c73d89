from __future__ import annotations

import math

import pytest

from safety.mode import ChatPolicy, Mode


def test_a_chat_that_nobody_enabled_is_off_and_answers_nothing() -> None:
    assert ChatPolicy() == ChatPolicy(Mode.OFF, 0.0)


@pytest.mark.parametrize("probability", [-0.01, 1.01, math.nan, math.inf])
def test_a_probability_outside_0_to_1_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        ChatPolicy(Mode.AUTO, probability)
