"""The ledger on Redis: one hash a chat beside its other state; each change is one step, with its line in the journal.

Who says "stop talking to me" is heard at once: until their no is on record, this process sends nothing in the chat.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import structlog

from bot.chats import Chats
from bot.clock import Clock, as_datetime
from bot.errors import StoreError
from bot.order_folder import OrderFolder, OrderNote
from bot.store.store import Store
from chat.message import Author, ChatKey, Message
from safety.commands import Order
from safety.consent import ChatConsent, Entry, How, People, Purpose

_log = structlog.get_logger()
_CHAT: Final = "chat"
_NOTE_AFTER_SECONDS: Final = 0.05
"""How long a stop waits for Redis before it is noted on disk as well, as a kill does."""


class Consents:
    """Reads and changes the ledger; implements `safety.consent.Ledger`. All methods raise StoreAway."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        people: People = People.OPT_OUT,
        folder: OrderFolder | None = None,
    ) -> None:
        """Open it; with a folder, a stop by command that Redis cannot take is noted there."""
        self._store = store
        self._clock = clock
        self._folder = folder
        self.people: Final = people
        self._latched: set[tuple[ChatKey, str]] = set()
        self._noted: frozenset[tuple[ChatKey, str]] = frozenset()

    async def of(self, chat: ChatKey) -> ChatConsent:
        """Give what stands in the ledger for a chat."""
        prefix = self._store.partitions.prefix(self._store.partitions.of(chat))
        return consent_of(await self._store.hash(f"{prefix}consent:{chat}"), self.people)

    async def everywhere(self) -> Mapping[ChatKey, ChatConsent]:
        """Give what stands in the ledger for every chat, those that were disabled since too."""
        found: dict[ChatKey, ChatConsent] = {}
        cursor = 0
        while True:
            cursor, names = await self._store.ask("scan", cursor, match="understudy:{*}:consent:*", count=500)
            for name in names:
                chat = ChatKey.parse(name.partition("}:consent:")[2])
                found[chat] = await self.of(chat)
            if not cursor:
                return found

    async def grant(self, chat: ChatKey, person: Author, purpose: Purpose, how: How, by: str) -> None:
        """Write down that a person agreed. A chat that nobody enabled has no ledger."""
        await self._write(chat, person, purpose, how, by, agreed=True)

    async def withdraw(self, chat: ChatKey, person: Author, purpose: Purpose, how: How, by: str) -> None:
        """Write down that a person took it back.

        For `answered`, in the same step their messages go from transcript and box, drafts that answer them are void,
        and an answer in the making is lost. It holds in the chats that follow this one as well.
        """
        await self._write_no(chat, person, purpose, how, by)

    async def obey(self, order: Order, message: Message) -> None:
        """Do what a person in a chat said. A stop that cannot be recorded yet latches the chat until it is.

        The connector tells of the message again after a StoreAway, so it is on record as soon as it can be.
        """
        await self._obey(order, message.chat, message.author, message.id, said=message.id)

    async def obey_command(
        self, order: Order, chat: ChatKey, person: Author, once: str, part_of: ChatKey | None = None
    ) -> ChatKey | None:
        """Do what a person in a chat said by the messenger's own command; `once` is the command's id.

        `part_of` is the chat that it will follow, in case that it does not yet. Gives in whose ledger it is written
        down; None where nobody enabled either: nobody is answered there. To be told again after a StoreAway, as with a
        message; but nobody else tells of it, so a stop lies on disk until it is on record.
        """
        note = OrderNote(chat, part_of, person, once, self._clock.now_ms())
        if order is Order.START:
            await self._on_disk(lambda folder: folder.forget_of(chat, person.id))
            return await self._write_down(order, note)
        writing = asyncio.ensure_future(self._write_down(order, note))
        try:
            done, _ = await asyncio.wait({writing}, timeout=_NOTE_AFTER_SECONDS)
            if not done or writing.exception() is not None:
                await self._on_disk(lambda folder: folder.keep(note))
            found = await writing
        finally:
            writing.cancel()
        await self._forget(note)
        return found

    def heed(self, notes: Iterable[OrderNote]) -> None:
        """Be silent in the chats of the stops that lie on disk, and no longer in those of others that did."""
        self._noted = frozenset((note.chat, note.id) for note in notes)

    async def obey_note(self, note: OrderNote) -> None:
        """Put a stop on record that was found on disk, unless a newer word of the person is in the ledger."""
        for chat in filter(None, (note.chat, note.part_of)):
            entry = (await self.of(chat)).entries.get((Purpose.ANSWERED, note.person.id))
            if entry is not None and entry.at >= as_datetime(note.at_ms):
                break
        else:
            try:
                await self._write_down(Order.STOP, note)
            finally:
                # While it lies there the chat is silent by that; and another process may put it on record.
                self._latched -= {(chat, note.once) for chat in (note.chat, note.part_of) if chat}
        await self._forget(note)

    async def _write_down(self, order: Order, note: OrderNote) -> ChatKey | None:
        """Write an order into the ledger of the chat, or of the one that it will follow; gives which of them."""
        if await self._obey(order, note.chat, note.person, note.once) != "off":
            return note.chat
        if note.part_of is None or await self._obey(order, note.part_of, note.person, note.once) == "off":
            return None
        # It may have followed in between, with the ledger as it was.
        await self._obey(order, note.chat, note.person, note.once)
        return note.part_of

    async def _forget(self, note: OrderNote) -> None:
        await self._on_disk(lambda folder: folder.forget(note))
        self._noted -= {(note.chat, note.id)}

    async def _on_disk(self, act: Callable[[OrderFolder], None]) -> None:
        if self._folder is None:
            return
        try:
            await asyncio.to_thread(act, self._folder)
        except OSError as error:
            # It is tried as long as this process lives; only its death would lose it.
            _log.error("consent.not_noted", error=type(error).__name__)

    async def _obey(self, order: Order, chat: ChatKey, person: Author, once: str, said: str = "") -> str:
        stop = order is Order.STOP
        mark = (chat, once)
        if stop:
            self._latched.add(mark)
        word = (chat, person, Purpose.ANSWERED, How.IN_CHAT, person.name)
        try:
            answer = await (
                self._write_no(*word, said=said) if stop else self._write(*word, agreed=True, said=said)
            )
        except StoreError:
            _log.error("consent.waits_for_store", message=f"{chat}/{once}")
            raise
        self._latched.discard(mark)
        _log.info("consent.obeyed", order=order.value, message=f"{chat}/{once}")
        return answer

    def latched(self, chat: ChatKey) -> bool:
        """Whether somebody in a chat said stop, and Redis does not know it yet."""
        return any(latched == chat for latched, _ in (*self._noted, *self._latched))

    async def spoke_for_us(self, message: Message) -> bool:
        """Whether a message replies to one that stands in the owner's name."""
        if message.reply_to is None:
            return False
        prefix = self._store.partitions.prefix(self._store.partitions.of(message.chat))
        found = await self._store.ask("hget", f"{prefix}outcome:{message.chat}", message.reply_to)
        return found is not None and json.loads(found)["outcome"] == "own"

    async def _write_no(
        self, chat: ChatKey, person: Author, purpose: Purpose, how: How, by: str, said: str = ""
    ) -> str:
        # Parts first: whoever is cut short hears it again. And once more, for one may have followed in between.
        await self._write_in_parts(chat, person, purpose, how, by)
        answer = await self._write(chat, person, purpose, how, by, agreed=False, said=said)
        await self._write_in_parts(chat, person, purpose, how, by)
        return answer

    async def _write_in_parts(
        self, chat: ChatKey, person: Author, purpose: Purpose, how: How, by: str
    ) -> None:
        for part in await Chats(self._store, self._clock).parts(chat):
            await self._write(part, person, purpose, how, by, agreed=False)

    async def _write(
        self,
        chat: ChatKey,
        person: Author,
        purpose: Purpose,
        how: How,
        by: str,
        *,
        agreed: bool,
        said: str = "",
    ) -> str:
        return str(
            await self._store.run(
                *("consent", chat, self._clock.now_ms(), str(chat), person.id, person.name, purpose.value),
                *(int(agreed), how.value, by, said),
            )
        )


def consent_of(fields: Mapping[str, str], people: People) -> ChatConsent:
    """Read a chat's ledger as it is stored: the field `chat`, and `purpose|person` for each person."""
    entries = {}
    for name, text in fields.items():
        purpose, _, person = name.partition("|")
        if name != _CHAT:
            entries[Purpose(purpose), person] = _entry(json.loads(text))
    enabled = _entry(json.loads(fields[_CHAT])) if _CHAT in fields else None
    return ChatConsent(enabled, entries, people)


def _entry(data: Mapping[str, Any]) -> Entry:
    return Entry(
        data["agreed"],
        How(data["how"]),
        data["by"],
        as_datetime(int(data["at"])),
        data.get("name", ""),
        data.get("with", ""),
    )
