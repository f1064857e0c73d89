"""Who may steer the stand-in: roles, and what each may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.errors import NotAllowed


class Role(StrEnum):
    """From least to most."""

    VIEWER = "viewer"
    """May look, and may kill: anybody may."""
    MODERATOR = "moderator"
    """May also approve, edit and reject drafts."""
    OWNER = "owner"
    """May also resume, enable chats, and change modes and settings."""

    @property
    def rank(self) -> int:
        """How much it may: a role may all that those below it may."""
        return tuple(Role).index(self)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in; the name stands in the journal."""

    name: str
    role: Role

    def must_be(self, role: Role, deed: str) -> None:
        """Raise NotAllowed unless this person has that role or a higher one."""
        if self.role.rank < role.rank:
            raise NotAllowed(f"only {'an' if role is Role.OWNER else 'a'} {role} may {deed}")


HOUSE: Final = Person("the house", Role.OWNER)
"""Who did what the program does by itself, such as letting its first owner in."""
