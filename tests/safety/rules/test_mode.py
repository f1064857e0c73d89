from __future__ import annotations

import pytest

from safety.mode import Mode
from safety.rules.mode import ModeRule
from safety.verdict import Outcome
from tests.safety.builders import gate


async def test_a_chat_that_is_off_is_not_answered() -> None:
    assert (await ModeRule().judge(gate(mode=Mode.OFF))).outcome is Outcome.DROP


@pytest.mark.parametrize("mode", [Mode.SHADOW, Mode.MANUAL, Mode.AUTO])
async def test_in_the_other_modes_a_draft_is_written(mode: Mode) -> None:
    verdict = await ModeRule().judge(gate(mode=mode))
    assert verdict.outcome is Outcome.ALLOW
    assert verdict.facts == {"mode": str(mode)}
