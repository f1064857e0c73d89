"""The weather: what is done to Discord, to Redis and to the processes, drawn from a seed."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.discord_storm.friends import DiscordFriends
from benchmarks.discord_storm.place import Place
from benchmarks.storm.people import MODERATORS, insist
from benchmarks.storm.turmoil import Deed, Turmoil
from safety.kill import KillScope
from tests.fakes.discord.gateway import Connection, Session
from tests.fakes.discord.server import Limit, Play

_POSTS: Final = ("POST", "/channels/{}/messages")
_REPEATS_AMONG: Final = 30
_AGAIN_SECONDS: Final = 0.05


class Weather(Turmoil):
    """Bad weather over Discord."""

    def __init__(self, place: Place, friends: DiscordFriends, chance: random.Random) -> None:
        super().__init__(place.office, place.redis, friends, chance, longest_pause=0.6)
        self._place = place
        self._writers = friends
        self._kills = 0
        self._busy = [asyncio.Lock() for _ in place.services]

    @property
    def deeds(self) -> Sequence[tuple[int, Deed]]:
        """What it can do, each with its weight."""
        return (
            (6, self._kill_service),
            (3, self._stop_service),
            (1, self.restart_redis),
            (5, self._reconnect),
            (2, self._invalidate_resumable),
            (2, self._invalidate),
            (3, self._close),
            (5, self._cut),
            (3, self._stall),
            (12, self._repeat),
            (3, self._limit),
            (1, self._shut_gateway),
            (2, self.say_kill_word),
            (2, self._kill_channel),
            (8, self._edit),
            (1, self._edit_into_kill_word),
            (8, self._delete),
        )

    async def rage(self, seconds: float) -> None:
        """Do one thing after the other, while requests meet faults as well."""
        self._place.fake.mood = self._draw
        await super().rage(seconds)

    async def clear(self) -> None:
        """The storm is over: everybody is there, no kill stands, and Discord has no faults any more."""
        fake = self._place.fake
        fake.mood, fake.refuses_gateway = None, False
        fake.limits.clear()
        for number, service in enumerate(self._place.services):
            service.send(signal.SIGCONT)
            async with self._busy[number]:
                if not service.alive:
                    await service.start()
        await self.lift()

    def _draw(self, method: str, path: str) -> Play | None:
        """What one request meets: mostly nothing."""
        chance, posts = self._chance, method == "POST" and path.endswith("/messages")
        if chance.random() > (0.3 if posts else 0.1):
            return None
        kind = chance.choices(
            ("limited", "limited everywhere", "fault", "answer lost", "request lost", "silence", "slow"),
            (4, 1, 4, 4, 3, 1, 4),
        )[0]
        self.done[f"requests: {kind}"] += 1
        seconds = round(chance.uniform(0.1, 0.8), 3)
        match kind:
            case "limited" | "limited everywhere":
                everywhere = kind == "limited everywhere"
                body = {
                    "message": "You are being rate limited.",
                    "retry_after": seconds,
                    "global": everywhere,
                }
                headers = {"Retry-After": str(seconds), "X-RateLimit-Scope": "user"}
                headers |= {"X-RateLimit-Global": "true"} if everywhere else {}
                return Play(method, path, status=429, body=body, headers=headers)
            case "fault":
                status = chance.choice((500, 502, 503, 504))
                return Play(method, path, status=status, took=chance.random() < 0.5)
            case "answer lost" | "request lost":
                return Play(method, path, then="drop", took=kind == "answer lost")
            case "silence":
                # Shorter than any patience but the sender's.
                return Play(method, path, then="drop", took=chance.random() < 0.5, seconds=6.0)
            case _:
                return Play(method, path, then="handle", seconds=chance.uniform(0.2, 2.5))

    async def _session(self, fits: Callable[[Session], object] = bool) -> Session:
        """Some session that is connected and has what is wanted; waited for, since each deed is to be done."""
        while True:
            sessions = self._place.fake.sessions.values()
            if found := [one for one in sessions if one.connection is not None and fits(one)]:
                return self._chance.choice(found)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _connection(self, what: str) -> Connection:
        session = await self._session()
        self.done[f"gateway: {what}"] += 1
        assert session.connection is not None
        return session.connection

    async def _reconnect(self) -> None:
        if self._chance.random() < 0.5:
            self.done["gateway: RECONNECT to all"] += 1
            self._place.fake.reconnect()
        else:
            (await self._connection("RECONNECT")).reconnect()

    async def _invalidate_resumable(self) -> None:
        (await self._connection("INVALID_SESSION, resumable")).invalidate(resumable=True)

    async def _invalidate(self) -> None:
        (await self._connection("INVALID_SESSION")).invalidate(resumable=False)

    async def _close(self) -> None:
        code = self._chance.choice((4000, 1001))
        (await self._connection(f"closed with {code}")).close(code)

    async def _cut(self) -> None:
        (await self._connection("cut")).cut()

    async def _stall(self) -> None:
        (await self._connection("events late")).stall(self._chance.uniform(0.2, 2.0))

    async def _repeat(self) -> None:
        session = await self._session(_messages_of)
        self.done["gateway: events told twice"] += 1
        session.repeat(self._chance.choice(_messages_of(session)))

    async def _limit(self) -> None:
        self.done["spells of a small bucket"] += 1
        self._place.fake.limits[_POSTS] = Limit(2, self._chance.uniform(0.5, 3.0))
        await asyncio.sleep(self._chance.uniform(1.0, 4.0))
        self._place.fake.limits.pop(_POSTS, None)

    async def _shut_gateway(self) -> None:
        self.done["gateway: away"] += 1
        self._place.fake.refuses_gateway = True
        self._place.fake.cut()
        await asyncio.sleep(self._chance.uniform(0.5, 2.0))
        self._place.fake.refuses_gateway = False

    async def _kill_channel(self) -> None:
        """A moderator kills a channel with all that lies in it."""
        scope = KillScope.chat(self._chance.choice(sorted(set(self._place.part_of.values()), key=str)))
        self.done["kills of a channel"] += 1
        self._kills += 1
        by, kill_id = MODERATORS[0], f"channel-{self._kills}"
        await insist(lambda: self._place.office.desk.kill(by, scope, "enough in here", kill_id))

    async def _edit(self) -> None:
        await self._change("edited", lambda: self._writers.edit(kills=False))

    async def _edit_into_kill_word(self) -> None:
        await self._change("edited into the kill word", lambda: self._writers.edit(kills=True))

    async def _delete(self) -> None:
        await self._change("taken back", self._writers.delete)

    async def _change(self, what: str, change: Callable[[], bool]) -> None:
        """Change some message that stands there; waited for, since each deed is to be done."""
        while not change():  # noqa: ASYNC110 - friends write when they like
            await asyncio.sleep(_AGAIN_SECONDS)
        self.done[f"messages {what}"] += 1

    async def _kill_service(self) -> None:
        number = self._chance.randrange(len(self._place.services))
        service = self._place.services[number]
        async with self._busy[number]:
            await service.kill()
            self.done["processes killed"] += 1
            await asyncio.sleep(self._chance.uniform(0.0, 1.5))
            await service.start()

    async def _stop_service(self) -> None:
        number = self._chance.randrange(len(self._place.services))
        service = self._place.services[number]
        async with self._busy[number]:
            service.send(signal.SIGSTOP)
            self.done["processes stopped"] += 1
            await asyncio.sleep(self._chance.choice((0.3, 1.0, 2.5, 5.0)))
            service.send(signal.SIGCONT)


def _messages_of(session: Session) -> list[int]:
    """How far back the last messages are that a session was told of."""
    last = range(1, min(_REPEATS_AMONG, len(session.told)) + 1)
    return [back for back in last if session.told[-back]["t"] == "MESSAGE_CREATE"]
