"""What a messenger asks to wait with is known to every process of the account, and forgotten when it is over."""

from __future__ import annotations

import asyncio

import pytest

from bot.app import Office
from bot.messengers.base import Pause
from bot.pacing import Pacing
from bot.store import store
from chat.message import ChatKey
from tests.bot.promises.processes import server_pid, stopped

HERE, THERE = ChatKey("discord", "1"), ChatKey("discord", "2")


async def reason(pacing: Pacing, chat: ChatKey) -> str:
    pause = await pacing.pause(chat)
    return pause.reason if pause else ""


async def test_what_one_process_was_told_every_process_knows_also_after_a_restart(office: Office) -> None:
    one, other = Pacing("discord", office.store), Pacing("discord", office.store)
    await one.share(Pause(60.0, "slow mode"), HERE)
    assert (await reason(other, HERE), await reason(other, THERE)) == ("slow mode", "")
    await other.share(Pause(600.0, "everywhere"))
    anew = Pacing("discord", office.store)
    assert (await reason(anew, HERE), await reason(anew, THERE)) == ("everywhere", "everywhere")
    assert await reason(Pacing("another", office.store), ChatKey("another", "1")) == ""


async def test_what_was_read_is_known_without_asking_again(office: Office) -> None:
    await Pacing("discord", office.store).share(Pause(60.0, "slow mode"), HERE)
    other = Pacing("discord", office.store)
    assert other.own(HERE) is None
    await other.pause(HERE)
    pause = other.own(HERE)
    assert pause is not None
    assert 0 < pause.seconds <= 60.0


async def test_a_shorter_wait_does_not_end_a_longer_one(office: Office) -> None:
    one, other = Pacing("discord", office.store), Pacing("discord", office.store)
    await one.share(Pause(60.0, "long"), HERE)
    await one.share(Pause(1.0, "short"), HERE)
    for pacing in (one, other):
        pause = await pacing.pause(HERE)
        assert pause is not None
        assert (pause.reason, pause.seconds > 30) == ("long", True)


async def test_a_pause_ends_by_itself(office: Office) -> None:
    pacing = Pacing("discord", office.store)
    await pacing.share(Pause(0.2, "short"), HERE)
    assert await reason(pacing, HERE) == "short"
    async with asyncio.timeout(10):
        while await pacing.pause(HERE) is not None:
            await asyncio.sleep(0.02)
    assert await reason(Pacing("discord", office.store), HERE) == ""


async def test_with_the_store_away_a_process_knows_what_it_was_told_itself(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_ANSWER_SECONDS", 0.3)
    pacing = Pacing("discord", office.store)
    async with stopped(server_pid(office.settings)):
        await pacing.share(Pause(60.0, "told"), HERE)
        assert (await reason(pacing, HERE), await reason(pacing, THERE)) == ("told", "")


async def test_without_a_store_it_is_the_process_alone(office: Office) -> None:
    pacing = Pacing("discord")
    await pacing.share(Pause(60.0, "told"), HERE)
    assert (await reason(pacing, HERE), await reason(pacing, THERE)) == ("told", "")
