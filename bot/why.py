"""Why a message was, or was not, answered: what became of it, and its lines in the journal. Texts are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.chats import Chats, MessageOutcome
from bot.journal import Journal, JournalEntry
from chat.message import ChatKey

_ENTRIES: Final = 500
"""How far back in the chat's journal it is looked."""


@dataclass(frozen=True, slots=True)
class Account:
    """What became of a message."""

    message: str
    outcome: MessageOutcome | None
    """None where nothing is on record: it was not kept, or it is long ago."""
    entries: tuple[JournalEntry, ...]
    """What the journal says of it, of its turn and of its draft; oldest first."""


async def account_of(chats: Chats, journal: Journal, key: ChatKey, message: str = "") -> Account | None:
    """Account for a message of a chat, by default the last one that others wrote; None where there is none.

    For a message of the stand-in's own, what it answered is told. Raises StoreAway.
    """
    if not message:
        theirs = [said.id for said in await chats.transcript(key) if not said.own]
        if not theirs:
            return None
        message = theirs[-1]
    outcome = (await chats.outcomes(key)).get(message)
    entries = await journal.newest(_ENTRIES, str(key))
    return Account(message, outcome, _about(entries, message, outcome))


def _about(
    newest: Sequence[JournalEntry], message: str, outcome: MessageOutcome | None
) -> tuple[JournalEntry, ...]:
    """The entries that speak of a message, or of a draft that answers it or was sent as it."""
    drafts = {outcome.draft} if outcome else set()
    drafts |= {entry.facts.get("draft") for entry in newest if message in _messages(entry)}
    drafts.discard(None)
    return tuple(
        entry
        for entry in reversed(newest)
        if message in _messages(entry) or entry.facts.get("draft") in drafts
    )


def _messages(entry: JournalEntry) -> tuple[str, ...]:
    """The ids of the messages that an entry names: what was heard, decided on, or sent."""
    facts = entry.facts
    named = (facts.get("message"), facts.get("receipt"), *(facts.get("messages") or ()))
    return tuple(str(id_) for id_ in named if id_ is not None)
