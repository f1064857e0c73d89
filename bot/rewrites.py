"""Drafts for which another text was ordered, as workers take and end them: one worker a draft, with a fencing token."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.chats import chat_of, policy_of
from bot.clock import Clock
from bot.drafts import Draft, draft_of
from bot.store.store import Store
from chat.message import Chat, Message, message_from_json
from chat.transcript import Turn
from safety.mode import ChatPolicy


@dataclass(frozen=True, slots=True)
class Rewrite:
    """An order for another text, in one worker's hand."""

    draft: Draft
    turn: Turn | None
    """What is answered; None when it is not in the transcript any more."""
    policy: ChatPolicy
    token: int
    """The fencing token: whoever claims the draft next has a higher one, and ours is worth nothing."""
    epoch: int
    """The kill epoch at the claim."""
    order: int
    """Counts the draft's orders: each asks for other samples, and each try at one for the same."""
    tries: int
    """How often this order has been taken, this time included."""
    authors: tuple[str, ...]
    """Who is answered: should one of them not want that any more, the draft is void."""
    position: int | None
    """How many messages of others the chat has had, where the newest of them are to be seen."""


@dataclass(frozen=True, slots=True)
class NewText:
    """What a draft gets."""

    bubbles: tuple[str, ...]
    fields: Mapping[str, str] = field(default_factory=dict)


class Rewrites:
    """Claims, renews and ends rewrites. All methods raise StoreAway."""

    def __init__(self, store: Store, clock: Clock, lease_seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._lease_ms = int(lease_seconds * 1000)
        self._looks = 0

    async def claim(self) -> Rewrite | None:
        """Take the order that has waited longest, or None when none waits."""
        # Each search begins one partition further, else the first would be served best.
        self._looks += 1
        partitions = self._store.partitions
        for partition in ((self._looks + number) % partitions.count for number in partitions.all()):
            now = self._clock.now_ms()
            row = await self._store.run("claim_rewrite", partition, now, self._lease_ms)
            if row:
                return _rewrite(row, now)
        return None

    async def renew(self, rewrite: Rewrite, seconds: float | None = None) -> int | None:
        """Keep a claim, or with `seconds` give it back until then; gives the kill epoch, or None when it is lost."""
        now = self._clock.now_ms()
        until = now + (self._lease_ms if seconds is None else int(seconds * 1000))
        epoch = await self._store.run(
            "renew_rewrite", rewrite.draft.chat, now, rewrite.draft.id, rewrite.token, until
        )
        return None if epoch < 0 else int(epoch)

    async def written(self, rewrite: Rewrite, text: NewText, reason: str, facts: Mapping[str, Any]) -> str:
        """Put another text before the moderators. Gives `written`, or `lost`, or `frozen` under a kill."""
        position = "" if rewrite.position is None else rewrite.position
        answers = [message.id for message in rewrite.turn.messages if not message.own] if rewrite.turn else []
        answered = {"authors": json.dumps(rewrite.authors), "answers": json.dumps(answers)}
        text = replace(text, fields={**text.fields, **answered})
        return await self._end(rewrite, "written", reason, facts, text, position)

    async def kept(self, rewrite: Rewrite, reason: str, facts: Mapping[str, Any]) -> str:
        """Put the old text before them again, with the reason why there is no other. Gives what came of it."""
        return await self._end(rewrite, "kept", reason, facts, NewText(()), "")

    async def cancelled(self, rewrite: Rewrite) -> str:
        """Freeze the draft with its old text: a kill came. Gives `frozen` or `lost`."""
        return await self._end(rewrite, "cancelled", "", {}, NewText(()), "")

    async def _end(
        self,
        rewrite: Rewrite,
        kind: str,
        reason: str,
        facts: Mapping[str, Any],
        text: NewText,
        position: int | str,
    ) -> str:
        draft = rewrite.draft
        return str(
            await self._store.run(
                *("rewritten", draft.chat, self._clock.now_ms(), draft.id, rewrite.token, kind, reason),
                *(json.dumps(text.bubbles), position, json.dumps(dict(text.fields)), json.dumps(dict(facts))),
            )
        )


def _rewrite(row: Sequence[Any], now_ms: int) -> Rewrite:
    draft_id, token, epoch, flat_draft, flat_settings, transcript = row
    fields = dict(zip(flat_draft[::2], flat_draft[1::2], strict=True))
    settings = dict(zip(flat_settings[::2], flat_settings[1::2], strict=True))
    draft, newest = draft_of(draft_id, fields, now_ms), fields["newest"] == "1"
    chat = chat_of(draft.chat, settings)
    turn = _turn(chat, draft, [message_from_json(line) for line in transcript], newest=newest)
    answered = {message.author.id for message in turn.messages if not message.own} if turn else set()
    return Rewrite(
        draft=draft,
        turn=turn,
        authors=tuple(sorted(answered | set(json.loads(fields["authors"])))),
        policy=policy_of(settings),
        token=int(token),
        epoch=int(epoch),
        order=int(fields["orders"]),
        tries=int(fields["tries"]),
        position=int(settings.get("heard", 0)) if newest else None,
    )


def _turn(chat: Chat, draft: Draft, known: Sequence[Message], *, newest: bool) -> Turn | None:
    asked = [at for at, message in enumerate(known) if message.id in draft.messages]
    if not asked:
        return None
    first = asked[0]
    if not newest:
        return Turn(chat, tuple(known[at] for at in asked), tuple(known[:first]))
    # To the newest message of the others: an answer that stands behind it is no question.
    last = max(at for at, message in enumerate(known) if not message.own)
    return Turn(chat, tuple(known[first : max(last, asked[-1]) + 1]), tuple(known[:first]))
