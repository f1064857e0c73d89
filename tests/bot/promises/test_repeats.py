"""Promise 3, where the random walks come by too seldom: what was perhaps handed over never leaves under another id."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.app import Office, open_office
from bot.errors import DraftRefused
from bot.inbox import Inbox
from bot.outbox import Fence, Outbox, OutboxSettings, Outgoing
from bot.settings import Settings
from bot.turn_queue import DraftPlan, TurnQueue
from chat.message import Author, Chat, ChatKey, Message
from safety.kill import KillScope
from safety.mode import ChatPolicy, Mode
from tests.bot.playground import MODERATOR, OWNER
from tests.fakes.clock import FakeClock

CHAT = ChatKey("keyed", "a")


class Desk:
    """One chat, with a bubble that passed the fence once, and a clock."""

    def __init__(self, office: Office, clock: FakeClock) -> None:
        self.office = office
        self.clock = clock
        self.outbox = Outbox(office.store, clock, OutboxSettings(most_tries=3))

    async def handed_over(self) -> Outgoing:
        """Bring a bubble of an answer through the fence; whoever did that is not heard of again for a while."""
        office, clock = self.office, self.clock
        policy = ChatPolicy(mode=Mode.AUTO, probability=1.0)
        await office.desk.chats.enable(Chat(CHAT, "A"), "olivia", policy)
        inbox = Inbox(
            *(
                office.store,
                clock,
                office.kill_switch,
                office.kill_words,
                office.settings.turns,
                office.faults,
            )
        )
        await inbox.receive(Message(CHAT, "m1", Author("mia", "Mia"), "hi", datetime(2026, 1, 1, tzinfo=UTC)))
        clock.now += 10_000
        queue = TurnQueue(office.store, clock, 10.0, 5, 60)
        claim = await queue.claim("w")
        assert claim is not None
        plan = DraftPlan(claim.turn.id, ("one", "two"), False, clock.now + 10**9)
        assert await queue.settle(claim, "draft", "because", {}, plan) == "draft"
        return await self.through_the_fence()

    async def next(self) -> Outgoing:
        self.clock.now += 60_000
        outgoing = await self.outbox.claim("keyed")
        assert outgoing is not None
        return outgoing

    async def through_the_fence(self) -> Outgoing:
        outgoing = await self.next()
        assert await self.outbox.fence(outgoing, idempotent=True) is Fence.GO
        return outgoing

    async def state(self) -> str:
        (draft,) = await self.office.desk.drafts.newest()
        return draft.state


@pytest.fixture
async def desk(settings: Settings):  # type: ignore[no-untyped-def]  # noqa: ANN201
    clock = FakeClock()
    async with open_office(settings, clock) as office:
        yield Desk(office, clock)


async def _cannot_be_approved(desk: Desk) -> None:
    await desk.office.desk.resume(OWNER, KillScope.everywhere())
    (draft,) = await desk.office.desk.drafts.newest()
    with pytest.raises(DraftRefused, match="already been decided"):
        await desk.office.desk.approve(MODERATOR, draft.id)


async def test_a_kill_leaves_what_was_perhaps_sent_unknown(desk: Desk) -> None:
    await desk.handed_over()
    report = await desk.office.desk.kill(OWNER, KillScope.everywhere())
    assert report.in_flight == 1
    assert await desk.outbox.fence(await desk.next(), idempotent=True) is Fence.UNKNOWN
    assert await desk.state() == "unknown"
    await _cannot_be_approved(desk)


async def test_that_a_repeat_did_not_leave_says_nothing_of_the_first_try(desk: Desk) -> None:
    await desk.handed_over()
    repeat = await desk.through_the_fence()
    assert repeat.handed_over_before
    await desk.outbox.unsent(repeat, "no")
    await desk.office.desk.kill(OWNER, KillScope.everywhere())
    assert await desk.outbox.fence(await desk.next(), idempotent=True) is Fence.UNKNOWN
    await _cannot_be_approved(desk)


async def test_a_repeat_that_is_refused_too_often_is_unknown_and_not_failed(desk: Desk) -> None:
    await desk.handed_over()
    for _ in range(2):
        await desk.outbox.unsent(await desk.through_the_fence(), "no")
    assert await desk.state() == "unknown"


async def test_a_sender_that_lost_the_chat_cannot_say_that_nothing_left(desk: Desk) -> None:
    slow = await desk.handed_over()
    await desk.through_the_fence()
    await desk.outbox.unsent(slow, "no")
    await desk.office.desk.kill(OWNER, KillScope.everywhere())
    assert await desk.outbox.fence(await desk.next(), idempotent=True) is Fence.UNKNOWN


@pytest.mark.parametrize("mode", [Mode.MANUAL, Mode.SHADOW, Mode.OFF])
async def test_what_was_perhaps_sent_is_not_repeated_in_a_mode_that_would_not_send_it(
    desk: Desk, mode: Mode
) -> None:
    await desk.handed_over()
    await desk.office.desk.set_mode(OWNER, CHAT, mode)
    assert await desk.outbox.fence(await desk.next(), idempotent=True) is Fence.UNKNOWN
    assert await desk.state() == "unknown"


async def test_a_sender_without_the_chat_gets_no_yes(desk: Desk) -> None:
    first = await desk.handed_over()
    await desk.outbox.unsent(first, "no")
    slow = await desk.next()
    await desk.next()
    assert await desk.outbox.fence(slow, idempotent=True) is Fence.LOST


async def test_a_sender_that_lost_the_chat_cannot_give_its_bubble_up(desk: Desk) -> None:
    slow = await desk.handed_over()
    await desk.through_the_fence()
    await desk.outbox.unknown(slow, "no answer")
    assert await desk.state() == "approved"


async def test_a_bubble_leaves_in_its_turn_or_not_at_all(desk: Desk) -> None:
    first = await desk.handed_over()
    ahead = replace(first, bubble=replace(first.bubble, id=f"{first.draft}.1.2"))
    assert await desk.outbox.fence(ahead, idempotent=True) is Fence.LOST
