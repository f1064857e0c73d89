"""How Discord's messages are read: mentions as names, emoji, stickers and polls as words, attachments by their kind."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import discord

from bot.messengers.discord.markdown import unescaped
from bot.messengers.discord.names import Names
from chat.exports.records import attachment_named
from chat.message import Attachment, Author, ChatKey, Message

MESSENGER: Final = "discord"
_TYPED: Final = frozenset({discord.MessageType.default, discord.MessageType.reply})
_MARKUP: Final = re.compile(
    r"<(?:@!?(?P<user>\d+)|@&(?P<role>\d+)|#(?P<channel>\d+)|a?(?P<emoji>:\w+:)\d+"
    r"|(?P<command>/[^:<>\n]{1,98}):\d+|t:(?P<time>-?\d{1,12})(?::[tTdDfFsSR])?)>"
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what one account hears. `me` is its id, `owners` are the ids of its owner's own accounts."""

    me: int
    names: Names
    owners: Collection[str] = ()

    def read(self, message: discord.Message, *, edited: bool = False) -> Message | None:
        """Read a message; None for what nobody typed: webhooks, joins, pins, empty frames."""
        if message.webhook_id is not None or message.type not in _TYPED:
            return None
        own = message.author.id == self.me
        source, forwarded = self._source(message)
        text = self._plain(message, source.content)
        stickers = [f":{sticker.name}:" for sticker in source.stickers]
        more = [*stickers, *_poll(source)]
        text = " ".join((text, *more)).strip() if more else text
        attachment = _attachment(source)
        if not text and attachment is None:
            return None
        reference = None if forwarded else message.reference
        return Message(
            chat=key_of(message.channel.id),
            id=str(message.id),
            author=self.author(message.author),
            text=unescaped(text) if own else text,
            sent_at=message.created_at,
            own=own or str(message.author.id) in self.owners,
            stand_in=own,
            reply_to=str(reference.message_id) if reference and reference.message_id else None,
            edited=edited,
            forwarded=forwarded,
            attachment=attachment,
        )

    def author(self, user: discord.abc.User) -> Author:
        """Who somebody is."""
        return Author(str(user.id), self.names.of(user, self.me), user.bot and user.id != self.me)

    @staticmethod
    def _source(message: discord.Message) -> tuple[discord.Message | discord.MessageSnapshot, bool]:
        """What holds the words: the message, or what was passed on with it."""
        passed_on = message.message_snapshots
        return (passed_on[0], True) if passed_on and not message.content else (message, False)

    def _plain(self, message: discord.Message, text: str) -> str:
        guild = message.guild
        mentioned = {user.id: user for user in message.mentions}

        def word(match: re.Match[str]) -> str:
            if match["emoji"] or match["command"]:
                return match["emoji"] or match["command"]
            if match["time"]:
                return _time(int(match["time"])) or match[0]
            if match["user"]:
                user = mentioned.get(int(match["user"]))
                known = self.names.known.get(match["user"])
                return f"@{self.names.of(user, self.me) if user else known or 'unknown-user'}"
            if match["role"]:
                role = guild.get_role(int(match["role"])) if guild else None
                return f"@{role.name if role else 'unknown-role'}"
            channel = guild.get_channel_or_thread(int(match["channel"])) if guild else None
            return f"#{channel.name if channel else 'unknown-channel'}"

        return _MARKUP.sub(word, text)


def key_of(channel: int) -> ChatKey:
    """The chat that a channel, a thread or a direct conversation is."""
    return ChatKey(MESSENGER, str(channel))


def _poll(source: discord.Message | discord.MessageSnapshot) -> list[str]:
    """What is asked in a poll, and what may be answered."""
    poll = source.poll if isinstance(source, discord.Message) else None
    if poll is None:
        return []
    answers = " / ".join(answer.text for answer in poll.answers)
    return [f"{poll.question} ({answers})"]


def _time(seconds: int) -> str:
    """A time that each reader sees by their own clock; empty where there is no such year."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return ""


def _attachment(source: discord.Message | discord.MessageSnapshot) -> Attachment | None:
    if source.attachments:
        first = source.attachments[0]
        return attachment_named(first.filename, (first.content_type or "").partition(";")[0])
    return Attachment.STICKER if source.stickers else None
