"""Where messages come in: the kill word first, then one step that keeps the message or says why not."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import structlog

from bot.backlog import Backlog, Standing
from bot.chat_words import ChatWords
from bot.chats import Chats
from bot.clock import Clock
from bot.consents import Consents
from bot.faults import Faults
from bot.kill_ear import KillEar, KillSettings, kill_id
from bot.orders import Orders
from bot.owner import OwnerPresence
from bot.owner_watch import OwnerWatch
from bot.places import Place, Places
from bot.store.store import Store
from chat.echo import plain, unmarked
from chat.message import Author, ChatKey, Message, message_to_json
from safety.commands import Commands, CommandSettings
from safety.kill import KillReach, KillReport, KillSwitch
from safety.kill_word import KillWords

_log = structlog.get_logger()
_STRETCH: Final = 100


class Received(StrEnum):
    """What the inbox did with a message."""

    ACCEPTED = "accepted"
    """It waits for the chat's next turn."""
    OWN = "own"
    """Written in the owner's name: part of the transcript, never answered."""
    ECHO = "echo"
    """The stand-in's own, given back by the messenger before it was on record as sent."""
    DUPLICATE = "duplicate"
    """It was here before, or had been deleted when it came."""
    EDITED = "edited"
    """The changed text stands in the place of the old one, where it was not answered yet or is only history."""
    OFF = "off"
    """The stand-in is not in this chat; nothing was kept."""
    OPTED_OUT = "opted_out"
    """Who wrote it may not be answered; nothing was kept."""
    CONTEXT = "context"
    """It came too late to be answered: part of the transcript, and nothing else."""
    OBEYED = "obeyed"
    """An order to the stand-in, such as "stop talking to me"; its text was not kept."""


@dataclass(frozen=True, slots=True)
class InboxSettings:
    """How turns are gathered and how much is remembered."""

    pause_seconds: float = 1.5
    """How long a chat must be quiet before its turn is decided on."""
    longest_pause_seconds: float = 6.0
    """How long a chat that is never quiet is listened to at most."""
    transcript_messages: int = 200
    retention_days: float = 30.0
    """How long a message's id and outcome are remembered, for deduplication and for people."""


class Inbox:
    """Receives messages from connectors. A connector may forget a message once `receive` has returned."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        kill_switch: KillSwitch,
        kill_words: KillWords,
        settings: InboxSettings,
        faults: Faults,
        kill: KillSettings | None = None,
        chat_words: ChatWords | None = None,
        owner_watch: OwnerWatch | None = None,
        acknowledge: Callable[[ChatKey, str, str], None] | None = None,
        orders: Orders | None = None,
        owner: OwnerPresence | None = None,
        mark: str = "",
    ) -> None:
        self._store = store
        self._clock = clock
        self._words = chat_words or ChatWords(store, kill_words)
        self._kill_ear = KillEar(kill_switch, self._words, kill or KillSettings())
        self._owner_watch = owner_watch
        self._acknowledge = acknowledge
        self._orders = orders or Orders(Consents(store, clock), Commands(CommandSettings()))
        self._owner = owner or OwnerPresence(store, clock)
        self._mark = mark
        self._settings = settings
        self._faults = faults
        self._backlog = Backlog(store, clock)
        self._chats = Chats(store, clock)
        self._places = Places(store, clock)

    async def receive(self, message: Message) -> Received:
        """Take a message in. Raises StoreAway; the connector then gives the same message again later."""
        message = self._readable(message)
        # Before any queue, and whatever else is the matter with the message or the chat.
        await self.hear(message)
        if await self._follow(message.chat):
            # This message may say one of the words that were taken over.
            await self.hear(message)
        await self._faults.reach("inbox.received")
        if await self._orders.obeyed(message):
            return Received.OBEYED
        received = await self._accept(message)
        if received is not Received.OFF:
            await self._places.name(message.chat)
        return received

    async def place(self, place: Place) -> None:
        """Hear where a chat is; told before its messages, and again when it is called otherwise. Raises StoreAway."""
        await self._places.learn(place)

    async def catch_up(
        self, message: Message, within: timedelta, changed_at: datetime | None = None
    ) -> Received:
        """Take in a message that is late: it was missed, or said before the stand-in was in the chat.

        Only what is younger than `within` is answered. Whatever its age, a kill word in it counts that was said since
        the stand-in is in the chat and was not lifted since; so does an order. Raises StoreAway.
        """
        message = self._readable(message)
        chat, said_at = message.chat, changed_at or message.sent_at
        let_in = await self._backlog.let_in(chat)
        if let_in is None:
            return Received.OFF
        why_not = self._backlog.why_not(message, let_in, within)
        if said_at < let_in:
            return await self._accept(message, "history", why_not)
        lifted = await self._heard_late(message, said_at, acknowledged=not why_not)
        await self._faults.reach("inbox.received")
        if not message.edited and await self._backlog.knows(message):
            return Received.DUPLICATE
        if await self._orders.obeyed(message, said_at):
            return Received.OBEYED
        how = "history" if message.sent_at < let_in else "missed"
        return await self._accept(message, how, why_not, lifted)

    async def chats(self, messenger: str) -> tuple[ChatKey, ...]:
        """Give the chats of a messenger that the stand-in was let into. Raises StoreAway."""
        return await self._backlog.chats(messenger)

    async def standing(self, chat: ChatKey) -> Standing | None:
        """Give how far a chat has been read; None where the stand-in is not in it. Raises StoreAway."""
        await self._follow(chat)
        return await self._backlog.standing(chat)

    async def _follow(self, chat: ChatKey) -> bool:
        """Let the stand-in into a part of a chat that it is in; gives whether it just was."""
        followed = await self._places.follow(chat)
        if followed:
            await self._words.refresh_chat(chat)
        return followed

    async def _accept(
        self, message: Message, how: str = "live", why_not: str = "", lifted: str = ""
    ) -> Received:
        settings = self._settings
        received = Received(
            await self._store.run(
                "accept",
                message.chat,
                self._clock.now_ms(),
                str(message.chat),
                message.id,
                message_to_json(message),
                int(message.own) + int(message.own and message.stand_in),
                int(settings.pause_seconds * 1000),
                int(settings.longest_pause_seconds * 1000),
                settings.transcript_messages,
                int(settings.retention_days * 86_400_000),
                int(message.edited),
                message_to_json(replace(message, stand_in=True)) if message.own else "",
                message.author.id,
                self._orders.people.value,
                plain(message.text, self._mark),
                self._owner.stay_ms,
                how,
                why_not,
                int(message.sent_at.timestamp() * 1000),
                lifted,
                str(self._places.parent(message.chat) or ""),
            )
        )
        is_sign = message.own and not message.stand_in and not why_not
        if is_sign and received in {Received.OWN, Received.OFF}:
            await self._owner_was_seen(message.author.name)
        _log.info("message.received", message=str(message), received=received.value)
        await self._faults.reach("inbox.accepted")
        return received

    async def deleted(self, chat: ChatKey, ids: Sequence[str] | None) -> None:
        """Hear that messages were deleted in a chat: nothing of them is kept, shown or answered. Raises StoreAway.

        With None it was the chat itself, and all that is known of it goes.
        """
        if ids is None:
            ids = await self._chats.said_in(chat)
        # In stretches: a kill must not wait behind a month of messages.
        for first in range(0, len(ids), _STRETCH):
            stretch = json.dumps(list(ids[first : first + _STRETCH]))
            await self._store.run("delete", chat, self._clock.now_ms(), str(chat), stretch)
        _log.info("message.deleted", chat=str(chat), messages=len(ids))

    async def hear(self, message: Message) -> None:
        """Kill if a message says so; heard again, it kills nobody. Raises StoreAway."""
        message = _writable(message)
        if await self._kill_ear.hear(message) is not None:
            self._begin_acknowledging(message)

    async def hear_late(self, message: Message, changed_at: datetime | None = None) -> None:
        """Kill if a message says so that was missed, before `catch_up` is given it. Raises StoreAway."""
        message, said_at = _writable(message), changed_at or message.sent_at
        if not self._kill_ear.finds_in(message):
            return
        let_in = await self._backlog.let_in(message.chat)
        if let_in is not None and said_at >= let_in:
            await self._heard_late(message, said_at, acknowledged=False)

    async def kill(
        self,
        chat: ChatKey,
        author: Author,
        reach: KillReach | None = None,
        once: str = "",
        *,
        own: bool = False,
    ) -> KillReport:
        """Kill at a messenger's own command; `once` is the command's id. Raises NotAllowed."""
        return await self._kill_ear.command(chat, author, reach, once or secrets.token_hex(8), own=own)

    async def owner_types(self, chat: ChatKey) -> None:
        """Hear that the owner is typing in a chat. Raises StoreAway."""
        await self._owner.here(chat, "typing")
        await self._owner_was_seen(f"typing in {chat}")

    async def _heard_late(self, message: Message, said_at: datetime, *, acknowledged: bool) -> str:
        """Hear a kill word that was missed; gives why it does not count, where it does not."""
        lifted = await self._kill_ear.lifted(message, said_at)
        if not lifted and await self._kill_ear.hear(message) is not None and acknowledged:
            self._begin_acknowledging(message)
        return lifted

    def _begin_acknowledging(self, message: Message) -> None:
        if self._acknowledge is not None:
            self._acknowledge(message.chat, kill_id(message), message.id)

    def _readable(self, message: Message) -> Message:
        message = _writable(message)
        # The mark is for people: the model must not learn to write it.
        return replace(message, text=unmarked(message.text, self._mark)) if message.own else message

    async def _owner_was_seen(self, by: str) -> None:
        if self._owner_watch is not None:
            await self._owner_watch.sign(by)


def _writable(message: Message) -> Message:
    """Replace half characters, which some messengers' JSON can carry and no UTF-8 can."""
    text, name = (part.encode("utf-8", "replace").decode() for part in (message.text, message.author.name))
    if (text, name) == (message.text, message.author.name):
        return message
    return replace(message, text=text, author=replace(message.author, name=name))
