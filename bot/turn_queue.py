"""Turns as workers take and settle them: one worker a chat, with a fencing token that every step checks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import structlog

from bot.chats import chat_of, policy_of
from bot.clock import Clock, as_datetime
from bot.consents import consent_of
from bot.kill_switch import kill_from_json
from bot.store.store import Store
from chat.message import ChatKey, message_from_json
from chat.transcript import Turn
from safety.consent import ChatConsent, People
from safety.kill import Kill
from safety.mode import ChatPolicy

_log = structlog.get_logger()
_UNREADABLE: Final = "what is stored of it cannot be read"


@dataclass(frozen=True, slots=True)
class Claim:
    """A turn in one worker's hand."""

    turn: Turn
    policy: ChatPolicy
    kill: Kill | None
    generation: int
    """The fencing token: whoever claims the chat next has a higher one, and ours is worth nothing."""
    epoch: int
    """The kill epoch at the claim; a draft made under an older one does not leave."""
    attempts: int
    """How often this turn has been taken, this time included."""
    position: int
    """How many messages of others the chat had had, up to the end of this turn."""
    consent: ChatConsent
    owner_seen: datetime | None
    """When the owner last typed or wrote in the chat in person."""
    turns_alone: int = 0
    """How many turns in which only bots wrote were answered since a person last wrote."""


@dataclass(frozen=True, slots=True)
class DraftPlan:
    """A draft as the worker hands it over."""

    id: str
    bubbles: tuple[str, ...]
    hold: bool
    expires_at_ms: int
    fields: Mapping[str, str] = field(default_factory=dict)


class TurnQueue:
    """Claims, renews and settles turns. All methods raise StoreAway."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        lease_seconds: float,
        most_messages: int,
        overload_messages: int,
        people: People = People.OPT_OUT,
    ) -> None:
        self._store = store
        self._clock = clock
        self._lease_ms = int(lease_seconds * 1000)
        self._most = most_messages
        self._overload = max(overload_messages, most_messages)
        self._people = people
        self._looks = 0

    async def claim(self, worker: str) -> Claim | None:
        """Take the chat that has waited longest, or None when none is ready."""
        # Each search begins one partition further, else the first would be served best.
        self._looks += 1
        partitions = self._store.partitions
        for partition in ((self._looks + number) % partitions.count for number in partitions.all()):
            row = await self._store.run(
                "claim", partition, self._clock.now_ms(), worker, self._lease_ms, self._most, self._overload
            )
            if not row:
                continue
            try:
                return _claim(row, self._people)
            except ValueError:
                await self._give_up(row)
        return None

    async def _give_up(self, row: Sequence[Any]) -> None:
        """Settle a turn that cannot be read, so that one damaged line does not silence every chat."""
        ids = [str(found) for text in row[7] if (found := _id_of(text))]
        _log.error("turn.unreadable", chat=row[0], messages=len(row[7]))
        decision = {
            "turn": "unreadable",
            "messages": ids,
            "kind": "failed",
            "reason": _UNREADABLE,
        }
        key = ChatKey.parse(row[0])
        await self._store.run(
            *("settle", key, self._clock.now_ms(), str(key), row[1], row[2]), json.dumps(decision), "{}", "[]"
        )

    async def next_due_ms(self) -> int | None:
        """When the next chat becomes ready, in milliseconds since 1970; None when none waits."""
        due: list[float] = []
        for partition in self._store.partitions.all():
            name = self._store.partitions.prefix(partition) + "ready"
            first = await self._store.ask("zrange", name, 0, 0, withscores=True)
            due += [score for _, score in first]
        return int(min(due)) if due else None

    async def renew(self, claim: Claim) -> int | None:
        """Keep a claim; gives the chat's kill epoch, or None when the claim is lost."""
        key = claim.turn.chat.key
        epoch = await self._store.run(
            "renew", key, self._clock.now_ms(), str(key), claim.generation, self._lease_ms
        )
        return None if epoch < 0 else int(epoch)

    async def postpone(self, claim: Claim, seconds: float, reason: str) -> str:
        """Give a turn back, as it is pinned, to be tried again after a while."""
        key = claim.turn.chat.key
        return str(
            await self._store.run(
                *("postpone", key, self._clock.now_ms(), str(key), claim.generation, int(seconds * 1000)),
                reason,
            )
        )

    async def settle(
        self,
        claim: Claim,
        kind: str,
        reason: str,
        facts: Mapping[str, Any],
        draft: DraftPlan | None = None,
    ) -> str:
        """End a turn as `ignored`, `failed` or `draft`, in one step; gives `lost` or what it came to.

        The journal gets what was said beside the facts, for as long as nobody deletes it in the chat.
        """
        said = [
            {"id": message.id, "author": message.author.name, "text": message.text}
            for message in claim.turn.messages
        ]
        decision: dict[str, Any] = {
            "turn": claim.turn.id,
            "messages": [message.id for message in claim.turn.messages],
            "kind": kind,
            "reason": reason,
        }
        if draft is not None:
            decision |= {
                "draft": draft.id,
                "bubbles": list(draft.bubbles),
                "hold": draft.hold,
                "expires_at": draft.expires_at_ms,
                "position": claim.position,
                "authors": sorted({message.author.id for message in claim.turn.messages}),
                "fields": dict(draft.fields),
                "alone": all(message.author.is_bot for message in claim.turn.messages),
            }
        key = claim.turn.chat.key
        return str(
            await self._store.run(
                "settle",
                key,
                self._clock.now_ms(),
                str(key),
                claim.generation,
                claim.epoch,
                json.dumps(decision),
                json.dumps(dict(facts)),
                json.dumps(said),
            )
        )


def _id_of(text: str) -> object:
    try:
        return json.loads(text).get("id")
    except (ValueError, AttributeError):
        return None


def _pairs(flat: Sequence[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _claim(row: Sequence[Any], people: People) -> Claim:
    key, generation, epoch, flat, kill, attempts, position, waiting, transcript, ledger = row
    settings = _pairs(flat)
    consent = consent_of(_pairs(ledger), people)
    messages = tuple(message_from_json(text) for text in waiting)
    first, turn_ids = messages[0].id, {message.id for message in messages}
    known = [message_from_json(text) for text in transcript]
    # What came after the turn's first message belongs to this turn or to the next. A turn that waited so long that its
    # messages are out of the transcript has no history: all that is left there came later.
    before = next((at for at, message in enumerate(known) if message.id == first), 0)
    # Whoever may not be answered is not shown to the model either: a setting may have changed since they wrote.
    history = [
        message
        for message in known[:before]
        if message.id not in turn_ids and (message.own or consent.may_answer(message.author.id))
    ]
    # Own messages are no turn's: one that left, or that the owner wrote, while this turn gathered was said before it
    # is decided on, and who does not see it says it twice. Nor is what was missed for too long to be answered, and
    # stands between the turn's messages.
    last = max((at for at, message in enumerate(known) if message.id in turn_ids), default=0)
    history += [
        message
        for at, message in enumerate(known)
        if at >= before and message.id not in turn_ids
        if message.own or (at < last and consent.may_answer(message.author.id))
    ]
    chat = chat_of(ChatKey.parse(key), settings)
    return Claim(
        Turn(chat, messages, tuple(history)),
        policy_of(settings),
        kill_from_json(kill) if kill else None,
        int(generation),
        int(epoch),
        int(attempts),
        int(position),
        consent,
        as_datetime(int(seen)) if (seen := settings.get("owner_at")) else None,
        int(settings.get("turns_alone", 0)),
    )
