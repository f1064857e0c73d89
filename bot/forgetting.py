"""Taking a person out of Redis: the transcript, what waits, drafts, the journal, rooms; and looking for what is left.

What stays, on purpose: the bare entry in the ledger that they are not to be answered, by their id, for a no that is
forgotten is none. Accounts are not touched: `understudy people remove` takes one away.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Final

from bot.chats import Chats
from bot.clock import Clock
from bot.consents import Consents
from bot.store.store import Store
from chat.message import Author, ChatKey
from safety.consent import How, Purpose
from safety.traces import FORGOTTEN, Traces

_AT_ONCE: Final = 500
# What a worker or sender has in hand: it is decided in a moment, and then gone through the next time. Cards hold no
# texts, and are how those that stand on them are found.
_IN_HAND: Final = frozenset(
    {"box", "out", "outbox", "in_flight", "open", "ready", "card", "cards", "postponed"}
)
_ACCOUNTS: Final = frozenset({"people", "person", "token", "tokens", "session", "tries"})
_KEPT: Final = frozenset({"consent"})


class Forgetting:
    """Goes through the whole store. Methods raise StoreError."""

    def __init__(self, store: Store, clock: Clock, chats: Chats, consents: Consents) -> None:
        self._store = store
        self._clock = clock
        self._chats = chats
        self._consents = consents

    async def forget(self, traces: Traces, by: str) -> list[str]:
        """Take a person out; gives what was done, a line each."""
        chats = [state.chat.key for state in await self._chats.all()]
        people = {(chat, id_) for chat in chats for id_ in traces.ids}
        for chat, id_ in sorted(people):
            if await self._knows(chat, id_):
                # In one step: their messages, drafts that answer them, and whatever a worker makes of them.
                await self._consents.withdraw(chat, Author(id_, ""), Purpose.ANSWERED, How.OWNER, by)
        for chat in chats:
            if chat.chat_id in traces.ids:
                # The conversation with them alone.
                await self._chats.disable(chat, by)
        await self._chats.finish_erasing()
        taken = sum([await self._take_waiting(chat, traces, by) for chat in chats])
        async for key in self._keys():
            if _kind(key) not in _IN_HAND | _ACCOUNTS:
                taken += await self._clean(key, traces)
        if taken and self._store.embedded:
            # The log of all writes still tells what was there, until it is written anew.
            await self._store.ask("bgrewriteaof")
        return [f"Redis: {taken} entries"] if taken else []

    async def left(self, traces: Traces) -> dict[str, int]:
        """Say in how many entries of which keys a person still is; the ledger's bare no does not count."""
        found: dict[str, int] = {}
        async for key in self._keys():
            entries = [value for _, value in await self._entries(key)]
            count = sum(traces.found_in(_read(value)) for value in entries)
            if _kind(key) not in _KEPT | {"chat"}:
                count += traces.named(key)
            if _kind(key) in _KEPT:
                count = sum(traces.found_in(_read(value[1])) for value in entries if value[0] != "chat")
            if count:
                found[traces.masked(key)] = count
        return found

    async def _take_waiting(self, chat: ChatKey, traces: Traces, by: str) -> int:
        """Take what waits with traces of them out of a chat; gives how many messages of others and drafts."""
        ask, prefix = self._store.ask, self._store.partitions.prefix(self._store.partitions.of(chat))
        box = [_read(line) for line in await ask("lrange", f"{prefix}box:{chat}", 0, -1)]
        messages = [one["id"] for one in box if isinstance(one, dict) and traces.found_in(one)]
        waiting = set(await ask("smembers", f"{prefix}open:{chat}"))
        for bubble in await ask("lrange", f"{prefix}out:{chat}", 0, -1):
            waiting.add(await ask("hget", f"{prefix}bubble:{bubble}", "draft") or "")
        drafts = [
            id_
            for id_ in sorted(waiting)
            if traces.found_in(_read(await ask("hgetall", f"{prefix}draft:{id_}")))
        ]
        if messages or drafts:
            # In one step, and before the rest is cleaned: what is voided here is an old draft there.
            arguments = (self._clock.now_ms(), str(chat), by, len(messages), *messages, *drafts)
            await self._store.run("forget_words", chat, *arguments)
        return len(messages)

    async def _knows(self, chat: ChatKey, id_: str) -> bool:
        said = await self._chats.transcript(chat)
        ledger = await self._consents.of(chat)
        return any(message.author.id == id_ for message in said) or any(
            person == id_ for _, person in ledger.entries
        )

    async def _clean(self, key: str, traces: Traces) -> int:
        """Take the entries with traces out of one key."""
        kind, taken = await self._store.ask("type", key), 0
        has = [(name, value) for name, value in await self._entries(key) if traces.found_in(_read(value))]
        if kind == "hash" and _kind(key) in _KEPT:
            return await self._nameless(key, traces, dict(has))
        if kind == "hash" and _kind(key) == "chat":
            if title := await self._store.ask("hget", key, "title"):
                await self._store.ask("hset", key, "title", traces.masked(title))
            return 0
        if traces.named(key):
            return int(await self._store.ask("delete", key))
        if kind == "hash" and _kind(key) in {"draft", "bubble"}:
            return await self._drop(key) if has else 0
        for name, value in has:
            match kind:
                case "list":
                    taken += int(await self._store.ask("lrem", key, 1, value))
                case "hash":
                    taken += int(await self._store.ask("hdel", key, name))
                case "stream":
                    taken += int(await self._store.ask("xdel", key, name))
                case "zset":
                    taken += int(await self._store.ask("zrem", key, name))
                case "set":
                    taken += int(await self._store.ask("srem", key, name))
                case _:
                    taken += int(await self._store.ask("delete", key))
        return taken

    async def _drop(self, key: str) -> int:
        """Take out a draft or a bubble whole, and from the lists that name it; what is handed over stays for now."""
        head, id_ = key[: key.index("}:") + 2], key.partition("}:")[2].partition(":")[2]
        if await self._store.ask("hget", key, "state") in {
            "held",
            "frozen",
            "approved",
            "rewriting",
            "sending",
        }:
            return 0
        if _kind(key) == "draft":
            for index in ("all", "open"):
                await self._store.ask("zrem", f"{head}drafts:{index}", id_)
        return int(await self._store.ask("delete", key))

    async def _nameless(self, key: str, traces: Traces, has: dict[str, str]) -> int:
        """Take the name out of the ledger's entries of a person, and what they agreed to; their no stays."""
        for field in has:
            entry = json.loads(await self._store.ask("hget", key, field))
            if entry.get("agreed") and field != "chat":
                await self._store.ask("hdel", key, field)
            else:
                entry = {
                    name: traces.masked(text) if isinstance(text, str) else text
                    for name, text in entry.items()
                }
                entry["name"] = "" if entry.get("name", "").startswith(FORGOTTEN) else entry.get("name", "")
                await self._store.ask("hset", key, field, json.dumps(entry))
        return len(has)

    async def _keys(self) -> AsyncIterator[str]:
        cursor = 0
        while True:
            cursor, keys = await self._store.ask("scan", cursor, match="understudy:*", count=_AT_ONCE)
            for key in keys:
                yield str(key)
            if not cursor:
                return

    async def _entries(self, key: str) -> list[tuple[str, Any]]:  # noqa: PLR0911 - one a type
        """Everything in a key: what names each entry, and the entry."""
        ask = self._store.ask
        match await ask("type", key):
            case "hash":
                return [(name, (name, value)) for name, value in (await ask("hgetall", key)).items()]
            case "list":
                return [(value, value) for value in await ask("lrange", key, 0, -1)]
            case "set":
                return [(value, value) for value in await ask("smembers", key)]
            case "zset":
                return [(value, value) for value in await ask("zrange", key, 0, -1)]
            case "stream":
                return [(id_, fields) for id_, fields in await ask("xrange", key)]
            case "string":
                return [(key, await ask("get", key))]
            case _:
                return []


def _kind(key: str) -> str:
    """The kind of a key: what stands after the partition's prefix, or after the program's name."""
    rest = key.partition("}:")[2] or key.partition(":")[2]
    return rest.partition(":")[0]


def _read(value: Any) -> Any:  # noqa: ANN401 - whatever is stored
    """Read JSON where there is some, so that escaped letters are letters."""
    if isinstance(value, dict):
        return {key: _read(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_read(inner) for inner in value]
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
