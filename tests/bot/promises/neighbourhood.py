"""Several rooms at once, a model whose answers can be told apart, and the books that must balance in the end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from bot.app import Office
from bot.chats import MessageOutcome
from bot.drafts import Draft
from chat.message import Author, ChatKey, Message
from safety.mode import Mode
from tests.bot.playground import PENDING, Playground, until

_FRIENDS: Final = (Author("mia", "Mia"), Author("leo", "Leo"))


def answer(messages: list[dict[str, str]]) -> str:
    """Two bubbles that name what they answer, and so are never the same twice."""
    asked = messages[-1]["content"].split()[-1]
    return f"{asked} yes\n{asked} sure thing"


class Neighbourhood:
    """Rooms in auto mode, and what was posted in them."""

    def __init__(self, office: Office, rooms: int) -> None:
        self.office = office
        self.rooms = [Playground(office, ChatKey("local", f"room-{number}")) for number in range(rooms)]
        self.posted: list[tuple[Playground, Message]] = []

    async def open(self, mode: Mode = Mode.AUTO) -> None:
        for room in self.rooms:
            await room.open(mode)

    async def post(self, count: int) -> None:
        """Post that many messages, room by room in turn, each with a text of its own."""
        for _ in range(count):
            number = len(self.posted)
            room = self.rooms[number % len(self.rooms)]
            message = await room.say(f"Sam? q{number}", _FRIENDS[number % 3 % 2])
            self.posted.append((room, message))

    async def outcomes(self) -> list[MessageOutcome | None]:
        found = {room.key: await self.office.desk.chats.outcomes(room.key) for room in self.rooms}
        return [found[room.key].get(message.id) for room, message in self.posted]

    async def settled(self, seconds: float = 40.0) -> list[str]:
        """Wait until every message that was posted has an outcome that no machine will change; gives them."""

        async def all_final() -> bool:
            return all(found and found.outcome not in PENDING for found in await self.outcomes())

        try:
            await until(all_final, seconds)
        except TimeoutError:
            left = [(str(m), o) for (_, m), o in zip(self.posted, await self.outcomes(), strict=True)]
            raise AssertionError(
                [item for item in left if not item[1] or item[1].outcome in PENDING]
            ) from None
        return [found.outcome for found in await self.outcomes() if found]

    async def drafts(self, room: Playground) -> list[Draft]:
        """The room's drafts in the order in which they were decided on."""
        journal = await entries(self.office, room.key)
        ids = [facts["draft"] for kind, _, facts in journal if kind == "turn.decided" and facts.get("draft")]
        return [await self.office.desk.drafts.get(id_) for id_ in ids]

    async def check_books(self, may_be_unknown: frozenset[str] = frozenset()) -> None:
        """Nothing lost, nothing twice, in order: each message in one turn, each turn's bubbles in the room once."""
        for room in self.rooms:
            journal = await entries(self.office, room.key)
            decided = [
                id_ for kind, _, facts in journal if kind == "turn.decided" for id_ in facts["messages"]
            ]
            posted = [message.id for other, message in self.posted if other is room]
            assert decided == posted, f"{room.key}: each message is decided on once, in order"
            planned: list[str] = []
            for draft in await self.drafts(room):
                if draft.id in may_be_unknown and draft.state == "unknown":
                    # What is known to have left, and perhaps the one bubble of which nobody knows.
                    said = [text for text in await room.answers() if text in draft.bubbles]
                    assert len(said) in {draft.sent, draft.sent + 1}, draft
                    planned += draft.bubbles[: len(said)]
                else:
                    assert draft.state == "sent", draft
                    planned += draft.bubbles
            assert await room.answers() == planned, f"{room.key}: every bubble once, in the planned order"
            sent = Counter(facts["bubble"] for kind, _, facts in journal if kind == "bubble.sent")
            assert set(sent.values()) <= {1}, f"{room.key}: each bubble is on record once"


async def entries(office: Office, key: ChatKey) -> list[tuple[str, str, dict[str, Any]]]:
    """The journal of a chat in the order in which it was written, whatever the clocks said."""
    import json

    name = office.store.partitions.prefix(office.store.partitions.of(key)) + "journal"
    rows = await office.store.ask("xrange", name)
    return [
        (fields["kind"], fields["chat"], json.loads(fields["facts"]))
        for _, fields in rows
        if fields["chat"] == str(key)
    ]


async def in_flight(office: Office) -> frozenset[str]:
    """The drafts that have a bubble at the messenger, or may have."""
    names = [office.store.partitions.prefix(p) for p in office.store.partitions.all()]
    found = await asyncio.gather(*(office.store.ask("smembers", name + "in_flight") for name in names))
    return frozenset(bubble.split(".")[0] for bubbles in found for bubble in bubbles)


def seeds_of(decisions: Sequence[dict[str, Any]]) -> list[int]:
    """The seeds of the first samples, as the journal has them."""
    return [facts["answers"][0]["seed"] for facts in decisions if facts.get("answers")]
