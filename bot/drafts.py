"""Drafts: texts that the model wrote and that may not leave yet, and what moderators do with them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.clock import Clock, as_datetime
from bot.errors import DraftRefused
from bot.store.store import Store
from chat.message import ChatKey

OPEN_STATES: Final = frozenset({"held", "frozen"})

_REFUSALS: Final = {
    "missing": "there is no such draft",
    "decided": "it has already been decided",
    "killed": "a kill is in force: the owner must resume first",
    "off": "the chat is switched off",
    "shadow": "the chat is in shadow mode, where nothing is sent",
    "expired": "it has expired",
    "stale": "the chat has moved past it",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """One draft of one or more bubbles.

    `state` is `held` or `frozen` (open), `approved` (on its way), or final: `sent`, `rejected`, `expired`, `stale`,
    `shadow`, `void`, `failed`, `unknown`.
    """

    id: str
    chat: ChatKey
    turn: str
    messages: tuple[str, ...]
    bubbles: tuple[str, ...]
    original: tuple[str, ...] | None
    """What the model wrote, where a moderator edited it."""
    state: str
    reason: str
    decided_by: str | None
    created_at: datetime
    expires_at: datetime
    sent: int
    """How many bubbles have left."""
    fields: Mapping[str, str]
    """How it was made: persona, fingerprint, seed, sampling."""

    @property
    def open(self) -> bool:
        """Whether it waits for a moderator."""
        return self.state in OPEN_STATES


class Drafts:
    """Reads drafts, and changes them in single steps. All methods raise StoreAway."""

    def __init__(self, store: Store, clock: Clock, moved_past_messages: int) -> None:
        self._store = store
        self._clock = clock
        self._moved = moved_past_messages

    async def get(self, draft_id: str) -> Draft:
        """Give one draft. Raises DraftRefused (`missing`)."""
        for partition in self._store.partitions.all():
            fields = await self._store.hash(self._name(partition, draft_id))
            if fields:
                return _draft(draft_id, fields)
        raise DraftRefused("missing", f"draft {draft_id}: {_REFUSALS['missing']}")

    async def waiting(self) -> tuple[Draft, ...]:
        """Give the open drafts, oldest first."""
        return await self._listed("open", 0, -1)

    async def newest(self, count: int = 50) -> tuple[Draft, ...]:
        """Give the newest drafts of any state, newest first."""
        found = await self._listed("all", -count, -1)
        return tuple(reversed(found))[:count]

    async def approve(self, draft_id: str, by: str, bubbles: Sequence[str] | None = None) -> None:
        """Let a draft leave, edited or as it is. Two approvals send once. Raises DraftRefused."""
        edited = json.dumps(list(bubbles)) if bubbles else ""
        draft = await self.get(draft_id)
        answer, state, decided_by = await self._store.run(
            "approve", draft.chat, self._clock.now_ms(), draft_id, by, edited, self._moved
        )
        if answer != "approved":
            raise _refused(draft_id, answer, state, decided_by)

    async def reject(self, draft_id: str, by: str, reason: str) -> None:
        """Throw a draft away. Raises DraftRefused."""
        draft = await self.get(draft_id)
        answer, state, decided_by = await self._store.run(
            "reject", draft.chat, self._clock.now_ms(), draft_id, by, reason or "rejected"
        )
        if answer != "rejected":
            raise _refused(draft_id, answer, state, decided_by)

    async def sweep(self) -> int:
        """Close the open drafts whose time has come or that their chat has moved past; gives how many."""
        return sum(
            [
                int(await self._store.run("sweep", partition, self._clock.now_ms(), self._moved))
                for partition in self._store.partitions.all()
            ]
        )

    async def _listed(self, index: str, first: int, last: int) -> tuple[Draft, ...]:
        drafts: list[Draft] = []
        for partition in self._store.partitions.all():
            name = f"{self._store.partitions.prefix(partition)}drafts:{index}"
            ids = await self._store.ask("zrange", name, first, last)
            # One that was decided long ago may be gone, and its place in the list not yet.
            drafts += [
                _draft(id_, fields)
                for id_ in ids
                if (fields := await self._store.hash(self._name(partition, id_)))
            ]
        return tuple(sorted(drafts, key=lambda draft: (draft.created_at, draft.id)))

    def _name(self, partition: int, draft_id: str) -> str:
        return f"{self._store.partitions.prefix(partition)}draft:{draft_id}"


_OWN_FIELDS: Final = frozenset(
    {"chat", "turn", "messages", "bubbles", "original", "state", "reason", "decided_by", "decided_at"}
    | {"auto", "lifetime", "created_at", "expires_at", "sent", "attempt", "position"}
)


def _draft(draft_id: str, fields: Mapping[str, str]) -> Draft:
    original = fields.get("original")
    return Draft(
        id=draft_id,
        chat=ChatKey.parse(fields["chat"]),
        turn=fields["turn"],
        messages=tuple(json.loads(fields["messages"])),
        bubbles=tuple(json.loads(fields["bubbles"])),
        original=tuple(json.loads(original)) if original else None,
        state=fields["state"],
        reason=fields["reason"],
        decided_by=fields.get("decided_by"),
        created_at=as_datetime(int(fields["created_at"])),
        expires_at=as_datetime(int(fields["expires_at"])),
        sent=int(fields["sent"]),
        fields={name: text for name, text in fields.items() if name not in _OWN_FIELDS},
    )


def _refused(draft_id: str, answer: str, state: str, decided_by: str) -> DraftRefused:
    text = _REFUSALS[answer]
    if answer == "decided":
        text += f" ({state}" + (f" by {decided_by})" if decided_by else ")")
    return DraftRefused(answer, f"draft {draft_id}: {text}")
