"""Promises 1 to 7 in any order of steps. What moderators decide, two at once, too late, or under a kill."""

from __future__ import annotations

import pytest

from tests.bot.promises.machine.machine import ApprovalsMachine, run


@pytest.mark.timeout(900)
def test_no_order_of_steps_breaks_a_promise_around_approvals() -> None:
    run(ApprovalsMachine).enough()
