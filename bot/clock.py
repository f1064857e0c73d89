"""The clock that everything asks, so that a test can turn it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Time since 1970 in milliseconds, and waiting."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds of this clock."""


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds."""
        await asyncio.sleep(seconds)


def as_datetime(milliseconds: int) -> datetime:
    """Turn milliseconds since 1970 into an aware time in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
