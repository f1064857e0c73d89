"""Places: what is known of a channel before anything is written there."""

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
