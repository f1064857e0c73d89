"""The record of everything that was decided and why. Each step writes its line in the step itself."""

from __future__ import annotations

import asyncio
import heapq
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.clock import as_datetime
from bot.store.store import Store


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One line: when, what kind (`turn.decided`, `bubble.sent`, `kill`), which chat or scope, and the facts."""

    id: str
    at: datetime
    kind: str
    chat: str
    facts: Mapping[str, Any]


class Journal:
    """Reads the journal of all partitions as one."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def newest(self, count: int = 100, chat: str | None = None) -> list[JournalEntry]:
        """Give the newest entries, newest first; of one chat (with kills that concern all), if named."""
        # A chat's entries may be rare in its partition: read on until there are enough or nothing is left.
        found = await asyncio.gather(*(self._of(p, count, chat) for p in self._store.partitions.all()))
        merged = heapq.merge(*found, key=lambda entry: (entry.at, entry.id), reverse=True)
        unique = _without_copies(merged)
        return unique[:count]

    async def _of(self, partition: int, count: int, chat: str | None) -> list[JournalEntry]:
        name = self._store.partitions.prefix(partition) + "journal"
        entries: list[JournalEntry] = []
        before = "+"
        while len(entries) < count:
            rows = await self._store.ask("xrevrange", name, max=before, count=max(count, 100))
            if not rows:
                break
            for id_, fields in rows:
                entry = _entry(f"{partition}:{id_}", fields)
                if chat is None or entry.chat == chat or entry.kind in {"kill", "resume"}:
                    entries.append(entry)
            before = f"({rows[-1][0]}"
        # One out of which a deleted text was taken stands behind later ones.
        return sorted(entries, key=lambda entry: (entry.at, entry.id), reverse=True)[:count]


def _entry(id_: str, fields: Mapping[str, str]) -> JournalEntry:
    at = as_datetime(int(fields["at"]))
    facts = json.loads(fields["facts"])
    if said := json.loads(fields.get("said", "[]")):
        facts["said"] = said
    return JournalEntry(id_, at, fields["kind"], fields["chat"], facts)


def _without_copies(entries: Any) -> list[JournalEntry]:  # noqa: ANN401
    """A kill everywhere is written in each partition; people see one."""
    seen: set[tuple[str, datetime, str]] = set()
    kept = []
    for entry in entries:
        mark = (entry.kind, entry.at, entry.chat)
        if entry.kind in {"kill", "resume"}:
            if mark in seen:
                continue
            seen.add(mark)
        kept.append(entry)
    return kept
