"""What Discord's channels are called, and which threads follow theirs."""

from __future__ import annotations

import discord

from bot.messengers.discord.names import Names
from bot.messengers.discord.reading import key_of
from bot.places import Place

Channel = discord.abc.GuildChannel | discord.abc.PrivateChannel | discord.Thread | discord.PartialMessageable


def reviews(channel: object, review_channel: str) -> bool:
    """Whether a channel is the one in which drafts are reviewed, or a thread in it: neither is a chat."""
    return review_channel in {str(getattr(channel, name, None)) for name in ("id", "parent_id")}


def place_of(
    channel: Channel, names: Names, me: int, *, follow: bool, person: discord.abc.User | None = None
) -> Place | None:
    """Where a channel is; None where discord.py knows too little of it.

    `person` is who wrote, for direct conversations: Discord does not say with whom those are. Threads and forum
    posts are parts of their channel, and with `follow` enabled with it.
    """
    key = key_of(channel.id)
    match channel:
        case discord.Thread():
            parent = f" in {channel.parent.name}" if channel.parent else ""
            # Who may manage threads sees private ones as well; only those who were added are meant to be there.
            follows = follow and (not channel.is_private() or channel.me is not None)
            return Place(key, channel.name + parent, key_of(channel.parent_id), follows=follows)
        case discord.DMChannel():
            if person is None or person.id == me:
                person = channel.recipient
            return Place(key, f"{names.of(person, me)} (direct messages)") if person else None
        case discord.abc.GuildChannel():
            return Place(key, f"{channel.name} in {channel.guild.name}")
        case _:
            return None
