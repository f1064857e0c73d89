"""People are told: announced once however it crashes, marked on every message, revealed once and completely."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from bot.app import Office, Service, open_office
from bot.errors import DraftRefused, NotAllowed, SettingsInvalid
from bot.inbox import Inbox, Received
from bot.outbox import Fence, Outbox, Outgoing, Words
from bot.reveal import Said
from bot.settings import Settings
from bot.turn_queue import DraftPlan, TurnQueue
from chat.message import Author, Message
from safety.disclosure import ANNOUNCEMENT, Disclosure
from safety.kill import KillScope
from safety.mode import Mode
from tests.bot.playground import LEO, MODERATOR, OWNER, Playground, until
from tests.fakes.clock import JumpingClock
from tests.fakes.model_server import ModelServer

HELLO = ANNOUNCEMENT.replace("{name}", "Sam")
SAM = Author("persona:sam", "Sam")
ANNOUNCED, MARKED = frozenset({Disclosure.ANNOUNCED}), frozenset({Disclosure.MARKED})


async def test_the_first_message_into_a_chat_is_the_announcement_and_no_other_is(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    await office.desk.set_disclosure(OWNER, room.key, ANNOUNCED)
    model.say = lambda _: "yeah\nwhy not"
    assert (await room.settled(await room.say("Sam?"))).outcome == "answered"
    assert await room.answers() == [HELLO, "yeah", "why not"]
    model.say = lambda _: "see you"
    assert (await room.settled(await room.say("Sam?", LEO))).outcome == "answered"
    assert await room.answers() == [HELLO, "yeah", "why not", "see you"]
    # The model is not shown it, and does not take it for its own words.
    assert "stand-in" not in str(model.prompts)
    assert (await office.desk.chats.get(room.key)).owner_seen is None
    # Enabled anew, the chat is told anew.
    await office.desk.disable(OWNER, room.key)
    await room.open()
    await office.desk.set_disclosure(OWNER, room.key, ANNOUNCED)
    model.say = lambda _: "hello again"
    await room.settled(await room.say("Sam, hi"))
    assert (await room.answers())[-2:] == [HELLO, "hello again"]


async def test_every_message_bears_the_mark_and_the_model_never_sees_it(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    await office.desk.set_disclosure(OWNER, room.key, MARKED)
    model.say = lambda _: "yeah\nwhy not"
    await room.settled(await room.say("Sam?"))
    assert await room.answers() == ["🤖 yeah", "🤖 why not"]
    model.say = lambda _: "see you"
    await room.settled(await room.say("Sam?", LEO))
    assert "🤖" not in str(model.prompts)
    own = [message for message in await office.desk.chats.transcript(room.key) if message.own]
    assert [message.text for message in own] == ["yeah", "why not", "see you"]
    assert (await office.desk.chats.get(room.key)).owner_seen is None


async def test_a_chat_is_never_told_nothing(room: Playground, office: Office) -> None:
    with pytest.raises(SettingsInvalid):
        await office.desk.set_disclosure(OWNER, room.key, frozenset())
    with pytest.raises(NotAllowed):
        await office.desk.set_disclosure(MODERATOR, room.key, MARKED)


async def test_a_reveal_tells_everything_once(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    model.say = lambda _: "yeah\nwhy not"
    await room.settled(await room.say("Sam?"))
    with pytest.raises(NotAllowed):
        await office.desk.reveal(MODERATOR, room.key)
    # At the end: also where the chat has been switched off since.
    await office.desk.set_mode(OWNER, room.key, Mode.OFF)
    assert await office.desk.reveal(OWNER, room.key) == 2
    assert await office.desk.reveal(OWNER, room.key) == 0
    await until(lambda: _count(room, 3))
    assert await office.desk.reveal(OWNER, room.key) == 0
    told = (await room.answers())[-1]
    assert told.splitlines()[0].startswith("These messages were written by a stand-in")
    assert [line.partition(": ")[2] for line in told.splitlines()[1:]] == ["yeah", "why not"]
    # What comes later is told by the next one.
    await office.desk.set_mode(OWNER, room.key, Mode.AUTO)
    model.say = lambda _: "see you"
    await room.settled(await room.say("Sam?", LEO))
    assert await office.desk.reveal(OWNER, room.key) == 1


async def _count(room: Playground, count: int) -> bool:
    return len(await room.answers()) == count


async def test_under_a_kill_nothing_is_revealed_and_afterwards_all_of_it_can_be(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    await room.settled(await room.say("Sam?"))
    await office.desk.kill(OWNER, KillScope.everywhere())
    with pytest.raises(DraftRefused, match="a kill is in force"):
        await office.desk.reveal(OWNER, room.key)
    await office.desk.resume(OWNER, KillScope.everywhere())
    assert await office.desk.reveal(OWNER, room.key) == 1
    await until(lambda: _count(room, 2))


def test_a_long_reveal_is_split_within_the_messengers_limit(office: Office) -> None:
    said = [Said(f"b{n}", f"message number {n} " * 9, datetime(2026, 1, 1, tzinfo=UTC)) for n in range(90)]
    told = office.desk.reveals.told(said)
    assert len(told) > 2
    assert all(len(text) <= office.settings.disclosure.longest_message for text, _ in told)
    assert [id_ for _, ids in told for id_ in ids] == [one.id for one in said]


# Step by step, with crashes in between.


@dataclass
class Desk:
    """A chat in auto mode, announced and marked, and the parts that a service is made of."""

    office: Office
    room: Playground
    inbox: Inbox
    queue: TurnQueue
    outbox: Outbox
    clock: JumpingClock
    number: int = 0

    async def answer(self, *bubbles: str) -> str:
        self.number += 1
        asked = Message(self.room.key, f"m{self.number}", LEO, "Sam?", datetime.now(UTC))
        assert await self.inbox.receive(asked) is Received.ACCEPTED
        self.clock.jump_seconds += 1
        claim = await self.queue.claim("w")
        assert claim is not None
        plan = DraftPlan(
            f"d{self.number}", bubbles, hold=False, expires_at_ms=self.clock.now_ms() + 3_600_000
        )
        assert await self.queue.settle(claim, "draft", "fine", {}, plan) == "draft"
        return plan.id

    async def claim(self) -> Outgoing:
        outgoing = await self.outbox.claim("local")
        assert outgoing is not None
        return outgoing

    async def go(self, *, idempotent: bool = True) -> Outgoing:
        outgoing = await self.claim()
        assert await self.outbox.fence(outgoing, idempotent=idempotent) is Fence.GO
        return outgoing

    async def sent(self, outgoing: Outgoing) -> str:
        self.number += 1
        text = outgoing.bubble.text
        message = Message(self.room.key, f"r{self.number}", SAM, text, datetime.now(UTC), own=True)
        await self.outbox.sent(outgoing, message)
        return text


@pytest.fixture
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    clock = JumpingClock()
    async with open_office(settings, clock) as office:
        room = Playground(office)
        await room.open()
        await office.desk.set_disclosure(OWNER, room.key, ANNOUNCED | MARKED)
        inbox = Inbox(
            *(office.store, clock, office.kill_switch, office.kill_words, settings.turns, office.faults),
            mark="🤖 ",
        )
        queue = TurnQueue(office.store, clock, 10.0, 20, 1000)
        outbox = Outbox(office.store, clock, settings.outbox, words=Words("hello", "🤖 "))
        yield Desk(office, room, inbox, queue, outbox, clock)


async def test_an_announcement_whose_sender_died_is_handed_over_again_under_the_same_key(desk: Desk) -> None:
    await desk.answer("sure")
    first = await desk.go()
    assert first.bubble.text == "🤖 hello"
    for _ in range(3):
        desk.clock.jump_seconds += 60
        again = await desk.go()
        assert again.bubble == first.bubble
    assert await desk.sent(again) == "🤖 hello"
    assert await desk.sent(await desk.go()) == "🤖 sure"
    assert (await desk.office.desk.drafts.get("d1")).state == "sent"
    await desk.answer("see you")
    assert (await desk.go()).bubble.text == "🤖 see you"


async def test_an_announcement_that_a_kill_stopped_is_planned_again_with_the_next_answer(desk: Desk) -> None:
    await desk.answer("sure")
    outgoing = await desk.claim()
    await desk.office.desk.kill(OWNER, KillScope.everywhere())
    assert await desk.outbox.fence(outgoing, idempotent=True) is Fence.KILLED
    await desk.office.desk.resume(OWNER, KillScope.everywhere())
    assert await desk.outbox.claim("local") is None
    await desk.office.desk.approve(MODERATOR, "d1")
    assert [await desk.sent(await desk.go()) for _ in range(2)] == ["🤖 hello", "🤖 sure"]


async def test_the_fence_lets_nothing_past_that_is_told_otherwise_since_it_was_claimed(desk: Desk) -> None:
    await desk.answer("sure", "see you")
    await desk.sent(await desk.go())
    outgoing = await desk.claim()
    await desk.office.desk.set_disclosure(OWNER, desk.room.key, frozenset({Disclosure.REVEALED}))
    assert await desk.outbox.fence(outgoing, idempotent=True) is Fence.LOST
    assert (await desk.go()).bubble.text == "sure"


async def test_an_announcement_is_due_as_soon_as_the_chat_is_to_be_told_so(desk: Desk) -> None:
    await desk.office.desk.set_disclosure(OWNER, desk.room.key, MARKED)
    await desk.answer("sure")
    outgoing = await desk.claim()
    assert outgoing.bubble.text == "🤖 sure"
    await desk.office.desk.set_disclosure(OWNER, desk.room.key, ANNOUNCED)
    assert await desk.outbox.fence(outgoing, idempotent=True) is Fence.LOST
    assert [await desk.sent(await desk.go()) for _ in range(2)] == ["hello", "sure"]


@pytest.mark.parametrize("stand_in", [False, True])
async def test_an_echo_of_the_announcement_is_neither_the_owner_nor_the_models_words(
    desk: Desk, stand_in: bool
) -> None:
    # Some messengers say whose it is: where the account is the stand-in's alone.
    await desk.answer("sure")
    outgoing = await desk.go()
    text, now = outgoing.bubble.text, datetime.now(UTC)
    echo = Message(desk.room.key, "r1", SAM, text, now, own=True, stand_in=stand_in)
    assert await desk.inbox.receive(echo) is Received.ECHO
    await desk.outbox.sent(outgoing, echo)
    assert not any(message.own for message in await desk.office.desk.chats.transcript(desk.room.key))
    assert (await desk.office.desk.chats.get(desk.room.key)).owner_seen is None


async def test_two_reveals_at_once_tell_once_and_a_stopped_one_is_told_again(desk: Desk) -> None:
    await desk.answer("sure")
    for _ in range(2):
        await desk.sent(await desk.go())
    assert await desk.office.desk.reveal(OWNER, desk.room.key) == 1
    assert await desk.office.desk.reveal(OWNER, desk.room.key) == 0
    outgoing = await desk.claim()
    await desk.office.desk.kill(OWNER, KillScope.everywhere())
    assert await desk.outbox.fence(outgoing, idempotent=True) is Fence.KILLED
    await desk.office.desk.resume(OWNER, KillScope.everywhere())
    assert await desk.office.desk.reveal(OWNER, desk.room.key) == 1
    # The owner is at the keyboard, and the chat in shadow: the owner's own words leave all the same.
    await desk.office.desk.owner_here(OWNER, desk.room.key, here=True)
    await desk.office.desk.set_mode(OWNER, desk.room.key, Mode.SHADOW)
    unknown = await desk.go(idempotent=False)
    await desk.outbox.unknown(unknown, "the messenger did not say")
    # It may have been told: it is not told twice.
    assert await desk.office.desk.reveal(OWNER, desk.room.key) == 0
