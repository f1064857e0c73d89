"""Posting: one message as Discord is asked for it."""

from __future__ import annotations

from dataclasses import dataclass

import discord

from bot.messengers.discord.handing import Handing


@dataclass(frozen=True, slots=True)
class Post:
    """What is posted under which key, whom it pings (ids of users), and what it replies to."""

    text: str
    nonce: str
    pinged: tuple[int, ...] = ()
    reference: discord.MessageReference | None = None

    async def made(self, channel: discord.PartialMessageable, handing: Handing) -> discord.Message:
        """Ask Discord for it, once."""
        handing.begin()
        # Roles and everybody never, and who is replied to sees the reply anyway.
        mentions = discord.AllowedMentions(
            everyone=False,
            roles=False,
            replied_user=False,
            users=[discord.Object(id_) for id_ in self.pinged],
        )
        if self.reference is None:
            return await channel.send(self.text, nonce=self.nonce, allowed_mentions=mentions)
        return await channel.send(
            self.text, nonce=self.nonce, allowed_mentions=mentions, reference=self.reference
        )
