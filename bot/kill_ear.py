"""What a connector hears first: whether somebody who may says a kill word, or gives the messenger's own command."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from bot.chat_words import ChatWords
from bot.errors import NotAllowed
from chat.message import Author, ChatKey, Message
from safety.kill import KillReach, KillReport, KillScope, KillSwitch

_log = structlog.get_logger()
LONGEST_ACKNOWLEDGEMENT: Final = 300


@dataclass(frozen=True, slots=True)
class KillSettings:
    """What a kill word does, and who may say it."""

    reach: KillReach = KillReach.EVERYWHERE
    """What a kill word said in a chat kills: everywhere, that messenger's account, or that chat."""
    people: tuple[str, ...] = ()
    """Who may, as `messenger/author-id`; none means everybody in the chat. The owner always may."""

    acknowledgement: str = ""
    """Said once in the chat where the word was said; `{name}` is the persona's name. Empty: nothing is said."""

    def __post_init__(self) -> None:
        if len(self.acknowledgement) > LONGEST_ACKNOWLEDGEMENT:
            raise ValueError(f"an acknowledgement has at most {LONGEST_ACKNOWLEDGEMENT} characters")
        for person in self.people:
            messenger, slash, author = person.partition("/")
            if not (messenger and slash and author):
                raise ValueError("a person is written as messenger/author-id")

    def scope(self, chat: ChatKey, reach: KillReach | None = None) -> KillScope:
        """What a kill in a chat kills."""
        match reach or self.reach:
            case KillReach.EVERYWHERE:
                return KillScope.everywhere()
            case KillReach.ACCOUNT:
                return KillScope.account(chat.messenger)
            case KillReach.CHAT:
                return KillScope.chat(chat)

    def may(self, chat: ChatKey, author: Author) -> bool:
        """Whether somebody who is not the owner may kill from a chat."""
        return not self.people or f"{chat.messenger}/{author.id}" in self.people


class KillEar:
    """Hears kills in chats. What it hears has an id that follows from it: heard again, it kills nobody."""

    def __init__(self, switch: KillSwitch, words: ChatWords, settings: KillSettings) -> None:
        self._switch = switch
        self._words = words
        self._settings = settings

    async def hear(self, message: Message) -> KillReport | None:
        """Kill if the message says so. An edited text is another saying; the same text again is not."""
        chat = message.chat
        if not self.finds_in(message):
            return None
        if not message.own and not self._settings.may(chat, message.author):
            _log.warning("kill_word.not_allowed", message=str(message))
            return None
        return await self._switch.kill(
            self._settings.scope(chat), f"{message.author.name} in {chat}", "kill word", kill_id(message)
        )

    def finds_in(self, message: Message) -> bool:
        """Whether a kill word stands in a message."""
        return self._words.found_in(message.chat, message.text) is not None

    async def lifted(self, message: Message, said_at: datetime) -> str:
        """Why a kill word that was said while nobody listened does not count any more; empty where it does.

        It counts until a person has resumed what it would have killed, after it was said. Raises StoreAway.
        """
        if not self.finds_in(message):
            return ""
        resumed_at = await self._switch.resumed_at(self._settings.scope(message.chat))
        if resumed_at is None or resumed_at < said_at:
            return ""
        return "its kill word was missed, and somebody has resumed since it was said"

    async def command(
        self, chat: ChatKey, author: Author, reach: KillReach | None, once: str, *, own: bool
    ) -> KillReport:
        """Kill at a messenger's own command. Raises NotAllowed."""
        if not own and not self._settings.may(chat, author):
            raise NotAllowed("you are not among those who may stop it here")
        scope = self._settings.scope(chat, reach)
        return await self._switch.kill(scope, f"{author.name} in {chat}", "command", _digest(chat, once))


def kill_id(message: Message) -> str:
    """The id of the kill that a message is."""
    return _digest(message.chat, message.id, message.text)


def _digest(chat: ChatKey, *parts: str) -> str:
    text = "\0".join((str(chat), *parts))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
