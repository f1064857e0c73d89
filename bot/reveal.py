"""The reveal: telling a chat at the end what was the stand-in's, once, through outbox and fence."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.clock import Clock, as_datetime
from bot.errors import ChatUnknown, DraftRefused
from bot.store.store import Store
from chat.message import ChatKey

_LIFETIME_MS: Final = 86_400_000
_BEGINNING: Final = 60
_AGAIN: Final = frozenset({None, "void", "failed"})
"""What became of a message of a reveal that surely never left: what it told is still to be told."""


@dataclass(frozen=True, slots=True)
class Said:
    """A bubble that was sent, and not revealed yet."""

    id: str
    text: str
    at: datetime


class Reveals:
    """Knows what was the stand-in's for as long as bubbles are kept, 90 days. All methods raise StoreAway."""

    def __init__(self, store: Store, clock: Clock, longest: int) -> None:
        self._store = store
        self._clock = clock
        self._longest = longest

    async def unrevealed(self, chat: ChatKey) -> tuple[Said, ...]:
        """Give what was sent into a chat and not told yet, oldest first."""
        prefix = self._store.partitions.prefix(self._store.partitions.of(chat))
        found: list[Said] = []
        for id_ in await self._store.ask("zrange", f"{prefix}bubbles:{chat}", 0, -1):
            bubble = await self._store.hash(f"{prefix}bubble:{id_}")
            if bubble.get("state") != "sent" or "notice" in bubble:
                continue
            told = bubble.get("revealing")
            state = await self._store.ask("hget", f"{prefix}bubble:{told}", "state") if told else None
            if state in _AGAIN:
                found.append(Said(id_, bubble["text"], as_datetime(int(bubble["sent_at"]))))
        return tuple(sorted(found, key=lambda said: (said.at, said.id)))

    def told(self, said: Sequence[Said]) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Compose the messages, each with the ids of what it tells: times (UTC) and how each text begins."""
        messages: list[tuple[str, list[str]]] = []
        for one in said:
            beginning = " ".join(one.text.split())
            if len(beginning) > _BEGINNING:
                beginning = beginning[:_BEGINNING].rstrip() + "…"
            line = f"\n{one.at:%Y-%m-%d %H:%M}: {beginning}"
            if not messages or len(messages[-1][0]) + len(line) > self._longest:
                messages.append(
                    ("These messages were written by a stand-in, a language model (times in UTC):", [])
                )
            text, ids = messages.pop()
            messages.append((text + line, [*ids, one.id]))
        return tuple((text, tuple(ids)) for text, ids in messages)

    async def reveal(self, chat: ChatKey, by: str) -> int:
        """Tell a chat what was not told yet; gives how many bubbles that is. Leaves when a service sends it.

        Raises DraftRefused while a kill is in force, and ChatUnknown.
        """
        while said := await self.unrevealed(chat):
            told = self.told(said)
            answer = await self._store.run(
                *("reveal", chat, self._clock.now_ms(), str(chat), by, secrets.token_hex(8)),
                json.dumps([text for text, _ in told]),
                json.dumps([ids for _, ids in told]),
                _LIFETIME_MS,
            )
            if answer == "killed":
                raise DraftRefused(
                    "killed", f"{chat}: a kill is in force, nothing was revealed: resume first"
                )
            if answer == "unknown":
                raise ChatUnknown(f"the stand-in is not in {chat}")
            if answer == "approved":
                return len(said)
            # Somebody else reveals at the same time: look again at what is left.
        return 0
