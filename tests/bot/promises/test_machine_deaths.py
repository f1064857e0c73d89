"""Promises 1 to 7 in any order of steps. What dies, stands still, or loses the answer to what it asked."""

from __future__ import annotations

import pytest

from tests.bot.promises.machine.machine import DeathsMachine, run


@pytest.mark.timeout(900)
def test_no_order_of_steps_breaks_a_promise_around_deaths() -> None:
    run(DeathsMachine).enough()
