"""Places: what chats are called on their messenger, and which of them are parts of others and follow them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from bot.chats import Chats
from bot.clock import Clock
from bot.consents import Consents, consent_of
from bot.store.store import Store
from chat.message import Author, ChatKey
from safety.consent import People

_log = structlog.get_logger()
_TAKEN_OVER: Final = (
    *("mode", "probability", "mention_probability", "reply_probability", "kill_words", "disclosure"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chat is, as its messenger tells it."""

    chat: ChatKey
    title: str
    """What people see it called there."""
    parent: ChatKey | None = None
    """The chat that it is a part of: a kill of that one silences this one as well."""
    follows: bool = True
    """Whether a part is enabled as soon as the whole is."""


class Places:
    """Knows where the chats are that are heard in this process. Methods raise StoreAway."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._chats = Chats(store, clock)
        self._consents = Consents(store, clock)
        self._known: dict[ChatKey, Place] = {}
        self._named: dict[ChatKey, Place] = {}

    async def learn(self, place: Place) -> None:
        """Take a place in, and follow its name where the stand-in is in the chat."""
        self._known[place.chat] = place
        await self.name(place.chat)

    def parent(self, chat: ChatKey) -> ChatKey | None:
        """Give the chat that one is a part of, as far as its messenger has told of it."""
        place = self._known.get(chat)
        return place.parent if place else None

    async def name(self, chat: ChatKey) -> None:
        """Call a chat what its messenger calls it, unless an owner gave it another name. A chat not let in has none."""
        place = self._known.get(chat)
        if place is None or self._named.get(chat) == place:
            return
        now = self._clock.now_ms()
        if await self._store.run("name_chat", chat, now, str(chat), chat.chat_id, place.title) != "unknown":
            self._named[chat] = place

    async def follow(self, chat: ChatKey) -> bool:
        """Let the stand-in into a part of a chat that it is in, with that one's settings; gives whether it just was.

        An owner who took it out of the part keeps it out. A chat that is off is not followed. A part that follows under
        a kill of the whole is under it from its first moment.
        """
        place = self._known.get(chat)
        if place is None or place.parent is None or not place.follows or await self._is_in(chat):
            return False
        found = await self._whole(place.parent)
        if found is None:
            return False
        settings, entries = found
        answer = await self._store.run(
            *("follow", chat, self._clock.now_ms(), str(chat), str(place.parent), place.title),
            json.dumps({name: settings[name] for name in _TAKEN_OVER if name in settings}),
            json.dumps(entries),
        )
        if answer != "followed":
            return False
        whole = await self._whole(place.parent)
        if whole is None:
            # An owner disabled it meanwhile, and may not have seen this part.
            await self._chats.disable_part(chat, place.parent)
            return False
        await self._hear_noes(chat, entries, whole[1])
        _log.info("chat.followed", chat=str(chat), parent=str(place.parent))
        return True

    async def _hear_noes(self, chat: ChatKey, then: Mapping[str, str], now: Mapping[str, str]) -> None:
        """Write down in a part who has said no in the whole while it followed, and may not have seen it."""
        new = {field: said for field, said in now.items() if said != then.get(field)}
        for (purpose, person), entry in consent_of(new, People.OPT_OUT).entries.items():
            if not entry.agreed:
                who = Author(person, entry.name)
                await self._consents.withdraw(chat, who, purpose, entry.how, entry.by)

    async def _is_in(self, chat: ChatKey) -> bool:
        prefix = self._store.partitions.prefix(self._store.partitions.of(chat))
        return bool(await self._store.ask("hexists", f"{prefix}chat:{chat}", "mode"))

    async def _whole(self, parent: ChatKey) -> tuple[Mapping[str, str], Mapping[str, str]] | None:
        """The settings and the ledger of a chat that may be followed right now."""
        row: Any = await self._store.run("followed", parent, self._clock.now_ms(), str(parent))
        if not row:
            return None
        settings, entries = (dict(zip(flat[::2], flat[1::2], strict=True)) for flat in row)
        return settings, entries
