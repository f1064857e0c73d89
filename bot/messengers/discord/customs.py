"""Customs: what a channel asks of whoever writes there, and what it offers them."""

from __future__ import annotations

import discord


def slow_mode(client: discord.Client, channel: int) -> float:
    """How many seconds a channel asks its people to wait after a message of theirs; 0 where it asks nobody, or not us.

    By Discord's documentation no bot is held to it. A stand-in takes part as people do, so it keeps to it, unless its
    role has what frees people from it.
    """
    place = client.get_channel(channel)
    if not isinstance(
        place, discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread
    ):
        return 0.0
    may = place.permissions_for(place.guild.me)
    free = may.bypass_slowmode or may.manage_messages or may.manage_channels
    delay = place.slowmode_delay
    return float(delay) if isinstance(delay, int) and not free else 0.0


def refers_to(client: discord.Client, channel: int, message: str | None) -> discord.MessageReference | None:
    """What makes a message a reply; None where it is none, or Discord would refuse it as one.

    It needs a server's channel, the right to read there, and no message that still exists.
    """
    place = client.get_channel(channel)
    guild = getattr(place, "guild", None)
    if message is None or not isinstance(place, discord.abc.GuildChannel | discord.Thread) or guild is None:
        return None
    if not place.permissions_for(guild.me).read_message_history:
        return None
    return discord.MessageReference(
        message_id=int(message), channel_id=channel, guild_id=guild.id, fail_if_not_exists=False
    )


def may_react(client: discord.Client, channel: int) -> bool:
    """Whether the bot may react to messages there: roles mostly may, and the invite does not ask for it."""
    place = client.get_channel(channel)
    if not isinstance(place, discord.abc.GuildChannel | discord.Thread):
        # Of direct conversations the library keeps few.
        return place is None or isinstance(place, discord.DMChannel)
    may = place.permissions_for(place.guild.me)
    return may.add_reactions and may.read_message_history


def emoji_of(client: discord.Client, channel: int) -> dict[str, str]:
    """The marks of the emoji that a channel's server has, by their names."""
    guild = getattr(client.get_channel(channel), "guild", None)
    if not isinstance(guild, discord.Guild):
        return {}
    return {emoji.name: str(emoji) for emoji in guild.emojis if emoji.is_usable()}
