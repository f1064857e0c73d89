"""Who is who in `chat.db`, and which of its chats are one conversation.

A person has a handle for every number and address, and for each service; Messages keeps a chat for each of
them, and shows them as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from chat.exports.values import integer, string

ME: Final = "me"
"""The owner's author id; the database has none."""

_GROUP: Final = 43
_LOST: Final = "recently-deleted"

Rows = Callable[[str, tuple[str, ...]], Iterator[tuple[object, ...]]]
"""Gives columns of a table's rows, ROWID first."""


@dataclass(frozen=True, slots=True)
class Room:
    """A conversation, be it one chat of the database or several."""

    id: str
    title: str
    direct: bool | None


@dataclass(frozen=True, slots=True)
class Chats:
    """The conversations, and the people in them."""

    people: dict[int, str] = field(default_factory=dict)
    of_chat: dict[int, Room] = field(default_factory=dict)
    of_message: dict[int, list[int]] = field(default_factory=dict)
    bin: Room = Room(_LOST, "Recently deleted", None)

    def author(self, handle: object) -> str:
        """The author id of a handle's person: the first of that person's numbers and addresses."""
        return self.people.get(integer(handle) or 0, "")

    def name(self, author: str) -> str:
        """The database knows no names but numbers and addresses."""
        return "Me" if author == ME else author

    def rooms(self, message: int, handle: object) -> tuple[Room, ...]:
        """Where a message stands. One that no chat lists stands with the person who sent it."""
        chats = self.of_message.get(message, [])
        if found := tuple(dict.fromkeys(self.of_chat[chat] for chat in chats if chat in self.of_chat)):
            # Chats that are one conversation may each list the message.
            return found
        author = self.author(handle)
        return (Room(author, author, direct=True),) if author else ()


def read_chats(rows: Rows) -> Chats:
    """Read who is who; raises sqlite3.Error."""
    people = _people(rows)
    members: dict[int, list[str]] = {}
    for _, chat, handle in rows("chat_handle_join", ("chat_id", "handle_id")):
        if (person := people.get(integer(handle) or 0)) and (number := integer(chat)):
            members.setdefault(number, []).append(person)
    of_chat: dict[int, Room] = {}
    groups: dict[tuple[str, ...], Room] = {}
    for chat, guid, identifier, name, style in rows(
        "chat", ("guid", "chat_identifier", "display_name", "style")
    ):
        number = integer(chat) or 0
        present = tuple(sorted(set(members.get(number, ()))))
        known, shown = string(identifier) or string(guid) or f"chat-{number}", string(name)
        group = style == _GROUP or len(present) > 1
        if group:
            room = Room(known, shown or " & ".join(present) or known, direct=False)
            # A group that changed its service is a new chat with the same people.
            of_chat[number] = groups.setdefault((shown, *present), room) if present else room
        else:
            person = present[0] if present else known
            of_chat[number] = Room(person, person, direct=True)
    of_message: dict[int, list[int]] = {}
    for _, chat, message in rows("chat_message_join", ("chat_id", "message_id")):
        if (number := integer(message)) and (place := integer(chat)):
            of_message.setdefault(number, []).append(place)
    return Chats(people, of_chat, of_message)


def _people(rows: Rows) -> dict[int, str]:
    """The author id of each handle: `person_centric_id` says which handles are one person's."""
    people: dict[int, str] = {}
    first: dict[str, str] = {}
    for handle, address, person in rows("handle", ("id", "person_centric_id")):
        if shown := string(address):
            key = string(person) or f"only {shown}"
            # The same number on another service may lack the mark.
            author = first.setdefault(key, first.get(f"only {shown}", shown))
            people[integer(handle) or 0] = first.setdefault(f"only {shown}", author)
    return people
