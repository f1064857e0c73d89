"""Promises 1 to 7 in any order of steps. What time does to answers on their way."""

from __future__ import annotations

import pytest

from tests.bot.promises.machine.machine import ClocksMachine, run


@pytest.mark.timeout(900)
def test_no_order_of_steps_breaks_a_promise_when_clocks_jump() -> None:
    run(ClocksMachine).enough()
