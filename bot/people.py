"""Who may steer the stand-in: roles, and what each may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.errors import NotAllowed


class Role(StrEnum):
    """From least to most."""

    VIEWER = "viewer"
    """May look, and may kill: anybody may."""
    MODERATOR = "moderator"
    """May also approve, edit and reject drafts."""
    OWNER = "owner"
    """May also resume, enable chats, and change modes and settings."""


_RANK = {Role.VIEWER: 0, Role.MODERATOR: 1, Role.OWNER: 2}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in; the name stands in the journal."""

    name: str
    role: Role

    def must_be(self, role: Role, deed: str) -> None:
        """Raise NotAllowed unless this person has that role or a higher one."""
        if _RANK[self.role] < _RANK[role]:
            raise NotAllowed(f"only {'an' if role is Role.OWNER else 'a'} {role} may {deed}")
