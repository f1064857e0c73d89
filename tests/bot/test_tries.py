"""How often somebody may fail to sign in: by address, by name, and in all."""

from __future__ import annotations

import asyncio

import pytest

from bot.app import Office
from bot.errors import TooManyTries
from bot.tries import Tries, TrySettings
from tests.fakes.clock import FakeClock

SETTINGS = TrySettings(window_seconds=60, per_address=3, per_name=4, in_all=8)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tries(office: Office, clock: FakeClock) -> Tries:
    return Tries(office.store, clock, SETTINGS)


async def _fail(
    tries: Tries, address: str = "192.0.2.1", name: str | None = None, way: str = "password"
) -> None:
    async with tries.one(way, address, name):
        pass


async def test_an_address_may_fail_so_often_and_then_waits_for_the_oldest(
    tries: Tries, clock: FakeClock
) -> None:
    for _ in range(3):
        await _fail(tries)
        clock.now += 10 * 1000
    with pytest.raises(TooManyTries) as refused:
        await _fail(tries)
    assert refused.value.wait_seconds == 30
    await _fail(tries, "192.0.2.2")
    clock.now += 30 * 1000
    await _fail(tries)
    with pytest.raises(TooManyTries):
        await _fail(tries)


async def test_a_name_may_be_tried_so_often_from_everywhere_however_it_is_written(tries: Tries) -> None:
    for number, name in enumerate(("max", "MAX", " max ", "ｍａｘ")):
        await _fail(tries, f"192.0.2.{number}", name)
    with pytest.raises(TooManyTries):
        await _fail(tries, "192.0.2.99", "max")
    await _fail(tries, "192.0.2.99", "mia")


async def test_all_together_may_fail_so_often_and_links_have_a_count_of_their_own(tries: Tries) -> None:
    for number in range(8):
        await _fail(tries, f"192.0.2.{number}", f"name {number}")
    with pytest.raises(TooManyTries):
        await _fail(tries, "192.0.2.99", "somebody")
    await _fail(tries, "192.0.2.99", way="link")


async def test_what_succeeds_is_not_counted(tries: Tries) -> None:
    for _ in range(10):
        async with tries.one("password", "192.0.2.1", "max") as attempt:
            attempt.succeeded = True


async def test_many_at_once_are_no_way_round(tries: Tries) -> None:
    answers = await asyncio.gather(*(_fail(tries) for _ in range(30)), return_exceptions=True)
    assert sum(answer is None for answer in answers) == 3


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
async def test_a_household_counts_as_one(tries: Tries, one: str, other: str, same: bool) -> None:
    for _ in range(3):
        await _fail(tries, one)
    if same:
        with pytest.raises(TooManyTries):
            await _fail(tries, other)
    else:
        await _fail(tries, other)


async def test_a_clock_that_goes_back_locks_nobody_out_for_long(tries: Tries, clock: FakeClock) -> None:
    for _ in range(3):
        await _fail(tries)
    clock.now += -86_400 * 1000
    await _fail(tries)


async def test_neither_name_nor_address_stands_in_redis(tries: Tries, office: Office) -> None:
    await _fail(tries, "192.0.2.77", "hunter2")
    names = await office.store.ask("keys", "*tries*")
    assert len(names) == 3
    assert not [name for name in names if "192" in name or "hunter" in name]
    left = [await office.store.ask("pttl", name) for name in names]
    assert all(0 < milliseconds <= 60_000 for milliseconds in left)
