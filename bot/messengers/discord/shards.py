"""Shards: the connections that Discord spreads a bot's servers over, and those of them which this process holds.

Each is a client of its own. `AutoShardedClient` would drive all of them from one loop: a shard that is slow to come
back holds up the others, and one whose resume fails at first begins a new session, which loses what was missed.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import aiohttp
import discord

from bot.messengers.discord.client import Client
from bot.messengers.discord.troubles import is_final

_IDENTIFY_SECONDS: Final = 5.0
"""How long Discord wants a bot to wait between two sessions that it begins."""
_REFUSED_SECONDS: Final = (1.0, 5.0)
"""As Discord's documentation asks; that it is random also parts processes which begin at the same time."""
_LOOK_AGAIN_SECONDS: Final = 5.0
_LOOKS_AT_ONCE: Final = 4
_FORGET_SECONDS: Final = 60.0
"""After that long a channel that was hidden, or not there, is asked for again."""


class Turns:
    """Lets one shard after the other begin a session, five seconds apart: Discord refuses what comes sooner."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._last = float("-inf")

    async def take(self, first: bool) -> None:
        """Wait for a turn; whoever does not begin for the `first` time has been refused, and waits a random while."""
        if not first:
            await asyncio.sleep(random.uniform(*_REFUSED_SECONDS))
        async with self._lock:
            await asyncio.sleep(self._last + _IDENTIFY_SECONDS - time.monotonic())
            self._last = time.monotonic()


class Shards:
    """The clients of the shards `mine`, of `count` in all."""

    def __init__(self, count: int, mine: Sequence[int]) -> None:
        self.count = count
        self.mine = tuple(mine)
        self._clients: dict[int, Client] = {}
        self._places: dict[int, int] = {}
        self._looks: dict[int, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(_LOOKS_AT_ONCE)

    @contextmanager
    def with_client(self, number: int, client: Client) -> Iterator[None]:
        """Have a shard's client in it until the end of the block."""
        self._clients[number] = client
        try:
            yield
        finally:
            del self._clients[number]

    @property
    def clients(self) -> tuple[Client, ...]:
        """Those that are signed in, the first shard's first."""
        return tuple(self._clients[number] for number in sorted(self._clients))

    @property
    def hear(self) -> bool:
        """Whether the gateway of each of this process's shards is open."""
        return len(self._clients) == len(self.mine) and all(one.hears for one in self._clients.values())

    def client_of(self, channel: int) -> Client | None:
        """The client that hears a channel; None where none does here, or where it is not known yet whether one does."""
        number = self._number_of(channel)
        return self._clients.get(number) if number is not None else None

    def is_elsewhere(self, channel: int) -> bool:
        """Whether it is known that a channel is heard by another process's shard."""
        number = self._number_of(channel)
        return number is not None and number not in self.mine

    async def locate(self, channels: Iterable[int]) -> bool:
        """Find out where channels are; gives whether that is known of all now."""
        unknown = [channel for channel in channels if self._number_of(channel) is None]
        looks = [self._looks[channel] for channel in unknown if channel in self._looks]
        if looks:
            await asyncio.wait(looks, timeout=_LOOK_AGAIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return not unknown

    async def close(self) -> None:
        """End the look-ups."""
        for look in self._looks.values():
            look.cancel()
        await asyncio.gather(*self._looks.values(), return_exceptions=True)

    def _number_of(self, channel: int) -> int | None:
        if self.count == 1:
            return 0
        for number, client in self._clients.items():
            known = client.get_channel(channel)
            if known is not None:
                # A direct conversation, whichever shard's cache it stands in, is the first one's.
                return number if _guild_of(known) is not None else 0
        if channel not in self._places and channel not in self._looks and self._clients:
            self._looks[channel] = look = asyncio.create_task(self._look_up(channel))
            look.add_done_callback(lambda _: self._looks.pop(channel, None))
        return self._places.get(channel)

    async def _look_up(self, channel: int) -> None:
        """Ask Discord where a channel is that no shard here has told of."""
        while self._clients:
            try:
                async with self._room:
                    found = await self.clients[0].fetch_channel(channel)
            except (
                discord.DiscordException,
                aiohttp.ClientError,
                OSError,
                RuntimeError,
                TimeoutError,
            ) as error:
                if is_final(error):
                    # Whoever tries to write there is told so; that shall be one process, and soon.
                    self._places[channel] = 0
                    await asyncio.sleep(_FORGET_SECONDS)
                    del self._places[channel]
                    return
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
                continue
            self._places[channel] = shard_of(_guild_of(found), self.count)
            return


def shard_of(guild: int | None, count: int) -> int:
    """The shard that hears a server, as Discord computes it; direct conversations are the first one's."""
    return (guild >> 22) % count if guild is not None else 0


def _guild_of(channel: discord.abc.Snowflake) -> int | None:
    guild = getattr(channel, "guild", None)
    return guild.id if isinstance(guild, discord.Guild) else None
