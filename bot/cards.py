"""Cards: where moderators see a draft in a messenger's own review channel, as Redis remembers it.

A card outlives its draft's record here until nothing of the draft's texts is shown on it any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.clock import Clock, as_datetime
from bot.store.store import Store
from bot.wakeup import Wakeup
from chat.message import ChatKey


@dataclass(frozen=True, slots=True)
class Card:
    """One draft's card."""

    draft: str
    chat: ChatKey
    channel: str
    """The review channel's id on the messenger."""
    message: str
    """The id of the message that the card is; empty until it is on record as posted."""
    face: str
    """What it shows, as a digest; empty where that is not known."""
    began: datetime
    """When it was first to be posted."""
    gone: bool
    """Whether somebody has deleted it; it is not posted again."""


@dataclass(frozen=True, slots=True)
class Held:
    """A card in this process's hand."""

    card: Card
    token: int
    """The fencing token: whoever takes the card next has a higher one, and ours is worth nothing."""

    @property
    def tried(self) -> bool:
        """Whether somebody had it before who may have posted it without writing that down."""
        return self.token > 1 and not self.card.message


class Cards:
    """Takes, writes and drops cards; in one process's hand at a time. All methods raise StoreAway."""

    def __init__(self, store: Store, clock: Clock, lease_seconds: float = 30.0) -> None:
        self._store = store
        self._clock = clock
        self.lease_seconds = lease_seconds
        self.wakeup = Wakeup(store)
        """Wakes who waits for a change of any draft or chat, while it runs."""

    async def all(self) -> tuple[Card, ...]:
        """Give every card that may still show something, oldest first."""
        found: list[Card] = []
        for partition in self._store.partitions.all():
            prefix = self._store.partitions.prefix(partition)
            for draft in await self._store.ask("smembers", f"{prefix}cards"):
                fields = await self._store.hash(f"{prefix}card:{draft}")
                if fields:
                    found.append(_card(draft, fields))
        return tuple(sorted(found, key=lambda card: (card.began, card.draft)))

    async def take(self, draft: str, chat: ChatKey, channel: str) -> Held | None:
        """Take a card in hand, for `lease_seconds`; a new one only while its draft is open.

        `channel` is where a new one is to stand. None where there is nothing to take: somebody else has it, or the
        draft is decided.
        """
        lease = int(self.lease_seconds * 1000)
        row = await self._store.run("card_take", chat, self._clock.now_ms(), draft, str(chat), channel, lease)
        if not row:
            return None
        fields = dict(zip(row[::2], row[1::2], strict=True))
        return Held(_card(draft, fields), int(fields["token"]))

    async def show(self, held: Held, message: str, face: str) -> None:
        """Write down which message it is and what it shows, and give it back."""
        await self._write(held, message, face)

    async def lose(self, held: Held) -> None:
        """Write down that somebody has deleted it, and give it back."""
        await self._write(held, held.card.message, "", gone=True)

    async def give_back(self, held: Held) -> None:
        """Give it back as it was, for whoever tries next."""
        await self._write(held, held.card.message, held.card.face)

    async def drop(self, held: Held) -> None:
        """Forget it: it shows nothing any more, or was never posted."""
        await self._store.run("card_drop", held.card.chat, self._clock.now_ms(), held.card.draft, held.token)

    async def _write(self, held: Held, message: str, face: str, *, gone: bool = False) -> None:
        card = held.card
        await self._store.run(
            *("card_show", card.chat, self._clock.now_ms(), card.draft, held.token),
            *(str(card.chat), card.channel, message, face, int(gone)),
        )


def _card(draft: str, fields: dict[str, str]) -> Card:
    return Card(
        draft=draft,
        chat=ChatKey.parse(fields["chat"]),
        channel=fields["channel"],
        message=fields.get("message", ""),
        face=fields.get("face", ""),
        began=as_datetime(int(fields["began"])),
        gone=fields.get("gone") == "1",
    )
