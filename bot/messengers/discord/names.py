"""What people are called: as in the dataset, where they are in it, else as Discord shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import discord

from chat.exports.people import People

# Both readers name people by Discord's own ids, and so does whoever writes an account in by hand.
_FORMATS: Final = ("discord:", "discord_exporter:", "discord_package:")


@dataclass(frozen=True, slots=True)
class Names:
    """Names by Discord's ids. `persona` is what the bot's own account is called."""

    persona: str
    known: Mapping[str, str] = field(default_factory=dict)
    lack: str = ""
    """Why people may be called otherwise than in the dataset, in a line; empty where nothing is wrong."""

    @classmethod
    def read(cls, persona: str, people: Path | None) -> Names:
        """Read a `people.toml`, if there is one. Raises PeopleInvalid."""
        if people is None:
            return cls(persona)
        if not people.exists():
            lack = f"discord.people names {people}, which is not there: correct it, and run anew"
            return cls(persona, lack=lack)
        return cls(
            persona,
            {
                key.partition(":")[2]: person.name
                for person in People.read(people).persons
                for key in person.ids
                if key.startswith(_FORMATS)
            },
        )

    def of(self, user: discord.abc.User, me: int) -> str:
        """What somebody is called; `me` is the id of the bot's account."""
        if user.id == me:
            return self.persona
        return self.known.get(str(user.id)) or user.display_name
