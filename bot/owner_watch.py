"""The dead man's switch: with no sign of the owner for too long, everything goes to manual.

The chats' modes stay as they are; a mark in each partition has every script take `auto` for `manual`, so that what
was already planned does not leave either. Any sign of the owner takes the mark away, and nothing else does.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from bot.clock import Clock, as_datetime
from bot.errors import StoreError
from bot.store.store import Store

_log = structlog.get_logger()
_HOUR_MS: Final = 3_600_000
_AGAIN_MS: Final = 5_000
"""Signs that follow each other closer than that are one."""


@dataclass(frozen=True, slots=True)
class OwnerSettings:
    """What is made of the owner's silence."""

    absent_hours: float = 0.0
    """Hours without a sign of the owner after which everything goes to manual; 0: never."""

    def __post_init__(self) -> None:
        if not 0 <= self.absent_hours < float("inf"):
            raise ValueError("hours are 0 or more")


@dataclass(frozen=True, slots=True)
class Absence:
    """The owner is thought absent: since when, and when the last sign was."""

    since: datetime
    seen: datetime


class OwnerWatch:
    """Notes signs of the owner: own messages, typing, and whatever an owner does at the desk."""

    def __init__(self, store: Store, clock: Clock, settings: OwnerSettings) -> None:
        self._store = store
        self._clock = clock
        self._limit_ms = int(settings.absent_hours * _HOUR_MS)
        self._signed_ms: int | None = None

    async def sign(self, by: str) -> None:
        """The owner is there. Never fails: a sign that is lost means caution, not harm."""
        now = self._clock.now_ms()
        if self._signed_ms is not None and 0 <= now - self._signed_ms < _AGAIN_MS:
            return
        try:
            await self._sign(now, by, real=True)
        except StoreError:
            _log.warning("owner.sign_lost")
        else:
            self._signed_ms = now

    async def check(self) -> None:
        """Look whether it is too long ago. Meant to be called every few seconds. Raises StoreAway."""
        now = self._clock.now_ms()
        marks = await self._marks()
        if not self._limit_ms:
            if any(absent for _, absent in marks):
                await self._sign(now, "settings", real=True)
            return
        newest = max(seen for seen, _ in marks)
        if not newest:
            # The first look ever: the time is counted from here.
            await self._sign(now, "understudy", real=False)
        elif newest > now or now - newest >= self._limit_ms:
            await self._each("owner_absent", now, self._limit_ms)
        elif any(seen < newest for seen, _ in marks):
            # Whoever wrote the newest sign died before it stood everywhere.
            await self._sign(newest, "understudy", real=False)

    async def absence(self) -> Absence | None:
        """Give since when the owner is thought absent, None when not. Raises StoreAway."""
        marks = [(seen, absent) for seen, absent in await self._marks() if absent]
        if not marks:
            return None
        return Absence(as_datetime(min(a for _, a in marks)), as_datetime(max(s for s, _ in marks)))

    async def _marks(self) -> list[tuple[int, int]]:
        """When the owner was seen, and since when absent, in each partition; 0 for never and not."""
        partitions = self._store.partitions
        names = [f"{partitions.prefix(partition)}owner" for partition in partitions.all()]
        found = await asyncio.gather(
            *(self._store.ask("hmget", name, "seen", "absent_since") for name in names)
        )
        return [(int(seen or 0), int(absent or 0)) for seen, absent in found]

    async def _sign(self, at_ms: int, by: str, *, real: bool) -> None:
        await self._each("owner_sign", at_ms, int(real), by)

    async def _each(self, script: str, *arguments: str | int) -> None:
        """Run a script in each partition; the first one writes the journal."""
        await asyncio.gather(
            *(
                self._store.run(script, partition, *arguments, int(partition == 0))
                for partition in self._store.partitions.all()
            )
        )
