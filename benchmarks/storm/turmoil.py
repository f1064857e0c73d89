"""Turmoil: deeds drawn from a seed, several at a time, and an owner who resumes after each kill."""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from benchmarks.storm.people import OWNER, Friends, insist
from benchmarks.storm.redis import RedisServer
from bot.app import Office

Deed = Callable[[], Coroutine[Any, Any, None]]


class Turmoil(ABC):
    """Does its worst for a while, over whichever messenger; `done` counts what it did."""

    def __init__(
        self,
        office: Office,
        redis: RedisServer,
        friends: Friends,
        chance: random.Random,
        longest_pause: float,
    ) -> None:
        self._office = office
        self._redis = redis
        self._friends = friends
        self._chance = chance
        self._longest_pause = longest_pause
        self._at_redis = asyncio.Lock()
        self.done: Counter[str] = Counter()

    @property
    @abstractmethod
    def deeds(self) -> Sequence[tuple[int, Deed]]:
        """What it can do, each with its weight."""

    @abstractmethod
    async def clear(self) -> None:
        """End whatever lasts, so that everything can come to rest."""

    async def rage(self, seconds: float) -> None:
        """Do one thing after the other, each of them at least once, several at a time."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        weights, deeds = zip(*self.deeds, strict=True)
        due = [*deeds]
        self._chance.shuffle(due)
        async with asyncio.TaskGroup() as group:
            pause = min(self._longest_pause, seconds / 2 / len(due))
            while due or loop.time() < until:
                await asyncio.sleep(self._chance.uniform(0.2, 1.8) * pause)
                deed = due.pop() if due else self._chance.choices(deeds, weights)[0]
                group.create_task(deed())

    async def keep_lifting(self) -> None:
        """The owner looks now and then, and resumes."""
        while True:
            await asyncio.sleep(self._chance.uniform(0.5, 2.5))
            await self.lift()

    async def lift(self) -> None:
        """The owner resumes whatever was killed."""
        desk = self._office.desk
        for kill in await insist(desk.kill_switch.kills):
            await insist(lambda kill=kill: desk.resume(OWNER, kill.scope))  # type: ignore[misc]

    async def restart_redis(self) -> None:
        """Kill Redis, and start it again after a moment."""
        async with self._at_redis:
            await self._redis.kill()
            await asyncio.sleep(self._chance.uniform(0.0, 2.0))
            await self._redis.start()
            self.done["Redis restarts"] += 1

    async def say_kill_word(self) -> None:
        """Somebody says it."""
        self.done["kill words"] += 1
        await self._friends.say("pineapple")
