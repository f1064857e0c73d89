"""Promises 1 to 7 in any order of steps. What a kill stops, however it comes and whatever else happens."""

from __future__ import annotations

import pytest

from tests.bot.promises.machine.machine import KillsMachine, run


@pytest.mark.timeout(900)
def test_no_order_of_steps_breaks_a_promise_around_kills() -> None:
    run(KillsMachine).enough()
