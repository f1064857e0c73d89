"""The ledger on Redis: one hash a chat beside its other state; each change is one step, with its line in the journal.

Who says "stop talking to me" is heard at once: until their no is on record, this process sends nothing in the chat.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import structlog

from bot.chats import Chats
from bot.clock import Clock, as_datetime
from bot.errors import StoreError
from bot.store.store import Store
from chat.message import Author, ChatKey, Message
from safety.commands import Order
from safety.consent import ChatConsent, Entry, How, People, Purpose

_log = structlog.get_logger()
_CHAT: Final = "chat"


class Consents:
    """Reads and changes the ledger; implements `safety.consent.Ledger`. All methods raise StoreAway."""

    def __init__(self, store: Store, clock: Clock, people: People = People.OPT_OUT) -> None:
        self._store = store
        self._clock = clock
        self.people: Final = people
        self._latched: set[tuple[ChatKey, str]] = set()

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

    async def obey_command(self, order: Order, chat: ChatKey, person: Author, once: str) -> bool:
        """Do what a person in a chat said by the messenger's own command; `once` is the command's id.

        Gives whether it is written down: a chat that nobody enabled has no ledger, and nobody is answered in it. To be
        told again after a StoreAway, as with a message.
        """
        return await self._obey(order, chat, person, once) != "off"

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
        return any(latched == chat for latched, _ in self._latched)

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
        data["agreed"], How(data["how"]), data["by"], as_datetime(int(data["at"])), data.get("name", "")
    )
