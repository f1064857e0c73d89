"""What is on record after the storm, wherever it is on record: in Redis, at the messenger, at the model server."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.storm.record import Line
from bot.app import Office
from bot.chats import MessageOutcome
from bot.drafts import Draft
from chat.message import ChatKey


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a partition's journal: `index` is its place, `at` is Redis' own time in seconds."""

    index: int
    at: float
    said_at: int
    """What the writer's clock said, in milliseconds."""
    kind: str
    chat: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Books:
    """Everything the accountant looks at."""

    said: dict[str, list[str]]
    """Chat by chat the ids of what friends wrote, in order."""
    journals: dict[int, list[Entry]]
    """Partition by partition."""
    partition_of: dict[str, int]
    outcomes: dict[str, dict[str, MessageOutcome]]
    drafts: dict[str, Draft]
    messenger: list[Line]
    model: list[Line]
    part_of: Mapping[str, ChatKey]
    """Which chats are parts of which others."""
    deleted: frozenset[str] = frozenset()
    """The ids of what friends took back."""

    def journal_of(self, chat: str) -> list[Entry]:
        """A chat's own lines."""
        return [entry for entry in self.journals[self.partition_of[chat]] if entry.chat == chat]

    def out(self, chat: str) -> list[Line]:
        """What really went out in a chat, in order."""
        messenger, _, id_ = chat.partition("/")
        return [
            line
            for line in self.messenger
            if line.what == "out" and (line.facts["messenger"], line.facts["chat"]) == (messenger, id_)
        ]


async def open_books(
    office: Office,
    chats: Sequence[ChatKey],
    said: dict[str, list[str]],
    messenger: list[Line],
    model: list[Line],
    part_of: Mapping[str, ChatKey] | None = None,
    deleted: Collection[str] = (),
) -> Books:
    """Read what Redis has, and lay what others saw beside it."""
    partitions = office.store.partitions
    journals = {}
    drafts = {}
    for partition in partitions.all():
        rows = await office.store.ask("xrange", partitions.prefix(partition) + "journal")
        journals[partition] = [
            Entry(
                index,
                int(id_.partition("-")[0]) / 1000,
                int(fields["at"]),
                fields["kind"],
                fields["chat"],
                json.loads(fields["facts"]),
            )
            for index, (id_, fields) in enumerate(rows)
        ]
        for entry in journals[partition]:
            if entry.kind == "turn.decided" and entry.facts["outcome"] == "draft":
                id_ = entry.facts["draft"]
                drafts[id_] = await office.desk.drafts.get(id_)
    return Books(
        said=said,
        journals=journals,
        partition_of={str(chat): partitions.of(chat) for chat in chats},
        outcomes={str(chat): await office.desk.chats.outcomes(chat) for chat in chats},
        drafts=drafts,
        messenger=messenger,
        model=model,
        part_of=part_of or {},
        deleted=frozenset(deleted),
    )
