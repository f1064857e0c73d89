"""Kills: what is in force, where, by whom; and the switch that puts one in force or lifts it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from chat.message import ChatKey


class KillReach(StrEnum):
    """How far a kill reaches, from widest to narrowest."""

    EVERYWHERE = "everywhere"
    ACCOUNT = "account"
    CHAT = "chat"


@dataclass(frozen=True, slots=True, order=True)
class KillScope:
    """Where a kill holds: everywhere, on one messenger's account, or in one chat with all that is a part of it.

    `target` is empty for everywhere, the messenger's name for an account, `messenger/chat-id` for a
    chat. The string form is what is stored and shown: `everywhere`, `account:discord`,
    `chat:local/weekend-plans`.
    """

    reach: KillReach
    target: str = ""

    def __post_init__(self) -> None:
        if self.reach is KillReach.EVERYWHERE:
            if self.target:
                raise ValueError("a kill everywhere has no target")
        elif self.reach is KillReach.ACCOUNT:
            if not self.target or "/" in self.target:
                raise ValueError("the kill of an account names a messenger, without a slash")
        else:
            ChatKey.parse(self.target)

    def __str__(self) -> str:
        return f"{self.reach}:{self.target}" if self.target else str(self.reach)

    @classmethod
    def everywhere(cls) -> KillScope:
        """All chats of all messengers."""
        return cls(KillReach.EVERYWHERE)

    @classmethod
    def account(cls, messenger: str) -> KillScope:
        """All chats of one messenger's account. Raises ValueError for an empty name or one with a slash."""
        return cls(KillReach.ACCOUNT, messenger)

    @classmethod
    def chat(cls, chat: ChatKey) -> KillScope:
        """One chat, and its parts: a channel's threads are silent with it."""
        return cls(KillReach.CHAT, str(chat))

    @classmethod
    def parse(cls, text: str) -> KillScope:
        """Read the form that `str` gives. Raises ValueError."""
        reach, colon, target = text.partition(":")
        if reach not in tuple(KillReach) or (colon and not target):
            raise ValueError(
                "a kill's scope is everywhere, account:<messenger> or chat:<messenger>/<chat id>"
            )
        return cls(KillReach(reach), target)

    def covers(self, chat: ChatKey, part_of: ChatKey | None) -> bool:
        """Whether a kill of this scope silences that chat, which may be a part of another."""
        if self.reach is KillReach.EVERYWHERE:
            return True
        if self.reach is KillReach.ACCOUNT:
            return self.target == chat.messenger
        return self.target in {str(chat), str(part_of)}


def scopes_of(chat: ChatKey, part_of: ChatKey | None) -> tuple[KillScope, ...]:
    """The scopes whose kill silences this chat, widest first; `part_of` is the chat that it is a part of."""
    chats = (chat,) if part_of is None else (part_of, chat)
    return KillScope.everywhere(), KillScope.account(chat.messenger), *map(KillScope.chat, chats)


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill in force. `by` is who spoke the word or pressed the switch; `at` is aware.

    `reason` is said by the person or composed by the service; it never quotes a message.
    """

    scope: KillScope
    by: str
    at: datetime
    reason: str

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("the time of a kill needs a zone")


@dataclass(frozen=True, slots=True)
class KillReport:
    """What a kill found: `in_flight` bubbles were already handed to a messenger and may still arrive.

    `at` is when it was heard, as on record. `new` is false for one that had been heard before.
    """

    scope: KillScope
    in_flight: int
    at: datetime
    new: bool = True


class KillSwitch(Protocol):
    """Puts kills in force and lifts them; `bot/` keeps them in Redis.

    Each method raises what its store raises when the store is away. Who asks then treats the chat as
    killed.
    """

    async def kill(self, scope: KillScope, by: str, reason: str, kill_id: str = "") -> KillReport:
        """Stop all sending in the scope. When this returns, every fence in the scope is closed.

        A second kill of the same scope keeps the first one's record. One with an id that was heard before does
        nothing, also after the owner has resumed: messengers give a message again. No id is a new one.
        """

    async def resume(self, scope: KillScope, by: str) -> bool:
        """Lift the kill of exactly this scope; false when none stood. Wider and narrower kills stay.

        The caller has made sure that `by` is an owner.
        """

    async def resumed_at(self, scope: KillScope) -> datetime | None:
        """When a kill of exactly this scope was last lifted; None where that lies ahead, by a clock since corrected."""

    async def standing(self, chat: ChatKey) -> Kill | None:
        """The kill that silences this chat, the widest when there are several."""

    async def kills(self) -> tuple[Kill, ...]:
        """All kills in force, oldest first."""
