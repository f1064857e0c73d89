"""Where the headless demo is played: what its people do there, and what they see. Its script knows nothing else."""

from __future__ import annotations

from typing import Final, Protocol

from bot.app import Office
from bot.demo.script import CHAT
from bot.drafts import Draft
from bot.people import Person, Role
from chat.message import Author, ChatKey
from safety.kill import KillScope
from safety.mode import Mode

_OWNER: Final = Person("you", Role.OWNER)
_MODERATOR: Final = Person("a moderator", Role.MODERATOR)
_PEOPLE: Final = {person.role: person for person in (_OWNER, _MODERATOR)}


class Stage(Protocol):
    """A chat, its friends, a moderator and the owner."""

    @property
    def chat(self) -> ChatKey:
        """The chat in which it is played."""

    async def say(self, author: Author, text: str) -> str:
        """Have a friend write something; gives the message's id."""

    async def answers(self) -> list[str]:
        """What stands in the chat in the persona's name, oldest first."""

    async def text_of(self, id_: str) -> str:
        """What one message in the persona's name says, as people see it."""

    async def set_mode(self, mode: Mode) -> None:
        """Have the owner change the chat's mode."""

    async def approve(self, draft: Draft, text: str | None = None) -> None:
        """Have the moderator approve a draft, as it is or with another text."""

    async def reject(self, draft: Draft, reason: str) -> None:
        """Have the moderator reject a draft."""

    async def resume(self, role: Role) -> None:
        """Have somebody of that role lift the kill. Raises NotAllowed when they may not."""


class LocalStage:
    """The demo's own room; moderator and owner are at the desk."""

    chat: Final = CHAT.key

    def __init__(self, office: Office) -> None:
        self._desk = office.desk
        self._rooms = office.rooms

    async def say(self, author: Author, text: str) -> str:
        """Post to the room."""
        return (await self._rooms.post(self.chat, author, text)).id

    async def answers(self) -> list[str]:
        """Read the room."""
        return [message.text for message in await self._rooms.said(self.chat) if message.own]

    async def text_of(self, id_: str) -> str:
        """Find it in the room."""
        return next((one.text for one in await self._rooms.said(self.chat, 20) if one.id == id_), "")

    async def set_mode(self, mode: Mode) -> None:
        """At the desk."""
        await self._desk.set_mode(_OWNER, self.chat, mode)

    async def approve(self, draft: Draft, text: str | None = None) -> None:
        """At the desk."""
        await self._desk.approve(_MODERATOR, draft.id, text)

    async def reject(self, draft: Draft, reason: str) -> None:
        """At the desk."""
        await self._desk.reject(_MODERATOR, draft.id, reason)

    async def resume(self, role: Role) -> None:
        """At the desk."""
        await self._desk.resume(_PEOPLE[role], KillScope.everywhere())
