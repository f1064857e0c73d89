"""What moderators made of the drafts: how often they said yes or no and why, and the texts that they mended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.chats import Chats
from bot.drafts import Drafts
from chat.message import ChatKey
from safety.consent import Ledger

REASONS: Final = ("not how I talk", "not true", "wrong moment", "too much", "I answer myself")
"""Offered for a rejection, so that the same thing is said, and counted, in the same words."""
_LET_GO = frozenset({"approved", "sent"})


@dataclass(frozen=True, slots=True)
class Summary:
    """The drafts that are still on record, counted; most first."""

    states: Mapping[str, int]
    reasons: Mapping[str, int]
    """Of the rejected ones: how often each reason was given."""
    edited: int
    """How many were let go with an edit."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A draft that was let go with an edit: what the model wrote, and what its moderator would have it write."""

    draft: str
    chat: ChatKey
    messages: tuple[str, ...]
    """The ids of the messages that it answers."""
    said: tuple[str, ...]
    """Those messages, `name: text`, as far as the transcript has them and their authors agreed to be trained on."""
    model: tuple[str, ...]
    approved: tuple[str, ...]
    by: str
    at: datetime | None


async def summary_of(drafts: Drafts) -> Summary:
    """Count the drafts. Raises StoreAway."""
    states: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    edited = 0
    async for draft in drafts.kept():
        states[draft.state] += 1
        if draft.state == "rejected":
            reasons[draft.reason] += 1
        edited += draft.state in _LET_GO and draft.original is not None
    return Summary(dict(states.most_common()), dict(reasons.most_common()), edited)


async def edits_of(drafts: Drafts, chats: Chats, ledger: Ledger) -> tuple[Edit, ...]:
    """Give the edits, oldest first, of chats that the ledger has an owner's enabling entry for.

    Other people's words stand in them only where they agreed to be trained on. Raises StoreAway.
    """
    found: list[Edit] = []
    said: dict[ChatKey, dict[str, str] | None] = {}
    async for draft in drafts.kept():
        if draft.original is None or draft.state not in _LET_GO:
            continue
        if draft.chat not in said:
            said[draft.chat] = await _said(chats, ledger, draft.chat)
        known = said[draft.chat]
        if known is None:
            continue
        found.append(
            Edit(
                draft=draft.id,
                chat=draft.chat,
                messages=draft.messages,
                said=tuple(known[id_] for id_ in draft.messages if id_ in known),
                model=draft.original,
                approved=draft.bubbles,
                by=draft.edited_by or draft.decided_by or "",
                at=draft.edited_at,
            )
        )
    return tuple(sorted(found, key=lambda edit: (edit.at is not None and edit.at.timestamp(), edit.draft)))


async def _said(chats: Chats, ledger: Ledger, key: ChatKey) -> dict[str, str] | None:
    consent = await ledger.of(key)
    if not consent.is_enabled:
        return None
    return {
        message.id: f"{message.author.name}: {message.text}"
        for message in await chats.transcript(key)
        if consent.may_train(message.author.id)
    }
