"""The kill switch on Redis.

A kill is one atomic write a partition, and every fence compares epochs in the step that records a send's intent:
that is the guarantee. What stands here beside it only makes things faster or surer: the process that hears a
kill stops at once (the latch), also while Redis is away, and listeners cancel running generations.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from typing import Final

import structlog

from bot.clock import Clock, as_datetime
from bot.errors import StoreError
from bot.store.store import Store
from chat.message import ChatKey
from safety.kill import Kill, KillReach, KillReport, KillScope

_log = structlog.get_logger()
KILL_CHANNEL: Final = "understudy:kill"
_WIDTH: Final = tuple(KillReach)
_FINISHED: Final = "an unfinished kill was finished"
_WHOLE_TRIES: Final = 10
_WHOLE_SECONDS: Final = 0.1
_RETRY_SECONDS: Final = 0.5


class RedisKillSwitch:
    """Kills, resumes, and says what is in force; implements `safety.kill.KillSwitch`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._latched: Counter[KillScope] = Counter()
        self._listeners: set[asyncio.Queue[KillScope | None]] = set()
        self._halves: set[KillScope] = set()
        self._recording: set[asyncio.Task[KillReport]] = set()

    async def kill(self, scope: KillScope, by: str, reason: str) -> KillReport:
        """Stop all sending in a scope until an owner resumes it.

        Gives how many bubbles were already handed to a messenger: those alone cannot be called back. While
        Redis is away this process is silent at once, and the write is tried until it succeeds.
        """
        self._latched[scope] += 1
        for listener in self._listeners:
            listener.put_nowait(scope)
        # A caller who gives up waiting does not take the kill back: it is put on record all the same.
        recording = asyncio.create_task(self._record(scope, by, reason))
        self._recording.add(recording)
        recording.add_done_callback(self._recording.discard)
        return await asyncio.shield(recording)

    async def _record(self, scope: KillScope, by: str, reason: str) -> KillReport:
        at = self._clock.now_ms()
        in_flight = await self._write_all(scope, by, reason)
        # From here on the store says it, to every process and after every restart.
        self._latched[scope] -= 1
        _log.warning("kill", scope=str(scope), in_flight=in_flight)
        return KillReport(scope, in_flight, as_datetime(at))

    async def resume(self, scope: KillScope, by: str) -> bool:
        """Lift the kill of exactly this scope; gives whether one was in force. Only for an owner: the caller checks.

        What is lifted is what stands in every partition when this is called: a kill that comes meanwhile stands.
        Raises StoreAway.
        """
        kill_id = await self._whole(scope)
        if kill_id is None:
            return False
        at = self._clock.now_ms()
        answers = [
            int(await self._store.run("resume", partition, at, str(scope), by, kill_id))
            for partition in self._partitions(scope)
        ]
        _log.warning("resume", scope=str(scope), lifted=1 in answers, newer=-1 in answers)
        return 1 in answers

    async def _whole(self, scope: KillScope) -> str | None:
        """Give the id of the kill that stands in every partition of a scope, or None when none stands in any."""
        for _ in range(_WHOLE_TRIES):
            found = []
            for partition in self._partitions(scope):
                name = self._store.partitions.prefix(partition) + "kill"
                found.append(await self._store.ask("hmget", name, f"standing|{scope}", f"latest|{scope}"))
            standing = [kill_id for record, kill_id in found if record]
            if not standing:
                return None
            if len(standing) == len(found) and len(set(standing)) == 1:
                return str(standing[0])
            # Somebody is just writing one. To lift what is there of it would leave the rest of it standing.
            await asyncio.sleep(_WHOLE_SECONDS)
        # Whoever wrote it has died in between.
        kill_id = secrets.token_hex(8)
        await self._write_all(scope, "understudy", _FINISHED, kill_id)
        return kill_id

    async def complete(self) -> None:
        """Finish kills that stand in some partitions only, because who wrote them died in between.

        Meant to be called every few seconds. What is seen once may be a kill or a resume on its way; what is seen
        twice in a row is finished, on the safe side: as a kill. Raises StoreAway.
        """
        standing: dict[KillScope, list[int]] = {}
        for partition in self._store.partitions.all():
            for kill in await self._kills_of(partition):
                if kill.scope.reach is not KillReach.CHAT:
                    standing.setdefault(kill.scope, []).append(partition)
        count = self._store.partitions.count
        halves = {scope for scope, written in standing.items() if len(written) < count}
        for scope in halves & self._halves:
            await self._write_all(scope, "understudy", _FINISHED)
        self._halves = halves

    def latched(self, chat: ChatKey) -> bool:
        """Whether this process has heard a kill for a chat that Redis does not know yet."""
        return any(times and scope.covers(chat) for scope, times in self._latched.items())

    async def standing(self, chat: ChatKey) -> Kill | None:
        """Give the kill in force for a chat. Raises StoreAway."""
        return next((kill for kill in await self.kills() if kill.scope.covers(chat)), None)

    async def kills(self) -> tuple[Kill, ...]:
        """Give all kills in force, widest first. Raises StoreAway."""
        found: dict[KillScope, Kill] = {}
        for partition in self._store.partitions.all():
            for kill in await self._kills_of(partition):
                found.setdefault(kill.scope, kill)
        return tuple(
            sorted(found.values(), key=lambda kill: (_WIDTH.index(kill.scope.reach), str(kill.scope)))
        )

    async def heard(self) -> AsyncIterator[KillScope | None]:
        """Give each kill's scope as it is heard here or published; None when one may have been missed."""
        heard: asyncio.Queue[KillScope | None] = asyncio.Queue()
        self._listeners.add(heard)
        listening = asyncio.create_task(self._listen(heard))
        try:
            while True:
                yield await heard.get()
        finally:
            self._listeners.discard(heard)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self, heard: asyncio.Queue[KillScope | None]) -> None:
        async with self._store.listening(KILL_CHANNEL) as messages:
            async for channel, text in messages:
                heard.put_nowait(_scope(text) if channel else None)

    async def _kills_of(self, partition: int) -> list[Kill]:
        fields = await self._store.hash(self._store.partitions.prefix(partition) + "kill")
        return [kill_from_json(value) for field, value in fields.items() if field.startswith("standing|")]

    def _partitions(self, scope: KillScope) -> list[int]:
        if scope.reach is KillReach.CHAT:
            return [self._store.partitions.of(ChatKey.parse(scope.target))]
        return list(self._store.partitions.all())

    async def _write_all(self, scope: KillScope, by: str, reason: str, kill_id: str | None = None) -> int:
        """Write a kill in every partition under one id; gives how many bubbles were already on their way."""
        kill_id = kill_id or secrets.token_hex(8)
        at = self._clock.now_ms()
        partitions = self._partitions(scope)
        return sum([await self._write(part, at, scope, by, reason, kill_id) for part in partitions])

    async def _write(
        self, partition: int, at: int, scope: KillScope, by: str, reason: str, kill_id: str
    ) -> int:
        while True:
            try:
                return int(await self._store.run("kill", partition, at, str(scope), by, reason, kill_id))
            except StoreError as error:
                # Whatever is the matter with Redis, a kill is not given up: until it is on record this process is
                # silent, and says why.
                _log.error("kill.waits_for_store", scope=str(scope), error=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)


def _scope(text: str) -> KillScope | None:
    try:
        return KillScope.parse(text)
    except ValueError:
        return None  # a kill of a scope that a newer version knows: look at the epochs


def kill_from_json(text: str) -> Kill:
    """Read a kill as the scripts write it."""
    data = json.loads(text)
    return Kill(KillScope.parse(data["scope"]), data["by"], as_datetime(int(data["at"])), data["reason"])
