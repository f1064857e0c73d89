"""The weather: what is done to the town, drawn from a seed."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Sequence
from typing import Final

from benchmarks.storm.messenger import Manners
from benchmarks.storm.people import OWNER, Friends, insist
from benchmarks.storm.town import Town, Worker
from benchmarks.storm.turmoil import Deed, Turmoil
from safety.kill import KillScope
from safety.mode import Mode

CALM: Final = Manners()
ROUGH: Final = Manners(
    twice=0.08,
    late=0.05,
    echo=0.3,
    refuse=0.03,
    cut_before=0.02,
    cut_after=0.02,
    mute=0.005,
    slow=0.1,
)
# Less than ten minutes ahead is taken for a claim that lasts: chats would wait for as long after the storm.
_JUMPS: Final = (3.0, -3.0, 45.0, -45.0, -900.0, 900.0, 3600.0, -3600.0, 7200.0, -7200.0)


class Weather(Turmoil):
    """Bad weather over the town."""

    def __init__(self, town: Town, friends: Friends, chance: random.Random) -> None:
        super().__init__(town.office, town.redis, friends, chance, longest_pause=0.8)
        self._town = town

    @property
    def deeds(self) -> Sequence[tuple[int, Deed]]:
        """What it can do, each with its weight."""
        return (
            (5, self._kill_worker),
            (5, self._stop_worker),
            (1, self.restart_redis),
            (1, self._stop_redis),
            (8, self._harm_wire),
            (5, self._jump),
            (2, self.say_kill_word),
            (3, self._press_kill),
            (4, self._change_mode),
        )

    async def clear(self) -> None:
        """The storm is over: clocks are right, everybody is there, no kill stands, and the messenger behaves."""
        for worker in self._town.workers:
            worker.dial.turn(0)
            worker.child.send(signal.SIGCONT)
            async with worker.busy:
                if not worker.child.alive:
                    await worker.child.start()
        await self._town.behave(CALM)
        await self.lift()

    def _worker(self) -> Worker:
        return self._chance.choice(list(self._town.workers))

    async def _kill_worker(self) -> None:
        worker = self._worker()
        async with worker.busy:
            await worker.child.kill()
            self.done["processes killed"] += 1
            await asyncio.sleep(self._chance.uniform(0.0, 2.0))
            await worker.child.start()

    async def _stop_worker(self) -> None:
        worker = self._worker()
        async with worker.busy:
            worker.child.send(signal.SIGSTOP)
            self.done["processes stopped"] += 1
            await asyncio.sleep(self._chance.choice((0.3, 1.0, 2.5, 5.0)))
            worker.child.send(signal.SIGCONT)

    async def _stop_redis(self) -> None:
        async with self._at_redis:
            self._town.redis.send(signal.SIGSTOP)
            await asyncio.sleep(self._chance.choice((0.3, 1.0, 3.0)))
            self._town.redis.send(signal.SIGCONT)
            self.done["Redis stopped"] += 1

    async def _harm_wire(self) -> None:
        worker = self._worker()
        wire = self._chance.choice(list(worker.wires.values()))
        self.done["wires cut"] += 1
        match self._chance.randrange(4):
            case 0:
                wire.cut()
            case 1:
                wire.half_close()
            case 2:
                await wire.stall(self._chance.choice((0.3, 1.0, 4.0)))
            case _:
                await wire.part(self._chance.choice((0.3, 1.0, 3.0)))

    async def _jump(self) -> None:
        worker = self._worker()
        worker.dial.turn(self._chance.choice(_JUMPS))
        self.done["clock jumps"] += 1
        await asyncio.sleep(self._chance.uniform(0.5, 5.0))
        worker.dial.turn(0)

    async def _press_kill(self) -> None:
        chat = self._chance.choice(self._town.chats)
        scopes = KillScope.everywhere(), KillScope.account(chat.messenger), KillScope.chat(chat)
        await insist(lambda: self._town.office.desk.kill(OWNER, self._chance.choice(scopes)))
        self.done["kills pressed"] += 1

    async def _change_mode(self) -> None:
        chat = self._chance.choice(self._town.chats)
        before = (await insist(lambda: self._town.office.desk.chats.get(chat))).policy.mode
        mode = self._chance.choice(
            [mode for mode in (Mode.AUTO, Mode.MANUAL, Mode.SHADOW) if mode is not before]
        )
        await insist(lambda: self._town.office.desk.set_mode(OWNER, chat, mode))
        self.done["modes changed"] += 1
        await asyncio.sleep(self._chance.uniform(0.5, 4.0))
        await insist(lambda: self._town.office.desk.set_mode(OWNER, chat, before))
