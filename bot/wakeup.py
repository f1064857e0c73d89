"""One subscription that wakes everybody who waits for something to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from bot.store.store import WAKE_CHANNEL, Store

_TAKEN_BACK: Final = "understudy:taken-back"


class Wakeup:
    """Listens to the store's changes; who waits is woken by the next one.

    A lost wake-up costs a waiter at most its own time-out, so nothing hangs on this.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Listen until cancelled."""
        async with self._store.listening(WAKE_CHANNEL) as messages:
            async for _ in messages:
                self._changed.set()
                # A fresh event: those who wait on the old one are woken, later waiters wait for the next change.
                self._changed = asyncio.Event()

    async def taken_back(self) -> AsyncIterator[None]:
        """Give a word each time work was taken out of somebody's hand, or may have been: whoever works looks then."""
        async with self._store.listening(_TAKEN_BACK) as messages:
            async for _ in messages:
                yield

    async def wait(self, seconds: float) -> None:
        """Wait for a change, at most that long."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._changed.wait()
        except TimeoutError:
            return
