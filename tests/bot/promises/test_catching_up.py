"""Two processes that lose their sessions, crash and read up in any order: each message stands once, in its place."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from bot.app import Office
from bot.inbox import Inbox
from chat.message import Message
from tests.bot.playground import MIA, ROOM, Playground, let_in

WITHIN = timedelta(minutes=10)
STEPS = 150


@dataclass(frozen=True)
class Told:
    """A message as one process is to give it on: late, or as it was written."""

    message: Message
    late: bool


class Reader:
    """One process: what it has heard or fetched, and not given on yet."""

    def __init__(self, office: Office, said: list[Message]) -> None:
        self._inbox = Inbox(
            *(office.store, office.clock, office.kill_switch, office.kill_words),
            *(office.settings.turns, office.faults),
        )
        self._said = said
        self._heard: deque[Told] | None = None
        self._behind = True

    def hear(self, message: Message) -> None:
        if self._heard is not None:
            self._heard.append(Told(message, late=False))

    async def connect(self) -> None:
        """Begin a session that tells of nothing from before it."""
        if self._heard is None:
            self._heard, self._behind = deque(), True

    async def crash(self) -> None:
        self._heard = None

    async def step(self) -> None:
        """Read up, or give one message on."""
        if self._heard is None:
            return
        if self._behind:
            standing = await self._inbox.standing(ROOM)
            assert standing is not None
            mark = int(standing.watermark or "0")
            following = int(self._heard[0].message.id) if self._heard else float("inf")
            missed = [one for one in self._said if mark < int(one.id) < following]
            self._heard.extendleft(Told(one, late=True) for one in reversed(missed))
            self._behind = False
        elif self._heard:
            told = self._heard.popleft()
            if told.late:
                await self._inbox.catch_up(told.message, WITHIN)
            else:
                await self._inbox.receive(told.message)

    async def drain(self) -> None:
        await self.connect()
        while self._behind or self._heard:
            await self.step()


@pytest.mark.parametrize("seed", range(10))
async def test_each_message_stands_once_and_in_order(office: Office, room: Playground, seed: int) -> None:
    draw = random.Random(seed)
    await let_in(office, ROOM, 3600)
    said: list[Message] = []
    readers = [Reader(office, said) for _ in range(2)]

    def say() -> None:
        message = Message(ROOM, str(999_990 + len(said)), MIA, f"text {len(said)}", datetime.now(UTC))
        said.append(message)
        for reader in readers:
            reader.hear(message)

    for _ in range(STEPS):
        reader = draw.choice(readers)
        match draw.choices(("say", "step", "connect", "crash"), (3, 8, 2, 1))[0]:
            case "say":
                say()
            case "step":
                await reader.step()
            case "connect":
                await reader.connect()
            case _:
                await reader.crash()
    await readers[0].drain()
    found = await office.desk.chats.transcript(ROOM)
    assert [message.id for message in found] == [message.id for message in said]
    outcomes = await office.desk.chats.outcomes(ROOM)
    assert {*outcomes} == {message.id for message in said}
    accepted = [entry for entry in await office.desk.journal.newest(500) if entry.kind == "message.accepted"]
    assert len(accepted) == len(said)
