"""Who is running: each service says every few seconds that it lives, and how its model and its messengers are."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Final, NamedTuple

from bot.clock import Clock
from bot.errors import StoreAway
from bot.store.store import Store

_SERVICES: Final = "understudy:services"
_EVERY_SECONDS: Final = 2.0
_ALIVE_MS: Final = 8000


class Held(NamedTuple):
    """One of the shards over which a messenger spreads an account; the process that holds it hears its chats."""

    account: str
    shard: int
    shards: int


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
    model_trouble: str = ""
    """Why the model is not alive, in a line; empty while it is."""
    troubles: Mapping[str, str] = field(default_factory=dict)
    """Of a messenger, by its name, or of a chat, by its key: what keeps it from working, in a line."""

    held: tuple[Held, ...] = ()
    """The shards of accounts that it hears for."""
    deaf: Mapping[str, str] = field(default_factory=dict)
    """Of a messenger in whose chats the stand-in is, and on which this service has no account: what to do."""


class Condition(NamedTuple):
    """How a service's model and its messengers are; as `Presence` says it."""

    alive: bool
    trouble: str
    generating: int
    troubles: Mapping[str, str]
    held: tuple[Held, ...] = ()
    deaf: Mapping[str, str] = {}


class Attendance:
    """Says that a service is there, and reads who else is."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def keep(
        self, name: str, persona: str, fingerprint: str, look: Callable[[], Awaitable[Condition]]
    ) -> None:
        """Say it until cancelled; `look` gives how model and messengers are, and may raise StoreAway."""
        since = self._clock.now_ms()
        try:
            while True:
                with contextlib.suppress(StoreAway):
                    alive, trouble, generating, troubles, held, deaf = await look()
                    here = Presence(
                        *(name, os.getpid(), since, persona, fingerprint, alive, generating, trouble),
                        troubles=dict(troubles),
                        held=held,
                        deaf=dict(deaf),
                    )
                    entry = json.dumps(asdict(here) | {"until_ms": self._clock.now_ms() + _ALIVE_MS})
                    await self._store.ask("hset", _SERVICES, name, entry)
                await asyncio.sleep(_EVERY_SECONDS)
        finally:
            with contextlib.suppress(StoreAway):
                await self._store.ask("hdel", _SERVICES, name)

    async def present(self) -> tuple[Presence, ...]:
        """Give all services that live. Raises StoreAway."""
        found: list[Presence] = []
        for name, text in sorted((await self._store.hash(_SERVICES)).items()):
            entry = json.loads(text)
            if entry.pop("until_ms") > self._clock.now_ms():
                entry["held"] = tuple(Held(*one) for one in entry.get("held", ()))
                found.append(Presence(**entry))
            else:
                # One that died without a word; should it only have been slow, it says so again.
                await self._store.ask("hdel", _SERVICES, name)
        return tuple(found)
