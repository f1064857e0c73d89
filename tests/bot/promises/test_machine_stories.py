"""Stories that a machine has found, each step as it was taken: the ledger must follow them, and object to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from safety.mode import Mode
from tests.bot.promises.machine.play import CHATS, MAX, MONA, Play
from tests.bot.promises.machine.run import open_stage


@pytest.fixture
def play(state_dir: Path) -> Iterator[Play]:
    """Two services, and every chat in manual mode."""
    with open_stage(state_dir) as (stage, settings, persona):
        play = Play(stage, settings, persona)
        play.begin((Mode.MANUAL,) * len(CHATS), 2, (False, False))
        yield play
        play.over()


def test_a_sweep_that_began_before_the_clock_went_back_ends_a_claim_early(play: Play) -> None:
    draft = play.hold(CHATS[0], 0)
    assert draft is not None
    sweep = next(call for call in play.waits("sweep") if call.prefix == play.stage.prefix_of(CHATS[0]))
    play.jump(-70)
    play.deed(0, lambda desk: desk.claim(MAX, draft))
    play.deed(0, lambda desk: desk.approve(MONA, draft))
    assert play.ledger.last.state(draft) == "held"
    play.step(sweep)
    assert play.ledger.last.state(draft) == "held"
    play.deed(0, lambda desk: desk.approve(MONA, draft))
    assert play.ledger.last.state(draft) == "approved"
    play.end()
