"""How often somebody may try to sign in: an address, a name, and all together."""

from __future__ import annotations

import hashlib
import ipaddress
import math
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from bot.accounts import PARTITION, identity
from bot.clock import Clock
from bot.errors import TooManyTries
from bot.store.store import Store

_IPV6_HOUSEHOLD: Final = 64


@dataclass(frozen=True, slots=True)
class TrySettings:
    """Failed tries to sign in; what succeeds is not counted."""

    window_seconds: float = 300.0
    per_address: int = 10
    per_name: int = 10
    in_all: int = 200


class Try:
    """One try, which fails unless somebody says that it succeeded."""

    def __init__(self) -> None:
        self.succeeded = False


class Tries:
    """Counts tries in Redis, so that it does not help to ask another process, or to wait for a restart."""

    def __init__(self, store: Store, clock: Clock, settings: TrySettings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings

    @asynccontextmanager
    async def one(self, way: str, address: str, name: str | None = None) -> AsyncIterator[Try]:
        """Count one before it is made, so that many at once are no way round; taken back if it succeeds.

        `way` (a link, a password) has windows of its own: a flood of passwords locks no link out. Raises
        TooManyTries and StoreAway.
        """
        limits = self._settings
        windows = {
            _window(way, "address", _household(address)): limits.per_address,
            _window(way, "all", ""): limits.in_all,
        }
        if name is not None:
            windows[_window(way, "name", identity(name))] = limits.per_name
        member = secrets.token_hex(8)
        length = int(limits.window_seconds * 1000)
        arguments = [part for window in windows.items() for part in window]
        wait = await self._store.run("tries", PARTITION, self._clock.now_ms(), member, length, *arguments)
        if wait:
            raise TooManyTries(math.ceil(wait / 1000))
        made = Try()
        yield made
        if made.succeeded:
            for window in windows:
                await self._store.ask(
                    "zrem", f"{self._store.partitions.prefix(PARTITION)}tries:{window}", member
                )


def _window(way: str, kind: str, who: str) -> str:
    """Name a window; the address and the name stand in Redis as hashes."""
    return hashlib.sha256(f"{way}|{kind}|{who}".encode()).hexdigest()[:32]


def _household(address: str) -> str:
    """Give what one asker can hardly have many of: an IPv4 address, or the network that IPv6 gives each home."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, _IPV6_HOUSEHOLD), strict=False))
    return str(found)
