"""What the bot needs in a channel, and what of it is missing there."""

from __future__ import annotations

from typing import Final

import discord

NEEDED: Final = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    read_message_history=True,
)
"""What the invite link asks for, and what each enabled chat must give; no more than that."""
FOR_CARDS: Final = discord.Permissions(embed_links=True)
"""What the link asks for beside it where drafts are reviewed on Discord."""
_NAMES: Final = {
    "read_messages": "View Channels",
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "read_message_history": "Read Message History",
    "embed_links": "Embed Links",
}
"""As Discord's own pages call them."""
HIDDEN: Final = "the bot may not see it: give its role View Channels there"


def named(permissions: discord.Permissions) -> str:
    """The permissions by their names on Discord's pages."""
    return ", ".join(_NAMES.get(name, name) for name, given in permissions if given)


def lack(place: discord.abc.GuildChannel, me: discord.Member, *, thread: bool = False) -> str:
    """What the bot may not do in a channel, or in a thread of it, in a line; empty when it may do all it needs."""
    if isinstance(place, discord.CategoryChannel):
        return "it is a category and no channel: enable a channel in it"
    may, wanted = place.permissions_for(me), discord.Permissions(NEEDED.value)
    if not may.view_channel:
        return HIDDEN
    if thread or isinstance(place, discord.ForumChannel):
        # What is written there is written in a thread.
        wanted.send_messages = False
    missing = discord.Permissions(wanted.value & ~may.value)
    return f"the bot's role lacks {named(missing)} there" if missing.value else ""


def may_read(place: discord.abc.GuildChannel, me: discord.Member) -> bool:
    """Whether the bot hears what is said in a channel, and may look up what was."""
    may = place.permissions_for(me)
    return may.view_channel and may.read_message_history
