"""What Discord holds: users, servers, channels, messages; and how each is shown to an account."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.fakes.discord.permissions import ORDINARY, Permission, permissions_in

EPOCH_MS = 1_420_070_400_000
TEXT, DIRECT, PUBLIC_THREAD, PRIVATE_THREAD, FORUM = 0, 1, 11, 12, 15
DEFAULT, REPLY = 0, 19
_MENTION = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_EVERYBODY = re.compile(r"@(everyone|here)")
_count = itertools.count()


def snowflake(at: float | None = None) -> int:
    """An id: unique, and larger than every earlier one. `at` is a time in seconds, now by default."""
    milliseconds = int((time.time() if at is None else at) * 1000) - EPOCH_MS
    return (milliseconds << 22) | (next(_count) & 0x3FFFFF)


def instant(id_: int) -> datetime:
    return datetime.fromtimestamp(((id_ >> 22) + EPOCH_MS) / 1000, UTC)


@dataclass(eq=False)
class User:
    name: str
    display: str | None = None
    bot: bool = False
    id: int = field(default_factory=snowflake)
    takes_direct: bool = True

    def shown(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "username": self.name,
            "global_name": self.display,
            "discriminator": "0",
            "avatar": None,
            "bot": self.bot,
            "public_flags": 0,
        }


@dataclass(eq=False)
class Role:
    name: str
    permissions: Permission
    id: int = field(default_factory=snowflake)

    def shown(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "name": self.name,
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "position": 0,
            "permissions": str(int(self.permissions)),
            "managed": False,
            "mentionable": False,
            "flags": 0,
        }


@dataclass(eq=False)
class Member:
    user: User
    nick: str | None = None
    roles: list[int] = field(default_factory=list)

    def shown(self, *, with_user: bool = True) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "nick": self.nick,
            "roles": [str(role) for role in self.roles],
            "joined_at": "2024-01-01T00:00:00+00:00",
            "deaf": False,
            "mute": False,
            "flags": 0,
            "avatar": None,
        }
        return shown | {"user": self.user.shown()} if with_user else shown


@dataclass(eq=False)
class Guild:
    name: str
    owner: User
    id: int = field(default_factory=snowflake)
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    emoji: dict[str, int] = field(default_factory=dict)
    """Custom ones: ids by names."""

    def __post_init__(self) -> None:
        self.everyone = Role("@everyone", ORDINARY, self.id)
        self.roles[self.id] = self.everyone
        self.members[self.owner.id] = Member(self.owner)

    def shown(self, bot: User) -> dict[str, Any]:
        places = [channel for channel in self.channels.values() if not channel.is_thread]
        threads = [channel for channel in self.channels.values() if channel.is_thread]
        return {
            "id": str(self.id),
            "name": self.name,
            "owner_id": str(self.owner.id),
            "roles": [role.shown() for role in self.roles.values()],
            "emojis": [
                {"id": str(id_), "name": name, "roles": [], "require_colons": True, "managed": False}
                | {"animated": False, "available": True}
                for name, id_ in self.emoji.items()
            ],
            "stickers": [],
            "features": [],
            "channels": [channel.shown() for channel in places],
            "threads": [
                thread.shown(bot) for thread in threads if not thread.archived and permissions_in(thread, bot)
            ],
            # Without the members intent, the account itself alone.
            "members": [self.members[bot.id].shown()],
            "member_count": len(self.members),
            "presences": [],
            "voice_states": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
            "large": False,
            "unavailable": False,
            "joined_at": "2024-01-01T00:00:00+00:00",
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "premium_tier": 0,
            "preferred_locale": "en-US",
            "system_channel_flags": 0,
        }


@dataclass(eq=False)
class Channel:
    kind: int
    name: str = ""
    guild: Guild | None = None
    parent: Channel | None = None
    recipients: list[User] = field(default_factory=list)
    id: int = field(default_factory=snowflake)
    overwrites: dict[int, tuple[Permission, Permission]] = field(default_factory=dict)
    """By the id of a role or a user: what is allowed, and what is denied."""
    slow_mode: int = 0
    archived: bool = False
    locked: bool = False
    joined: set[int] = field(default_factory=set)
    """Of a thread: the ids of those who were added to it."""
    messages: dict[int, Posted] = field(default_factory=dict)

    @property
    def is_thread(self) -> bool:
        return self.kind in {PUBLIC_THREAD, PRIVATE_THREAD}

    @property
    def is_private(self) -> bool:
        return self.kind == PRIVATE_THREAD

    def member(self, user: User) -> dict[str, Any]:
        """A thread's member."""
        at = "2024-01-01T00:00:00+00:00"
        return {"id": str(self.id), "user_id": str(user.id), "join_timestamp": at, "flags": 1}

    def shown(self, viewer: User | None = None) -> dict[str, Any]:
        last = next(reversed(self.messages), None)
        shown: dict[str, Any] = {
            "id": str(self.id),
            "type": self.kind,
            "last_message_id": str(last) if last else None,
            "flags": 0,
        }
        if self.guild is None:
            others = [user.shown() for user in self.recipients if user is not viewer]
            return shown | {"recipients": others}
        shown |= {"guild_id": str(self.guild.id), "name": self.name, "rate_limit_per_user": self.slow_mode}
        if self.parent is not None and self.is_thread:
            if viewer is not None and viewer.id in self.joined:
                shown["member"] = self.member(viewer)
            return shown | {
                "parent_id": str(self.parent.id),
                "owner_id": str(self.guild.owner.id),
                "message_count": len(self.messages),
                "member_count": 1,
                "thread_metadata": {
                    "archived": self.archived,
                    "auto_archive_duration": 1440,
                    "archive_timestamp": "2024-01-01T00:00:00+00:00",
                    "locked": self.locked,
                },
            }
        shown |= {
            "position": 0,
            "parent_id": None,
            "topic": None,
            "nsfw": False,
            "permission_overwrites": [
                {
                    "id": str(id_),
                    "type": 0 if id_ in self.guild.roles else 1,
                    "allow": str(int(allow)),
                    "deny": str(int(deny)),
                }
                for id_, (allow, deny) in self.overwrites.items()
            ],
        }
        return shown | ({"available_tags": []} if self.kind == FORUM else {})


@dataclass(eq=False)
class Posted:
    """A message. `pings` are those whose phone rang: user ids, role ids, `everyone`, `here`."""

    channel: Channel
    author: User
    content: str
    id: int = field(default_factory=snowflake)
    kind: int = DEFAULT
    reply_to: int | None = None
    attachments: list[dict[str, Any]] = field(default_factory=list)
    stickers: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    embeds: list[dict[str, Any]] = field(default_factory=list)
    poll: dict[str, Any] | None = None
    """As `poll` makes one."""
    flags: int = 0
    webhook: int | None = None
    edited_at: datetime | None = None
    nonce: str | None = None
    pings: list[str] = field(default_factory=list)
    reactions: list[tuple[int, str]] = field(default_factory=list)
    """Who reacted, and with which emoji."""
    only_for: User | None = None
    """Of an ephemeral answer, which nobody else sees."""

    @property
    def mentioned(self) -> set[int]:
        return {int(id_) for id_ in _MENTION.findall(self.content)}

    def shown(self, viewer: User, *, contents: bool, users: dict[int, User]) -> dict[str, Any]:
        """As an account sees it: `contents` is whether it has the message content intent."""
        visible = (
            contents
            or viewer is self.author
            or self.channel.guild is None
            or viewer.id in self.mentioned
            or self.only_for is not None
        )
        guild = self.channel.guild
        shown: dict[str, Any] = {
            "id": str(self.id),
            "channel_id": str(self.channel.id),
            "type": self.kind,
            "author": self.author.shown(),
            "content": self.content if visible else "",
            "timestamp": instant(self.id).isoformat(),
            "edited_timestamp": self.edited_at.isoformat() if self.edited_at else None,
            "tts": False,
            "mention_everyone": "everyone" in self.pings or "here" in self.pings,
            "mentions": [
                users[id_].shown() | self._member(id_) for id_ in sorted(self.mentioned) if id_ in users
            ],
            "mention_roles": _ROLE.findall(self.content),
            "attachments": self.attachments if visible else [],
            "embeds": self.embeds if visible else [],
            "components": self.components if visible else [],
            "pinned": False,
            "flags": self.flags,
        }
        if visible and self.stickers:
            shown["sticker_items"] = self.stickers
        if visible and self.poll is not None:
            shown["poll"] = self.poll
        if self.webhook is not None:
            shown["webhook_id"] = str(self.webhook)
            shown["author"] = shown["author"] | {"bot": True}
        if self.reply_to is not None:
            shown["message_reference"] = {
                "type": 0,
                "message_id": str(self.reply_to),
                "channel_id": str(self.channel.id),
            } | ({"guild_id": str(guild.id)} if guild else {})
            target = self.channel.messages.get(self.reply_to)
            shown["referenced_message"] = (
                target.shown(viewer, contents=contents, users=users) if target else None
            )
        return shown

    def as_event(self, viewer: User, *, contents: bool, users: dict[int, User]) -> dict[str, Any]:
        """As the gateway tells of it: with the server and the author's membership, which REST leaves out."""
        shown = self.shown(viewer, contents=contents, users=users)
        guild = self.channel.guild
        if guild is None:
            return shown
        member = guild.members.get(self.author.id) if self.webhook is None else None
        extra = {"member": member.shown(with_user=False)} if member else {}
        return shown | {"guild_id": str(guild.id)} | extra

    def _member(self, id_: int) -> dict[str, Any]:
        member = self.channel.guild.members.get(id_) if self.channel.guild else None
        return {"member": member.shown(with_user=False)} if member else {}


def poll(question: str, *answers: str) -> dict[str, Any]:
    """A poll that is open, as Discord shows it."""
    media = [{"answer_id": number, "poll_media": {"text": text}} for number, text in enumerate(answers, 1)]
    return {"question": {"text": question}, "answers": media, "expiry": "2100-01-01T00:00:00+00:00"} | {
        "allow_multiselect": False,
        "layout_type": 1,
        "results": {"is_finalized": False, "answer_counts": []},
    }


def pings_of(content: str, allowed: dict[str, Any] | None, may_everyone: bool) -> list[str]:
    """Whose phones a text makes ring, given `allowed_mentions` (None: the default, which is all)."""
    parse = set((allowed or {}).get("parse", [])) if allowed is not None else {"users", "roles", "everyone"}
    users, roles = _MENTION.findall(content), _ROLE.findall(content)
    named = allowed or {}
    found: Iterator[str] = itertools.chain(
        (id_ for id_ in users if "users" in parse or id_ in map(str, named.get("users", []))),
        (id_ for id_ in roles if "roles" in parse or id_ in map(str, named.get("roles", []))),
        (word for word in _EVERYBODY.findall(content) if "everyone" in parse and may_everyone),
    )
    return list(dict.fromkeys(found))
