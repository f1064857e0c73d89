"""The owner in person: the stand-in steps back at the worst moments, and never takes its own echo for the owner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from bot.app import Office, Service, open_office
from bot.errors import NotAllowed
from bot.inbox import Inbox, Received
from bot.outbox import Fence, Outbox, Outgoing
from bot.owner import OwnerPresence
from bot.settings import RuleSettings, Settings
from bot.turn_queue import DraftPlan, TurnQueue
from chat.message import Author, ChatKey, Message
from safety.kill import KillScope
from safety.mode import Mode
from safety.rules.owner_present import OwnerPresentSettings
from tests.bot.playground import LEO, MODERATOR, OWNER, Playground, running, until
from tests.fakes.clock import JumpingClock
from tests.fakes.model_server import ModelServer, ServedEngine

SAM = Author("persona:sam", "Sam")
LONG = "\n".join(f"bubble {letter} of a long answer" for letter in "abcdefgh")


async def _writing(model: ModelServer) -> bool:
    return model.running > 0


async def _own(room: Playground, text: str = "I am here myself") -> Message:
    return await room.office.rooms.post(room.key, SAM, text, own=True)


async def _seen(room: Playground) -> datetime | None:
    return (await room.office.desk.chats.get(room.key)).owner_seen


async def test_the_owner_writes_while_an_answer_is_being_written(
    room: Playground, model: ModelServer, service: Service
) -> None:
    model.pause, model.say = 0.4, lambda _: "one two three four five six seven eight nine"
    asked = await room.say("Sam?")
    await until(lambda: _writing(model))
    await _own(room)
    found = await room.settled(asked, 3)
    assert (found.outcome, found.reason) == ("ignored", "the owner is here")
    assert (model.cancelled, model.finished) == (1, 0)
    assert await room.answers() == ["I am here myself"]


async def test_the_owner_types_between_the_bubbles_of_a_burst(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    model.say = lambda _: LONG
    asked = await room.say("Sam?")
    await until(room.answers)
    await office.rooms.owner_types(room.key)
    found = await room.settled(asked)
    assert (found.outcome, found.reason) == ("ignored", "the owner is here")
    said = len(await room.answers())
    await asyncio.sleep(0.4)
    # One bubble may have been in the messenger's hands.
    assert len(await room.answers()) <= said + 1 < 8
    (draft,) = await office.desk.drafts.newest()
    assert (draft.state, draft.decided_by) == ("void", "owner")


async def test_held_drafts_are_void_and_frozen_ones_stay(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    model.say = lambda _: LONG
    await room.say("Sam?")
    await until(room.answers)
    await office.desk.kill(OWNER, KillScope.chat(room.key))
    await until(lambda: _states(office, "frozen"))
    await office.desk.resume(OWNER, KillScope.chat(room.key))
    await office.desk.set_mode(OWNER, room.key, Mode.MANUAL)
    model.say = lambda _: "something else altogether"
    await room.settled(await room.say("Sam, and now?"))
    assert sorted(draft.state for draft in await office.desk.drafts.waiting()) == ["frozen", "held"]
    await _own(room)
    await until(lambda: _states(office, "frozen"))


async def _states(office: Office, *wanted: str) -> bool:
    return tuple(draft.state for draft in await office.desk.drafts.waiting()) == wanted


async def test_while_the_owner_is_there_nothing_is_answered_and_afterwards_it_is(
    settings: Settings, model: ModelServer
) -> None:
    clock = JumpingClock()
    async with open_office(settings, clock) as office:
        room = Playground(office)
        await room.open()
        async with running(office, ServedEngine(model.url)):
            await _own(room)
            await until(lambda: _seen(room))
            found = await room.settled(await room.say("Sam, are you coming?"))
            assert (found.outcome, found.reason) == ("ignored", "the owner is here")
            assert model.prompts == []
            clock.jump_seconds += 601
            assert (await room.settled(await room.say("Sam, still there?"))).outcome == "answered"


async def test_the_owner_may_say_that_they_have_left(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    with pytest.raises(NotAllowed):
        await office.desk.owner_here(MODERATOR, room.key, here=True)
    assert (await office.desk.owner_here(OWNER, room.key, here=True)).owner_seen is not None
    assert (await room.settled(await room.say("Sam?"))).outcome == "ignored"
    assert (await office.desk.owner_here(OWNER, room.key, here=False)).owner_seen is None
    assert (await room.settled(await room.say("Sam??"))).outcome == "answered"


async def test_the_stand_ins_own_messages_are_never_the_owner(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    model.say = lambda _: LONG
    assert (await room.settled(await room.say("Sam?"))).outcome == "answered"
    # Every bubble has come back as an echo, too.
    last = (await office.rooms.said(room.key))[-1]
    await until(lambda: _outcome_of(office, room.key, last.id))
    assert await _seen(room) is None
    said = [message for message in await office.desk.chats.transcript(room.key) if message.own]
    assert len(said) == 8
    assert all(message.stand_in for message in said)


async def _outcome_of(office: Office, key: ChatKey, id_: str) -> bool:
    return id_ in await office.desk.chats.outcomes(key)


async def test_it_can_be_switched_off(settings: Settings, model: ModelServer) -> None:
    rules = RuleSettings(owner_present=OwnerPresentSettings(0), rate_limit=settings.rules.rate_limit)
    async with open_office(settings.model_copy(update={"rules": rules})) as office:
        room = Playground(office)
        await room.open()
        async with running(office, ServedEngine(model.url)):
            await _own(room)
            assert (await room.settled(await room.say("Sam?"))).outcome == "answered"


# Step by step: the races of echoes, with nobody else at work.


@dataclass
class Desk:
    """A chat in auto mode, and the parts that a service is made of."""

    office: Office
    room: Playground
    inbox: Inbox
    queue: TurnQueue
    outbox: Outbox
    clock: JumpingClock

    async def under_way(self, *bubbles: str) -> Outgoing:
        """The first bubble of an answer, past the fence."""
        asked = Message(self.room.key, "m1", LEO, "Sam?", datetime.now(UTC))
        assert await self.inbox.receive(asked) is Received.ACCEPTED
        self.clock.jump_seconds += 1
        claim = await self.queue.claim("w")
        assert claim is not None
        plan = DraftPlan("d1", bubbles, hold=False, expires_at_ms=self.clock.now_ms() + 60_000)
        assert await self.queue.settle(claim, "draft", "fine", {}, plan) == "draft"
        return await self.next()

    async def next(self) -> Outgoing:
        outgoing = await self.outbox.claim("local")
        assert outgoing is not None
        assert await self.outbox.fence(outgoing, idempotent=True) is Fence.GO
        return outgoing

    def own(self, id_: str, text: str) -> Message:
        return Message(self.room.key, id_, SAM, text, datetime.now(UTC), own=True)

    async def transcript(self) -> list[tuple[str, bool]]:
        said = await self.office.desk.chats.transcript(self.room.key)
        return [(message.text, message.stand_in) for message in said if message.own]


@pytest.fixture
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    clock = JumpingClock()
    async with open_office(settings, clock) as office:
        room = Playground(office)
        await room.open()
        inbox = Inbox(
            office.store, clock, office.kill_switch, office.kill_words, settings.turns, office.faults
        )
        queue = TurnQueue(office.store, clock, 10.0, 20, 1000)
        yield Desk(office, room, inbox, queue, Outbox(office.store, clock, settings.outbox), clock)


async def test_an_echo_before_the_receipt_is_on_record_is_not_the_owner(desk: Desk) -> None:
    outgoing = await desk.under_way("so  sure", "see you")
    echo = desk.own("r1", "so sure ")
    assert await desk.inbox.receive(echo) is Received.ECHO
    assert await _seen(desk.room) is None
    await desk.outbox.sent(outgoing, echo)
    assert await desk.transcript() == [("so sure ", True)]
    second = await desk.next()
    await desk.outbox.sent(second, desk.own("r2", "see you"))
    assert (await desk.office.desk.drafts.get("d1")).state == "sent"


async def test_an_echo_of_a_bubble_whose_fate_is_unknown_is_not_the_owner(desk: Desk) -> None:
    outgoing = await desk.under_way("sure")
    await desk.outbox.unknown(outgoing, "the messenger did not say")
    assert await desk.inbox.receive(desk.own("r1", "sure")) is Received.ECHO
    assert await _seen(desk.room) is None


async def test_an_echo_that_was_taken_for_the_owner_is_put_right_by_its_receipt(desk: Desk) -> None:
    outgoing = await desk.under_way("sure", "see you")
    echo = desk.own("r1", "Sure, as the messenger corrected it")
    await desk.inbox.receive(echo)
    assert await _seen(desk.room) is not None
    await desk.outbox.sent(outgoing, echo)
    assert await _seen(desk.room) in {None, datetime.fromtimestamp(0, UTC)}
    assert await desk.transcript() == [(echo.text, True)]
    found = (await desk.office.desk.chats.outcomes(desk.room.key))["r1"]
    assert found.reason == "sent by the stand-in"


async def test_the_same_words_again_from_the_owner_are_the_owners(desk: Desk) -> None:
    outgoing = await desk.under_way("sure")
    await desk.inbox.receive(desk.own("r1", "sure"))
    await desk.outbox.sent(outgoing, desk.own("r1", "sure"))
    await desk.inbox.receive(desk.own("r2", "sure"))
    assert await _seen(desk.room) is not None
    assert await desk.transcript() == [("sure", True), ("sure", False)]


async def test_what_surely_did_not_leave_is_not_waited_for_as_an_echo(desk: Desk) -> None:
    outgoing = await desk.under_way("sure")
    await desk.outbox.unsent(outgoing, "the messenger said no")
    await desk.inbox.receive(desk.own("o1", "sure"))
    assert await _seen(desk.room) is not None


async def test_a_bubble_in_the_messengers_hands_keeps_its_books_when_the_owner_comes(desk: Desk) -> None:
    outgoing = await desk.under_way("sure", "see you")
    await desk.inbox.receive(desk.own("o1", "no, I am here"))
    draft = await desk.office.desk.drafts.get("d1")
    assert (draft.state, draft.sent) == ("void", 0)
    await desk.outbox.sent(outgoing, desk.own("r1", "sure"))
    draft = await desk.office.desk.drafts.get("d1")
    assert (draft.state, draft.sent) == ("void", 1)
    assert await desk.outbox.claim("local") is None


async def test_a_bubble_whose_sender_died_when_the_owner_came_is_unknown_and_not_repeated(desk: Desk) -> None:
    await desk.under_way("sure")
    await desk.inbox.receive(desk.own("o1", "no, I am here"))
    desk.clock.jump_seconds += 60
    again = await desk.outbox.claim("local")
    assert again is not None
    assert await desk.outbox.fence(again, idempotent=True) is Fence.UNKNOWN
    assert (await desk.office.desk.drafts.get("d1")).state == "unknown"


async def test_the_fence_itself_knows_that_the_owner_came_since_the_approval(desk: Desk) -> None:
    asked = Message(desk.room.key, "m1", LEO, "Sam?", datetime.now(UTC))
    await desk.inbox.receive(asked)
    desk.clock.jump_seconds += 1
    claim = await desk.queue.claim("w")
    assert claim is not None
    plan = DraftPlan("d1", ("sure",), hold=False, expires_at_ms=desk.clock.now_ms() + 60_000)
    await desk.queue.settle(claim, "draft", "fine", {}, plan)
    # Behind the back of the step that voids: the second lock.
    prefix = desk.office.store.partitions.prefix(desk.office.store.partitions.of(desk.room.key))
    await desk.office.store.ask("hset", f"{prefix}chat:{desk.room.key}", "owner_at", desk.clock.now_ms() + 1)
    outgoing = await desk.outbox.claim("local")
    assert outgoing is not None
    assert await desk.outbox.fence(outgoing, idempotent=True) is Fence.OWNER
    assert (await desk.office.desk.drafts.get("d1")).state == "void"


async def test_a_chat_that_is_off_hears_nothing_of_the_owner(desk: Desk) -> None:
    elsewhere = ChatKey("local", "elsewhere")
    await OwnerPresence(desk.office.store, desk.clock).here(elsewhere, "typing")
    await desk.inbox.owner_types(elsewhere)
    assert await desk.office.store.ask("keys", "*elsewhere*") == []
