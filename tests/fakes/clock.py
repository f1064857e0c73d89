"""A clock that a test sets: it stands still, jumps ahead, and jumps back."""

from __future__ import annotations

import asyncio
import time


class FakeClock:
    """Implements `bot.clock.Clock`; what sleeps, sleeps on the machine's own clock."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self.now = now_ms

    def now_ms(self) -> int:
        return self.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class JumpingClock:
    """The machine's clock, a `jump` away; may be handed to a whole service."""

    def __init__(self) -> None:
        self.jump_seconds = 0.0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + int(self.jump_seconds * 1000)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
