"""What the bot lacks in the chats it was let into, while it runs: read off what the gateway has told."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import aiohttp
import discord

from bot.messengers.discord.channels import reviews
from bot.messengers.discord.permissions import HIDDEN, lack

GONE: Final = "Discord has no such channel any more"
LOCKED: Final = "the thread is locked"
IN_REVIEW: Final = "drafts are reviewed there, so nobody is heard or answered: disable it"
_AGAIN_SECONDS: Final = 60.0


class Lacks:
    """Looks chats up. One that no shard here has told of is asked for by REST, now and then."""

    def __init__(self, review_channel: str = "") -> None:
        self._review_channel = review_channel
        self._found: dict[int, tuple[float, str]] = {}
        self._looks: dict[int, asyncio.Task[None]] = {}

    def of(self, client: discord.Client, channel: int) -> str:
        """What the bot lacks in a channel, in a line; empty where it lacks nothing, or where that is not known yet."""
        if not client.is_ready():
            return ""
        place = client.get_channel(channel)
        if isinstance(place, discord.Thread):
            return _in_thread(place, place.parent)
        if isinstance(place, discord.abc.GuildChannel):
            return lack(place, place.guild.me)
        if isinstance(place, discord.abc.PrivateChannel):
            return ""
        until, line = self._found.get(channel, (float("-inf"), ""))
        if time.monotonic() > until and channel not in self._looks:
            self._looks[channel] = look = asyncio.create_task(self._look_up(client, channel))
            look.add_done_callback(lambda _: self._looks.pop(channel, None))
        return line

    async def close(self) -> None:
        """End the look-ups."""
        looks = list(self._looks.values())
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)

    async def _look_up(self, client: discord.Client, channel: int) -> None:
        try:
            place = await client.fetch_channel(channel)
        except discord.Forbidden:
            line = HIDDEN
        except discord.NotFound:
            line = GONE
        except (discord.DiscordException, aiohttp.ClientError, OSError, RuntimeError, TimeoutError):
            # It is away, which is said elsewhere.
            return
        else:
            line = ""
            if isinstance(place, discord.Thread):
                # An archived one, which the gateway does not tell of.
                parent = client.get_channel(place.parent_id)
                line = _in_thread(place, parent if isinstance(parent, discord.abc.GuildChannel) else None)
            if reviews(place, self._review_channel):
                line = IN_REVIEW
        self._found[channel] = time.monotonic() + _AGAIN_SECONDS, line


def _in_thread(thread: discord.Thread, parent: discord.abc.GuildChannel | None) -> str:
    if thread.locked:
        return LOCKED
    return lack(parent, parent.guild.me, thread=True) if parent is not None else ""
