"""The chats the stand-in may be in, and their settings: title, mode, probability."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.clock import Clock, as_datetime
from bot.errors import ChatUnknown, SettingsInvalid
from bot.store.store import Store
from chat.message import Chat, ChatKey, Message, message_from_json
from safety.disclosure import Disclosure, disclosures_of
from safety.kill_word import KillWords
from safety.mode import ChatPolicy, Mode

DEFAULT_PROBABILITY: Final = 0.35
_STRETCH: Final = 500
_UNSERVED_SECONDS: Final = 10
"""A bubble that is due is taken at once, by whoever hears its chat."""


@dataclass(frozen=True, slots=True)
class ChatState:
    """A chat, its settings, and how far along it is."""

    chat: Chat
    policy: ChatPolicy
    waiting: int
    """Messages that wait for the next turn."""
    leaving: int
    """Bubbles that are on their way out."""
    answering: bool
    """Whether a worker has the chat in hand."""
    owner_seen: datetime | None = None
    """When the owner was last there in person."""
    unserved_seconds: int = 0
    """For how long its next bubble has waited for a process that hears the chat; 0 where one does."""


class Chats:
    """Reads and changes the chats' settings; every change stands in the journal."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def enable(self, chat: Chat, by: str, policy: ChatPolicy | None = None) -> None:
        """Let the stand-in into a chat, with the entry in the ledger.

        A chat it is already in keeps its settings; a new one starts `manual`.
        """
        policy = policy or ChatPolicy(mode=Mode.MANUAL, probability=DEFAULT_PROBABILITY)
        settings = {
            "mode": policy.mode.value,
            "probability": repr(policy.probability),
            "disclosure": ",".join(sorted(policy.disclosure)),
        }
        await self._store.run(
            *("enable", chat.key, self._clock.now_ms(), str(chat.key), by, chat.title, json.dumps(settings))
        )

    async def disable(self, key: ChatKey, by: str) -> None:
        """Take the stand-in out of a chat and of the parts that follow it.

        Their entries are withdrawn, and what was stored of them is erased. What stays is the ledger: who said no is
        not answered should the chat be enabled again. Raises ChatUnknown.
        """
        # Parts first: whoever is cut short finds the chat still there, and disables it again.
        for part in await self.parts(key):
            await self.disable_part(part, key, by)
        if await self._disable(key, by) == "unknown":
            raise _unknown(key)
        for part in await self.parts(key):
            await self.disable_part(part, key, by)

    async def parts(self, key: ChatKey) -> tuple[ChatKey, ...]:
        """Give the chats that follow a chat, as threads do their channel; an owner may have enabled others alone."""
        return tuple([part for part in await self._keys() if await self._follows(part) == str(key)])

    async def _follows(self, part: ChatKey) -> str | None:
        entry = await self._store.ask("hget", f"{self._prefix(part)}consent:{part}", "chat")
        return json.loads(entry).get("with") if entry else None

    async def disable_part(self, part: ChatKey, whole: ChatKey, by: str = "understudy") -> None:
        """Take the stand-in out of a chat that follows another; it follows again once that is enabled again."""
        await self._disable(part, by, str(whole))

    async def _disable(self, key: ChatKey, by: str, whole: str = "") -> str:
        answer = await self._store.run("disable", key, self._clock.now_ms(), str(key), by, whole)
        if answer != "unknown":
            await self._erase(self._store.partitions.of(key), str(key))
        return str(answer)

    async def finish_erasing(self) -> None:
        """Go through the journals for chats whose erasing was cut short. Meant to be called now and then."""
        for partition in self._store.partitions.all():
            for chat in await self._store.ask("hkeys", self._store.partitions.prefix(partition) + "erasing"):
                await self._erase(partition, chat)

    async def _erase(self, partition: int, chat: str) -> None:
        # In stretches: a kill must not wait behind a hundred thousand lines.
        cursor = "-"
        while cursor:
            cursor = str(await self._store.run("erase_journal", partition, chat, cursor, _STRETCH))

    async def set_mode(self, key: ChatKey, mode: Mode, by: str) -> None:
        """Change a chat's mode. Raises ChatUnknown."""
        await self._known(key)
        await self._set(key, by, {"mode": mode.value})

    async def set_probability(self, key: ChatKey, probability: float, by: str) -> None:
        """Change how often an ambient turn is answered, 0 to 1. Raises ChatUnknown and SettingsInvalid."""
        if not 0 <= probability <= 1:
            raise SettingsInvalid("a probability is from 0 to 1")
        await self._known(key)
        await self._set(key, by, {"probability": repr(probability)})

    async def set_kill_words(self, key: ChatKey, words: tuple[str, ...], by: str) -> None:
        """Set the chat's own kill words, beside those of all chats. Raises ChatUnknown and SettingsInvalid."""
        try:
            if words:
                KillWords(words)
        except ValueError as error:
            raise SettingsInvalid(str(error)) from None
        await self._known(key)
        await self._set(key, by, {"kill_words": json.dumps(words)})

    async def set_disclosure(self, key: ChatKey, ways: frozenset[Disclosure], by: str) -> None:
        """Change how the people in a chat are told of the stand-in. Raises ChatUnknown and SettingsInvalid."""
        if not ways:
            raise SettingsInvalid("a chat is told somehow: announced, marked or revealed")
        await self._known(key)
        await self._set(key, by, {"disclosure": ",".join(sorted(ways))})

    async def get(self, key: ChatKey) -> ChatState:
        """Give one chat. Raises ChatUnknown."""
        fields = await self._known(key)
        prefix = self._prefix(key)
        waiting = await self._store.ask("llen", f"{prefix}box:{key}")
        leaving = await self._store.ask("llen", f"{prefix}out:{key}")
        due = (
            await self._store.ask("zscore", f"{prefix}outbox:{key.messenger}", str(key)) if leaving else None
        )
        late = 0 if due is None else int((self._clock.now_ms() - due) / 1000)
        seen = fields.get("owner_at")
        return ChatState(
            *(chat_of(key, fields), policy_of(fields), waiting, leaving, "claim" in fields),
            owner_seen=as_datetime(int(seen)) if seen else None,
            unserved_seconds=late if late >= _UNSERVED_SECONDS else 0,
        )

    async def all(self) -> tuple[ChatState, ...]:
        """Give every chat, by name."""
        found: list[ChatState] = []
        for key in await self._keys():
            # One may have been disabled meanwhile.
            with contextlib.suppress(ChatUnknown):
                found.append(await self.get(key))
        return tuple(found)

    async def _keys(self) -> list[ChatKey]:
        keys: set[str] = set()
        for partition in self._store.partitions.all():
            keys |= await self._store.ask("smembers", self._store.partitions.prefix(partition) + "chats")
        return [ChatKey.parse(key) for key in sorted(keys)]

    async def transcript(self, key: ChatKey) -> tuple[Message, ...]:
        """Give what was said lately, oldest first."""
        name = f"{self._prefix(key)}transcript:{key}"
        lines = await self._store.ask("lrange", name, 0, -1)
        return tuple(message_from_json(line) for line in lines)

    async def said_in(self, key: ChatKey) -> tuple[str, ...]:
        """Give the ids of all messages of a chat whose text is kept somewhere."""
        prefix = self._prefix(key)
        lines = await self._store.ask("lrange", f"{prefix}transcript:{key}", 0, -1)
        lines += await self._store.ask("lrange", f"{prefix}box:{key}", 0, -1)
        in_journal = await self._store.ask("hkeys", f"{prefix}said:{key}")
        return tuple(dict.fromkeys([*(message_from_json(line).id for line in lines), *in_journal]))

    async def outcomes(self, key: ChatKey) -> dict[str, MessageOutcome]:
        """Give what became of each message of a chat, by message id."""
        found = await self._store.hash(f"{self._prefix(key)}outcome:{key}")
        return {id_: MessageOutcome(**json.loads(text)) for id_, text in found.items()}

    def _prefix(self, key: ChatKey) -> str:
        return self._store.partitions.prefix(self._store.partitions.of(key))

    async def _fields(self, key: ChatKey) -> dict[str, str]:
        return await self._store.hash(f"{self._prefix(key)}chat:{key}")

    async def _known(self, key: ChatKey) -> dict[str, str]:
        fields = await self._fields(key)
        if "mode" not in fields:
            raise _unknown(key)
        return fields

    async def _set(self, key: ChatKey, by: str, settings: dict[str, str]) -> None:
        answer = await self._store.run(
            "set_chat", key, self._clock.now_ms(), str(key), by, json.dumps(settings)
        )
        if answer == "unknown":
            raise _unknown(key)


def _unknown(key: ChatKey) -> ChatUnknown:
    return ChatUnknown(f"there is no chat {key}: `understudy status` lists them")


def chat_of(key: ChatKey, fields: Mapping[str, str]) -> Chat:
    """Read a chat's title, and what it is a part of, from its settings as they are stored."""
    whole = fields.get("parent")
    return Chat(key, fields.get("title", str(key)), ChatKey.parse(whole) if whole else None)


def policy_of(fields: Mapping[str, str]) -> ChatPolicy:
    """Read a chat's policy from its settings as they are stored; what was never set has its default."""
    default = ChatPolicy()
    return ChatPolicy(
        mode=Mode(fields.get("mode", default.mode)),
        probability=float(fields.get("probability", default.probability)),
        mention_probability=float(fields.get("mention_probability", default.mention_probability)),
        reply_probability=float(fields.get("reply_probability", default.reply_probability)),
        kill_words=tuple(json.loads(fields.get("kill_words", "[]"))),
        disclosure=disclosures_of(fields.get("disclosure", "announced")),
    )


@dataclass(frozen=True, slots=True)
class MessageOutcome:
    """What became of one message; `outcome` is one word, final unless `waiting`, `held`, `rewriting`, `approved` or
    `frozen`."""

    outcome: str
    reason: str
    turn: str | None = None
    draft: str | None = None
