"""Permissions and intents by their documented bits, and who may do what in a channel."""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fakes.discord.world import Channel, Guild, User


class Permission(IntFlag):
    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    SEND_MESSAGES_IN_THREADS = 1 << 38


class Intent(IntFlag):
    GUILDS = 1 << 0
    MEMBERS = 1 << 1
    PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    GUILD_TYPING = 1 << 11
    DIRECT_MESSAGES = 1 << 12
    DIRECT_TYPING = 1 << 14
    MESSAGE_CONTENT = 1 << 15


PRIVILEGED = Intent.MEMBERS | Intent.PRESENCES | Intent.MESSAGE_CONTENT
ALL = Permission(~0 & ((1 << 53) - 1))
ORDINARY = (
    Permission.VIEW_CHANNEL
    | Permission.ADD_REACTIONS
    | Permission.SEND_MESSAGES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.SEND_MESSAGES_IN_THREADS
    | Permission.CREATE_PUBLIC_THREADS
)
"""What @everyone has in the fake's servers."""


def permissions_of(guild: Guild, user: User) -> Permission:
    """What somebody's roles let them do in a server; ALL of its owner and of administrators."""
    member = guild.members.get(user.id)
    if member is None:
        return Permission(0)
    found = guild.everyone.permissions
    for role in member.roles:
        found |= guild.roles[role].permissions
    return ALL if guild.owner is user or found & Permission.ADMINISTRATOR else found


def permissions_in(channel: Channel, user: User) -> Permission:
    """What somebody may in a channel: roles, then the channel's overwrites, in the documented order."""
    if channel.guild is None:
        return ALL if user in channel.recipients else Permission(0)
    guild = channel.guild
    found = permissions_of(guild, user)
    if user.id not in guild.members or found == ALL:
        return found
    held = [guild.everyone, *(guild.roles[role] for role in guild.members[user.id].roles)]
    # A thread has its parent's overwrites.
    overwrites = (channel.parent or channel).overwrites if channel.is_thread else channel.overwrites
    for ids in ({guild.id}, {role.id for role in held[1:]}, {user.id}):
        denied = allowed = Permission(0)
        for id_, (allow, deny) in overwrites.items():
            if id_ in ids:
                allowed |= allow
                denied |= deny
        found = (found & ~denied) | allowed
    if channel.is_private and user.id not in channel.joined and not found & Permission.MANAGE_THREADS:
        return Permission(0)
    return found if found & Permission.VIEW_CHANNEL else Permission(0)
