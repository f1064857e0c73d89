"""The watch over answers in the making, where nobody hears of what it must notice."""

from __future__ import annotations

import asyncio

import pytest

from bot.app import Office
from bot.watch import Cancelled, Claimed, ClaimLost, Watch
from tests.bot.playground import ROOM

CLAIMED_AT = 7


@pytest.mark.parametrize(("epoch", "raised"), [(CLAIMED_AT + 1, Cancelled), (None, ClaimLost)])
async def test_a_kill_or_a_loss_between_the_claim_and_the_first_word_is_noticed_at_once(
    office: Office, epoch: int | None, raised: type[Exception]
) -> None:
    async def renew() -> int | None:
        return epoch

    # Far longer than the test may take: nothing is gained by waiting for the next renewal.
    watch = Watch(office.kill_switch, lease_seconds=3600.0)
    async with asyncio.timeout(10):
        with pytest.raises(raised):
            await watch.over(Claimed(ROOM, None, CLAIMED_AT, renew), asyncio.sleep(3600))
    assert watch.running == 0
