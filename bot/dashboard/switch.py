"""The kill switch as the dashboard presses it: it never makes anybody wait for Redis."""

from __future__ import annotations

import asyncio
from typing import Final

from bot.desk import Desk
from bot.errors import StoreAway
from bot.people import Person
from safety.kill import KillReport, KillScope

_PATIENCE_SECONDS: Final = 2.0


class Switch:
    """Presses the kill switch, and goes on writing a kill down while Redis is away."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._pressing: set[asyncio.Task[KillReport]] = set()

    @property
    def pressing(self) -> bool:
        """Whether a kill waits for Redis; this process is silent already."""
        return bool(self._pressing)

    async def kill(self, person: Person, scope: KillScope, reason: str = "") -> KillReport:
        """Stop all sending. Raises StoreAway after a while; the kill is then still written when Redis is back."""
        press = asyncio.create_task(self._desk.kill(person, scope, reason or "the switch was pressed"))
        self._pressing.add(press)
        press.add_done_callback(self._pressing.discard)
        done, _ = await asyncio.wait({press}, timeout=_PATIENCE_SECONDS)
        if not done:
            raise StoreAway(
                "Redis is away: this process has fallen silent, and the kill is written as soon as Redis is back"
            )
        return press.result()

    async def close(self) -> None:
        """Give up on what could not be written down."""
        for press in list(self._pressing):
            press.cancel()
        await asyncio.gather(*self._pressing, return_exceptions=True)
