"""A clock that somebody else may set: each service process has one, and the conductor turns it."""

from __future__ import annotations

import asyncio
import mmap
import struct
import time
from pathlib import Path
from typing import Final

_OFFSET: Final = struct.Struct("<q")


class Dial:
    """The conductor's end: how far one process' clock is from the machine's."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(_OFFSET.pack(0))
        self._map = _mapped(path)

    def turn(self, seconds: float) -> None:
        """Set the clock that far ahead, or back."""
        _OFFSET.pack_into(self._map, 0, int(seconds * 1000))


class DialledClock:
    """The process' end; implements `bot.clock.Clock`. What sleeps, sleeps on the machine's clock, as in life."""

    def __init__(self, path: Path) -> None:
        self._map = _mapped(path)

    def now_ms(self) -> int:
        """Milliseconds since 1970, as far off as the dial says."""
        offset: int = _OFFSET.unpack_from(self._map)[0]
        return time.time_ns() // 1_000_000 + offset

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds."""
        await asyncio.sleep(seconds)


def _mapped(path: Path) -> mmap.mmap:
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), _OFFSET.size)
