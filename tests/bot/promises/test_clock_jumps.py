"""Promises 2 to 4 under a clock that is set an hour ahead or back while messages are being answered."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from bot.app import open_office, open_service
from bot.settings import Settings
from tests.bot.playground import running, until
from tests.bot.promises.neighbourhood import Neighbourhood, answer
from tests.fakes.clock import JumpingClock
from tests.fakes.model_server import ModelServer, ServedEngine


async def test_a_clock_that_jumps_neither_loses_nor_doubles_nor_disorders(
    settings: Settings, model: ModelServer
) -> None:
    model.say, model.pause = answer, 0.02
    clock = JumpingClock()
    # An answer lives longer than the jumps are wide: one that does not is expired, and rightly so.
    worker = dataclasses.replace(settings.worker, draft_minutes=240.0)
    async with open_office(settings.model_copy(update={"worker": worker}), clock) as office:
        rooms = Neighbourhood(office, 3)
        await rooms.open()
        async with running(office, ServedEngine(model.url)):
            for hours in (1, 0, -1, 0, 1):
                await rooms.post(6)
                await asyncio.sleep(0.1)
                clock.jump_seconds = hours * 3600.0
            assert set(await rooms.settled()) == {"answered"}
        await rooms.check_books()


@pytest.mark.parametrize("held", ["turn", "bubble"])
async def test_what_was_held_by_a_clock_an_hour_ahead_is_taken_up_when_the_clock_is_right_again(
    settings: Settings, model: ModelServer, held: str
) -> None:
    """The holder dies meanwhile: what it held lapses an hour from now, and nobody shall wait that long."""
    model.say = answer
    clock = JumpingClock()
    clock.jump_seconds = 3600.0
    point = {"turn": "worker.claimed", "bubble": "sender.fenced"}[held]
    stuck = _Stuck(point)
    async with open_office(settings, clock, stuck) as office:
        rooms = Neighbourhood(office, 2)
        await rooms.open()
        await rooms.post(2)
        async with open_service(office, engine=ServedEngine(model.url)) as service:
            task = asyncio.create_task(service.run())
            await until(lambda: stuck.here(2))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    clock.jump_seconds = 0.0
    async with open_office(settings, clock) as office:
        rooms.office = office
        for room in rooms.rooms:
            room.office = office
        async with running(office, ServedEngine(model.url)):
            assert set(await rooms.settled(20)) == {"answered"}
        await rooms.check_books()


class _Stuck:
    """Faults that let nobody past a point."""

    def __init__(self, point: str) -> None:
        self._point = point
        self._there = 0

    async def reach(self, point: str) -> None:
        if point == self._point:
            self._there += 1
            await asyncio.Event().wait()

    async def here(self, count: int) -> bool:
        return self._there >= count
