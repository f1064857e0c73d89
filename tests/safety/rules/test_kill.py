from __future__ import annotations

import pytest

from chat.message import ChatKey
from safety.kill import Kill, KillScope
from safety.rules.kill import KillRule
from safety.verdict import Outcome
from tests.safety.builders import CHAT, NOON, SECRET, gate


async def test_without_a_kill_the_turn_goes_on() -> None:
    assert (await KillRule().judge(gate())).outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    "scope",
    [
        KillScope.everywhere(),
        KillScope.account("local"),
        KillScope.chat(CHAT.key),
        KillScope.chat(ChatKey("local", "other")),
    ],
)
async def test_any_kill_that_is_handed_over_stops(scope: KillScope) -> None:
    verdict = await KillRule().judge(gate(kill=Kill(scope, "u1", NOON, SECRET)))
    assert verdict.outcome is Outcome.STOP
    assert verdict.facts == {"scope": str(scope), "by": "u1", "at": NOON.isoformat()}
    assert SECRET not in repr(verdict)
