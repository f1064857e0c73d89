"""Who is running: each service says every few seconds that it lives, and how its model is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

from bot.clock import Clock
from bot.errors import StoreAway
from bot.store.store import Store

_KEY: Final = "understudy:service:"
_DASHBOARD: Final = "understudy:dashboard"
_EVERY_SECONDS: Final = 2.0
_ALIVE_MS: Final = 8000


@dataclass(frozen=True, slots=True)
class Presence:
    """One running service."""

    name: str
    pid: int
    since_ms: int
    persona: str
    fingerprint: str
    model_alive: bool
    generating: int
    """Answers that are being written right now."""


class Attendance:
    """Says that a service is there, and reads who else is."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def keep(
        self, name: str, persona: str, fingerprint: str, look: Callable[[], tuple[bool, int]]
    ) -> None:
        """Say it until cancelled; `look` gives whether the model lives and how many answers are being written."""
        since = self._clock.now_ms()
        try:
            while True:
                alive, generating = look()
                here = Presence(name, os.getpid(), since, persona, fingerprint, alive, generating)
                with contextlib.suppress(StoreAway):
                    await self._store.ask("set", _KEY + name, json.dumps(asdict(here)), px=_ALIVE_MS)
                await asyncio.sleep(_EVERY_SECONDS)
        finally:
            with contextlib.suppress(StoreAway):
                await self._store.ask("delete", _KEY + name)

    async def say_where(self, url: str) -> None:
        """Say where the dashboard is, for those who want a link to it."""
        await self._store.ask("set", _DASHBOARD, url)

    async def where(self) -> str | None:
        """Give where the dashboard last was. Raises StoreAway."""
        url: str | None = await self._store.ask("get", _DASHBOARD)
        return url

    async def present(self) -> tuple[Presence, ...]:
        """Give all services that live. Raises StoreAway."""
        names = sorted(await self._store.ask("keys", _KEY + "*"))
        found = [await self._store.ask("get", name) for name in names]
        return tuple(Presence(**json.loads(text)) for text in found if text)
