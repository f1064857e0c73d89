"""The review channel: whether the bot can do its work there, and who else can see what is quoted."""

from __future__ import annotations

from typing import Final

import aiohttp
import discord

from bot.messengers.discord.shards import Shards
from bot.messengers.discord.troubles import send_error

ReviewChannel = discord.TextChannel | discord.Thread
NO_TEXTS: Final = "the review channel is no channel for texts: choose another"
_NEEDED: Final = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "embed_links": "Embed Links",
    "read_message_history": "Read Message History",
}


def troubles(channel: object) -> tuple[str, ...]:
    """Say what is wrong with a channel as one where drafts are reviewed, a line each; empty if nothing."""
    if not isinstance(channel, ReviewChannel):
        return (NO_TEXTS,)
    return tuple(filter(None, (lacking(channel, channel.guild.me), exposed(channel))))


def lacking(channel: ReviewChannel, me: discord.Member) -> str:
    """What the bot may not do in the channel, though it has to; empty if nothing."""
    missing = _missing(channel, me)
    return f"in the review channel the bot's role needs {', '.join(missing)}" if missing else ""


def exposed(channel: ReviewChannel) -> str:
    """A warning where more than moderators see what is quoted there; else empty."""
    private = isinstance(channel, discord.Thread) and channel.is_private()
    if private or not channel.permissions_for(channel.guild.default_role).view_channel:
        return ""
    return (
        "everybody in the server can see the review channel, and the messages that are quoted there: deny @everyone "
        "View Channel in it"
    )


def may_post(channel: ReviewChannel) -> bool:
    """Whether the bot may post cards there, and find them again."""
    return not _missing(channel, channel.guild.me)


def channel_of(shards: Shards, id_: int) -> object | None:
    """Give a channel as this process's shards know it."""
    return next(filter(None, (client.get_channel(id_) for client in shards.clients)), None)


async def find(shards: Shards, id_: int) -> tuple[ReviewChannel | None, tuple[str, ...]]:
    """Give the channel, and what is wrong with it. One that only other processes see gives None, and nothing wrong."""
    channel = channel_of(shards, id_)
    if channel is None:
        try:
            channel = await shards.clients[0].fetch_channel(id_)
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            return None, (f"the review channel: {send_error(error)}",)
        guild = channel.guild.id if isinstance(channel, ReviewChannel) else None
        if guild is not None and not any(client.get_guild(guild) for client in shards.clients):
            return None, ()
    if not isinstance(channel, ReviewChannel):
        return None, troubles(channel)
    return channel, troubles(channel)


def _missing(channel: ReviewChannel, me: discord.Member) -> list[str]:
    may = channel.permissions_for(me)
    writing = "send_messages_in_threads" if isinstance(channel, discord.Thread) else "send_messages"
    unneeded = {"send_messages", "send_messages_in_threads"} - {writing}
    return [label for name, label in _NEEDED.items() if name not in unneeded and not getattr(may, name)]
