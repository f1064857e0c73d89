"""Roles: who of Discord's people may do what, by their ids and by their roles in the server."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import discord

from bot.messengers.discord.settings import DiscordSettings
from bot.people import Person, Role

_LONGEST_NAME: Final = 40


class Roles:
    """Gives people of Discord their role. Ids decide alone: a name can be anybody's."""

    def __init__(self, settings: DiscordSettings) -> None:
        self._people = {Role.OWNER: frozenset(settings.owner), Role.MODERATOR: frozenset(settings.moderators)}
        self._roles = {Role.OWNER: settings.owner_roles, Role.MODERATOR: settings.moderator_roles}

    def person(self, member: discord.Member | discord.User) -> Person:
        """Who somebody is to the desk. In a direct conversation nobody has a server's roles; a bot never has one.

        The name holds a slash, which no account of the dashboard's may, and the id: it is theirs alone, whatever
        anybody calls themselves.
        """
        shown = "".join(letter for letter in member.name if letter.isprintable())[:_LONGEST_NAME]
        return Person(f"{shown} discord/{member.id}", self._role(member))

    def _role(self, member: discord.Member | discord.User) -> Role:
        if member.bot:
            return Role.VIEWER
        for role in (Role.OWNER, Role.MODERATOR):
            if str(member.id) in self._people[role] or _has_one_of(member, self._roles[role]):
                return role
        return Role.VIEWER


def _has_one_of(member: discord.Member | discord.User, roles: Collection[str]) -> bool:
    return isinstance(member, discord.Member) and any(member.get_role(int(role)) for role in roles)
