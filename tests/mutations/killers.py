"""The tests that several packages' mutations name."""

from __future__ import annotations

from typing import Final

PROMISES: Final = "tests/bot/promises"
KILLS: Final = f"{PROMISES}/test_machine_kills.py::test_no_order_of_steps_breaks_a_promise_around_kills"
DEATHS: Final = f"{PROMISES}/test_machine_deaths.py::test_no_order_of_steps_breaks_a_promise_around_deaths"
APPROVALS: Final = (
    f"{PROMISES}/test_machine_approvals.py::test_no_order_of_steps_breaks_a_promise_around_approvals"
)
PARTS: Final = f"{PROMISES}/test_kill_parts.py"
PLACES: Final = "tests/bot/test_places.py"
POSTPONING: Final = "tests/bot/test_postponing.py"
PAUSING: Final = "tests/bot/messengers/discord/test_pausing.py"
BACKLOG: Final = "tests/bot/test_backlog.py"
CLOCKS: Final = f"{PROMISES}/test_machine_clocks.py::test_no_order_of_steps_breaks_a_promise_when_clocks_jump"
