"""The kill switch on Redis.

A kill is one atomic write a partition, and every fence compares epochs in the step that records a send's intent:
that is the guarantee. What stands here beside it only makes things faster or surer: the process that hears a
kill stops at once (the latch), also while Redis is away, and listeners cancel running generations; what Redis cannot
take at once is noted on disk, so that it outlives this process.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Final, NamedTuple

import structlog

from bot.clock import Clock, as_datetime
from bot.errors import StoreAway, StoreError
from bot.kill_folder import KillFolder, KillNote
from bot.store.store import Store
from chat.message import ChatKey
from safety.kill import Kill, KillReach, KillReport, KillScope

_log = structlog.get_logger()
KILL_CHANNEL: Final = "understudy:kill"
_WIDTH: Final = tuple(KillReach)
_FINISHED: Final = "an unfinished kill was finished"
_LOST: Final = "Redis lost its record of kills; check its data before an owner resumes"
_WHOLE_TRIES: Final = 10
_WHOLE_SECONDS: Final = 0.1
_RETRY_SECONDS: Final = 0.5
_NOTE_AFTER_SECONDS: Final = 0.05
"""How long a kill waits for Redis before it is noted on disk as well."""
_REMEMBERED: Final = 10_000


class _Standing(NamedTuple):
    """What one partition says of a scope: the kill's record and the tally, None where none stands."""

    record: str | None
    tally: str | None


class RedisKillSwitch:
    """Kills, resumes, and says what is in force; implements `safety.kill.KillSwitch`.

    With a folder, a kill that Redis cannot take is noted there. Ids of kills are remembered for `retention_days`.
    """

    def __init__(
        self, store: Store, clock: Clock, folder: KillFolder | None = None, retention_days: float = 30.0
    ) -> None:
        self._store = store
        self._clock = clock
        self._folder = folder
        self._remember_ms = int(retention_days * 86_400_000)
        self._latched: Counter[KillScope] = Counter()
        self._listeners: set[asyncio.Queue[KillScope | None]] = set()
        self._halves: set[KillScope] = set()
        # By id and scope, as Redis remembers them: whoever widens a kill under the same id means the wider one.
        self._orders: dict[tuple[str, KillScope], asyncio.Task[KillReport]] = {}
        self._on_record: dict[tuple[str, KillScope], KillReport] = {}

    async def kill(self, scope: KillScope, by: str, reason: str, kill_id: str = "") -> KillReport:
        """Stop all sending in a scope until an owner resumes it.

        Gives how many bubbles were already handed to a messenger: those alone cannot be called back. While
        Redis is away this process is silent at once, and the write is tried until it succeeds. A kill whose id
        was heard before changes nothing.
        """
        # A caller who gives up waiting does not take the kill back: it is put on record all the same.
        return await asyncio.shield(self.order(scope, by, reason, kill_id))

    def order(
        self, scope: KillScope, by: str, reason: str, kill_id: str = "", at_ms: int | None = None
    ) -> asyncio.Task[KillReport]:
        """Be silent from this line on; the task ends when the kill is on record. `at_ms` is when it was heard."""
        note = KillNote(
            kill_id or secrets.token_hex(8),
            scope,
            by,
            reason,
            self._clock.now_ms() if at_ms is None else at_ms,
        )
        # What this process knows to be on record must not cancel anybody's answer when it comes again.
        name = note.id, scope
        known = self._on_record.get(name)
        if known is None and name in self._orders:
            return self._orders[name]
        # The write is begun before anybody here is told: cancelling hundreds of answers takes its time, and the
        # other processes' fences must not wait for that.
        task = asyncio.create_task(self._record(note, known))
        if known is None:
            self._latched[scope] += 1
            for listener in self._listeners:
                listener.put_nowait(scope)
        self._orders[name] = task
        task.add_done_callback(lambda _: self._orders.pop(name, None))
        return task

    async def _record(self, note: KillNote, known: KillReport | None) -> KillReport:
        if known is not None:
            # Its note may lie there again: another process had not yet seen it on record.
            await self._on_disk(lambda folder: folder.forget(note.id))
            return known
        writing = asyncio.ensure_future(self._write_all(note))
        try:
            done, _ = await asyncio.wait({writing}, timeout=_NOTE_AFTER_SECONDS)
            if not done:
                await self._on_disk(lambda folder: folder.keep(note))
            report = await writing
        finally:
            writing.cancel()
        # From here on the store says it, to every process and after every restart.
        self._latched[note.scope] -= 1
        self._remember(note.id, report)
        await self._on_disk(lambda folder: folder.forget(note.id))
        _log.warning("kill", scope=str(note.scope), in_flight=report.in_flight, new=report.new)
        return report

    def _remember(self, kill_id: str, report: KillReport) -> None:
        self._on_record[kill_id, report.scope] = KillReport(
            report.scope, report.in_flight, report.at, new=False
        )
        while len(self._on_record) > _REMEMBERED:
            self._on_record.pop(next(iter(self._on_record)))

    async def _on_disk(self, act: Callable[[KillFolder], None]) -> None:
        if self._folder is None:
            return
        try:
            await asyncio.to_thread(act, self._folder)
        except OSError as error:
            # The kill does not hang on it: this process is silent, and goes on trying to have it on record.
            _log.error("kill.not_noted", error=type(error).__name__)

    async def resume(self, scope: KillScope, by: str) -> bool:
        """Lift the kill of exactly this scope; gives whether one was in force. Only for an owner: the caller checks.

        What is lifted is what stands in every partition when this is called: a kill that comes meanwhile stands.
        Raises StoreAway.
        """
        tally = await self._whole(scope)
        if tally is None and not (scope == KillScope.everywhere() and await self._lost()):
            return False
        at = self._clock.now_ms()
        answers = await asyncio.gather(
            *(
                self._store.run("resume", partition, at, str(scope), by, tally or "")
                for partition in self._store.partitions.all()
            )
        )
        _log.warning("resume", scope=str(scope), lifted=1 in answers, newer=-1 in answers)
        return 1 in answers

    async def resumed_at(self, scope: KillScope) -> datetime | None:
        """Give when a kill of exactly this scope was last lifted in every partition. Raises StoreAway."""
        names = self._names("kill")
        found = await asyncio.gather(*(self._store.ask("hget", name, f"resumed|{scope}") for name in names))
        at = min(int(ms or 0) for ms in found)
        return as_datetime(at) if 0 < at <= self._clock.now_ms() else None

    async def _whole(self, scope: KillScope) -> str | None:
        """Give the tally of the kills that stand in every partition of a scope, or None when none stands in any."""
        for tries in range(_WHOLE_TRIES * 2):
            if tries == _WHOLE_TRIES:
                # Whoever was writing one has died in between.
                await self._finish(scope)
            standing = await self._standing_in(scope)
            if not any(found.record for found in standing):
                return None
            if _is_whole(standing):
                return standing[0].tally
            # Somebody is just writing one. To lift what is there of it would leave the rest of it standing.
            await asyncio.sleep(_WHOLE_SECONDS)
        raise StoreAway("kills are being written right now: resume again in a moment")

    async def _standing_in(self, scope: KillScope) -> list[_Standing]:
        names = self._names("kill")
        fields = f"standing|{scope}", f"latest|{scope}"
        return [
            _Standing(*found)
            for found in await asyncio.gather(*(self._store.ask("hmget", name, *fields) for name in names))
        ]

    async def _finish(self, scope: KillScope) -> None:
        """Have a kill that stands in some partitions stand in all, the same way."""
        standing = await self._standing_in(scope)
        record = next((found.record for found in standing if found.record), None)
        if record is None or _is_whole(standing):
            return
        kill = kill_from_json(record)
        # First under the ids it was heard with, so that the same message, given again, finds itself known everywhere.
        names = self._names("kills_heard")
        heard = await asyncio.gather(*(self._store.ask("zrange", name, 0, -1) for name in names))
        ids = {
            member.removeprefix(f"{scope}|")
            for member in set().union(*heard)
            if member.startswith(f"{scope}|")
        }
        at = int(kill.at.timestamp() * 1000)
        for kill_id in sorted(ids):
            if not all(f"{scope}|{kill_id}" in members for members in heard):
                await self._write_all(KillNote(kill_id, scope, kill.by, kill.reason, at))
        if not _is_whole(await self._standing_in(scope)):
            # A resume was interrupted. On the safe side: it becomes a kill again.
            note = KillNote(secrets.token_hex(8), scope, kill.by, _FINISHED, self._clock.now_ms())
            await self._write_all(note, finish=True)

    async def complete(self) -> None:
        """Finish kills that stand in some partitions only, because who wrote them died in between.

        Meant to be called every few seconds. What is seen once may be a kill or a resume on its way; what is seen
        twice in a row is finished, on the safe side: as a kill. Raises StoreAway.
        """
        if await self._lost():
            await self._say_lost()
        scopes = {kill.scope for kill in await self.kills()}
        halves = {scope for scope in scopes if not _is_whole(await self._standing_in(scope))}
        for scope in halves & self._halves:
            await self._finish(scope)
        self._halves = halves

    async def _lost(self) -> bool:
        """Whether a partition's record of kills is not what it was; the scripts then hold everything back."""
        names = self._names("kill")
        return not all(await asyncio.gather(*(self._store.ask("hexists", name, "since") for name in names)))

    async def _say_lost(self) -> None:
        """Put a kill everywhere where everybody sees it, unless one stands."""
        everywhere = KillScope.everywhere()
        if not any(found.record for found in await self._standing_in(everywhere)):
            note = KillNote(secrets.token_hex(8), everywhere, "understudy", _LOST, self._clock.now_ms())
            await self._write_all(note)
            _log.error("kill.record_lost")

    def latched(self, chat: ChatKey, part_of: ChatKey | None) -> bool:
        """Whether this process has heard a kill that covers a chat, and that Redis does not know yet."""
        return any(times and scope.covers(chat, part_of) for scope, times in self._latched.items())

    async def standing(self, chat: ChatKey) -> Kill | None:
        """Give the kill in force for a chat. Raises StoreAway."""
        prefix = self._store.partitions.prefix(self._store.partitions.of(chat))
        whole = await self._store.ask("hget", f"{prefix}chat:{chat}", "parent")
        part_of = ChatKey.parse(whole) if whole else None
        return next((kill for kill in await self.kills() if kill.scope.covers(chat, part_of)), None)

    async def kills(self) -> tuple[Kill, ...]:
        """Give all kills in force, widest first. Raises StoreAway."""
        found: dict[KillScope, Kill] = {}
        parts = self._store.partitions.all()
        for kills in await asyncio.gather(*(self._kills_of(partition) for partition in parts)):
            for kill in kills:
                found.setdefault(kill.scope, kill)
        if KillScope.everywhere() not in found and await self._lost():
            at = as_datetime(self._clock.now_ms())
            found[KillScope.everywhere()] = Kill(KillScope.everywhere(), "understudy", at, _LOST)
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

    def _names(self, kind: str) -> list[str]:
        """The key of a kind in every partition."""
        return [self._store.partitions.prefix(part) + kind for part in self._store.partitions.all()]

    async def _write_all(self, note: KillNote, *, finish: bool = False) -> KillReport:
        """Write a kill in every partition, all at once."""
        answers = await asyncio.gather(
            *(self._write(part, note, finish=finish) for part in self._store.partitions.all())
        )
        in_flight = sum(found for _, found in answers)
        return KillReport(note.scope, in_flight, as_datetime(note.at_ms), new=any(new for new, _ in answers))

    async def _write(self, partition: int, note: KillNote, *, finish: bool) -> tuple[bool, int]:
        while True:
            try:
                new, in_flight = await self._store.run(
                    *("kill", partition, note.at_ms, str(note.scope), note.by, note.reason, note.id),
                    self._remember_ms,
                    int(finish),
                )
            except StoreError as error:
                # Whatever is the matter with Redis, a kill is not given up: until it is on record this process is
                # silent, and says why.
                _log.error("kill.waits_for_store", scope=str(note.scope), error=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return bool(new), int(in_flight)


def _is_whole(standing: list[_Standing]) -> bool:
    """Whether all partitions say the same."""
    return len({(found.record is None, found.tally) for found in standing}) == 1


def _scope(text: str) -> KillScope | None:
    try:
        return KillScope.parse(text)
    except ValueError:
        return None  # a kill of a scope that a newer version knows: look at the epochs


def kill_from_json(text: str) -> Kill:
    """Read a kill as the scripts write it."""
    data = json.loads(text)
    return Kill(KillScope.parse(data["scope"]), data["by"], as_datetime(int(data["at"])), data["reason"])
