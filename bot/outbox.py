"""The outbox: bubbles on their way, chat by chat in order, and the fence that each passes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from bot.clock import Clock, as_datetime
from bot.messengers.base import Bubble, Pause
from bot.owner import OwnerPresence
from bot.store.store import Store
from chat.echo import plain, unmarked
from chat.message import ChatKey, Message, message_to_json

_PAGE: Final = 100
_LONGEST_PAUSE_SECONDS: Final = 300.0
"""Then it is looked at again; times further ahead would be taken for a clock that has gone back."""


class Fence(StrEnum):
    """The fence's answer. Only `GO` lets the bubble be handed over; all else is already written down."""

    GO = "go"
    LOST = "lost"
    """Another sender has the chat."""
    KILLED = "killed"
    OFF = "off"
    OWNER = "owner"
    """The owner has typed or written in the chat since it was approved."""
    MODE = "mode"
    """Only the rules approved it, and the chat is not in auto any more, or it is in shadow: a moderator is asked."""
    EXPIRED = "expired"
    """It could not be sent in time."""
    MOVED = "moved"
    """The chat has moved past it."""
    UNKNOWN = "unknown"
    """It was handed over before, and nobody can say whether it left."""
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The next bubble of a chat, in one sender's hand."""

    bubble: Bubble
    token: int
    """The fencing token of the chat's outbox."""
    draft: str
    index: int
    total: int
    handed_over_before: bool
    """Whether it has already passed the fence, with nothing on record of what came of that."""
    text: str
    """What is kept of it: the bubble's text without the mark."""
    marked: bool
    tries: int
    """How often it has passed the fence."""
    part_of: ChatKey | None = None
    """The chat that its chat is a part of."""


@dataclass(frozen=True, slots=True)
class OutboxSettings:
    """How sending is bounded."""

    lease_seconds: float = 10.0
    moved_past_messages: int = 8
    """An answer is stale when the others have written that many messages since."""
    send_timeout_seconds: float = 20.0
    most_tries: int = 5
    retry_seconds: float = 2.0
    transcript_messages: int = 200


@dataclass(frozen=True, slots=True)
class Words:
    """What tells people of the stand-in, with its name filled in; without an announcement none is made."""

    announcement: str = ""
    mark: str = ""


class Outbox:
    """Claims bubbles, asks the fence, writes down what came of them. All methods raise StoreAway."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: OutboxSettings,
        owner: OwnerPresence | None = None,
        words: Words | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._words = words or Words()
        self._stay_ms = (owner or OwnerPresence(store, clock)).stay_ms

    async def claim(self, messenger: str, serves: Callable[[ChatKey], bool] | None = None) -> Outgoing | None:
        """Take the chat whose next bubble has been due longest, among those that `serves` names; None: among all."""
        for partition in self._store.partitions.all():
            only = [] if serves is None else [await self._longest_due(partition, messenger, serves)]
            row = await self._store.run(
                *("outbox_claim", partition, self._clock.now_ms(), messenger, self._lease_ms),
                int(bool(self._words.announcement)),
                *only,
            )
            if row:
                return _outgoing(row, self._words)
        return None

    async def _longest_due(self, partition: int, messenger: str, serves: Callable[[ChatKey], bool]) -> str:
        """The chat that `serves` names; others' bubbles stay where they are, for the process that serves those."""
        waiting, start = f"{self._store.partitions.prefix(partition)}outbox:{messenger}", 0
        while True:
            page: list[str] = await self._store.ask(
                "zrangebyscore", waiting, "-inf", self._clock.now_ms(), start=start, num=_PAGE
            )
            for chat in page:
                if serves(ChatKey.parse(chat)):
                    return chat
            if len(page) < _PAGE:
                return ""
            start += _PAGE

    async def keep(self, outgoing: Outgoing, due_ms: int | None = None) -> None:
        """Renew the claim, or with `due_ms` give the bubble back until then."""
        chat = outgoing.bubble.chat
        until = self._clock.now_ms() + self._lease_ms if due_ms is None else due_ms
        await self._store.run("release", chat, self._clock.now_ms(), str(chat), outgoing.token, until)

    async def addressed(self, outgoing: Outgoing) -> Bubble:
        """The bubble with whom it speaks to, as the chat stands now."""
        chat = outgoing.bubble.chat
        reply_to, people = await self._store.run("addressed", chat, str(chat), outgoing.bubble.id)
        # Where two have one name, nobody knows which of them is meant.
        named = {name: id_ for name, id_ in json.loads(people or "{}").items() if name and id_}
        return replace(outgoing.bubble, reply_to=reply_to or None, people=named)

    async def fence(self, outgoing: Outgoing, *, idempotent: bool) -> Fence:
        """Ask whether the bubble may be handed over right now; a yes records the intent in the same step."""
        settings = self._settings
        lease = int((settings.send_timeout_seconds + settings.lease_seconds) * 1000)
        return Fence(
            await self._run(
                *("fence", outgoing, lease, int(idempotent), settings.moved_past_messages),
                *(
                    plain(outgoing.text),
                    self._stay_ms,
                    int(bool(self._words.announcement)),
                    int(outgoing.marked),
                ),
            )
        )

    async def sent(self, outgoing: Outgoing, message: Message) -> None:
        """Write down that it left, with the messenger's receipt."""
        chat = outgoing.bubble.chat
        # The messenger gives its own view; that the stand-in wrote it is known here alone.
        # And the mark is for people: the model must not learn to write it.
        text = unmarked(message.text, self._words.mark) if outgoing.marked else message.text
        message = replace(message, text=text, own=True, stand_in=True)
        await self._store.run(
            *("sent", chat, self._clock.now_ms(), str(chat), outgoing.bubble.id, message.id),
            message_to_json(message),
            self._settings.transcript_messages,
        )

    async def unsent(self, outgoing: Outgoing, reason: str, *, final: bool = False) -> None:
        """Write down that it surely did not leave this time; unless that is `final` it is tried again, a few times."""
        settings = self._settings
        await self._run(
            *("unsent", outgoing, int(settings.retry_seconds * 1000), 0 if final else settings.most_tries),
            *(reason, int(outgoing.handed_over_before), 0, 1),
        )

    async def postponed(
        self, outgoing: Outgoing, pause: Pause, *, fenced: bool, perhaps_left: bool = False
    ) -> None:
        """Write down that the messenger asks to wait. However often it does, that is no failed try.

        `fenced` says whether the fence was asked for it; `perhaps_left` that some of it may stand in the chat.
        """
        wait = int(min(pause.seconds, _LONGEST_PAUSE_SECONDS) * 1000)
        perhaps = outgoing.handed_over_before or perhaps_left
        await self._run("unsent", outgoing, wait, 0, pause.reason, int(perhaps), 1, int(fenced))

    async def unknown(self, outgoing: Outgoing, reason: str) -> None:
        """Write down that nobody can say whether it left."""
        await self._run("unknown", outgoing, reason)

    @property
    def _lease_ms(self) -> int:
        return int(self._settings.lease_seconds * 1000)

    async def _run(self, name: str, outgoing: Outgoing, *arguments: str | float) -> str:
        chat = outgoing.bubble.chat
        return str(
            await self._store.run(
                *(name, chat, self._clock.now_ms(), str(chat), outgoing.token, outgoing.bubble.id), *arguments
            )
        )


def _outgoing(row: Sequence[str | int], words: Words) -> Outgoing:
    chat, token, bubble, draft, planned, index, total, state, tries, notice, marked, at, whole = row
    before = as_datetime(int(at)) if state == "sending" else None
    text = words.announcement if notice == "announcement" else str(planned)
    return Outgoing(
        bubble=Bubble(str(bubble), ChatKey.parse(str(chat)), words.mark * int(marked) + text, before),
        token=int(token),
        draft=str(draft),
        index=int(index),
        total=int(total),
        handed_over_before=state == "sending",
        text=text,
        marked=bool(marked),
        tries=int(tries),
        part_of=ChatKey.parse(str(whole)) if whole else None,
    )
