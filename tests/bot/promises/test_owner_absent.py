"""Promise 6: without a sign of the owner for too long, everything is manual."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bot.app import Office, open_office
from bot.inbox import Received
from bot.outbox import Fence
from bot.owner_watch import OwnerSettings, OwnerWatch
from bot.settings import Settings
from chat.message import Author, Message
from safety.kill import KillScope
from safety.mode import Mode
from tests.bot.playground import MODERATOR, OWNER, ROOM, VIEWER, Playground
from tests.bot.promises.test_kill_keeps import Steps
from tests.fakes.clock import JumpingClock

HOUR = 3600
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
async def office(settings: Settings, clock: JumpingClock) -> AsyncIterator[Office]:
    settings = settings.model_copy(update={"owner": OwnerSettings(absent_hours=48)})
    async with open_office(settings, clock) as office:
        await office.owner_watch.check()
        yield office


async def _absent(office: Office) -> bool:
    await office.owner_watch.check()
    return await office.owner_watch.absence() is not None


async def test_it_trips_after_the_time_and_is_undone_by_a_sign_alone(
    office: Office, clock: JumpingClock
) -> None:
    clock.jump_seconds += 47 * HOUR
    assert not await _absent(office)
    clock.jump_seconds += 2 * HOUR
    assert await _absent(office)
    assert await _absent(office)
    await office.owner_watch.sign("olivia")
    assert not await _absent(office)
    kinds = [entry.kind for entry in await office.desk.journal.newest()]
    assert kinds == ["owner.back", "owner.absent"]


async def test_what_the_rules_approved_is_held_and_what_a_person_approved_leaves(office: Office) -> None:
    steps = Steps(office)
    _, claim = await steps.claim(Mode.AUTO)
    await steps.settle(claim, "sure")
    await _everywhere_seen(office, office.clock.now_ms() - 49 * HOUR * 1000)
    assert await _absent(office)
    assert await steps.fence() is Fence.MODE
    (draft,) = await office.desk.drafts.waiting()
    assert (draft.state, draft.reason) == ("held", "without a sign of the owner a moderator decides")
    await office.desk.approve(MODERATOR, draft.id)
    assert await _absent(office), "a moderator is not the owner"
    assert await steps.fence() is Fence.GO
    assert (await office.desk.chats.get(ROOM)).policy.mode is Mode.AUTO, "the mode itself stays"


async def _everywhere_seen(office: Office, at_ms: int) -> None:
    for partition in office.store.partitions.all():
        await office.store.ask("hset", office.store.partitions.prefix(partition) + "owner", "seen", at_ms)


async def test_while_the_owner_is_absent_an_answer_in_auto_mode_is_held(office: Office) -> None:
    steps = Steps(office)
    _, claim = await steps.claim(Mode.AUTO)
    await _everywhere_seen(office, office.clock.now_ms() - 49 * HOUR * 1000)
    assert await _absent(office)
    await steps.settle(claim, "sure")
    (draft,) = await office.desk.drafts.waiting()
    assert (draft.state, draft.reason) == ("held", "without a sign of the owner a moderator decides")


async def test_the_owners_own_message_and_typing_are_signs_and_nobody_elses(
    office: Office, clock: JumpingClock
) -> None:
    steps = Steps(office)
    room = Playground(office)
    await room.open()
    inbox = steps.inbox
    inbox._owner_watch = office.owner_watch
    mine = Message(ROOM, "m1", Author("o", "Olivia"), "back!", NOW, own=True)
    clock.jump_seconds += 50 * HOUR
    assert await _absent(office)
    await inbox.receive(dataclasses.replace(mine, id="m2", own=False))
    await inbox.receive(dataclasses.replace(mine, id="m3", stand_in=True))
    assert await _absent(office)
    await inbox.receive(mine)
    assert not await _absent(office)
    clock.jump_seconds += 50 * HOUR
    assert await _absent(office)
    assert await inbox.receive(mine) is Received.DUPLICATE
    assert await _absent(office), "a message given again is no sign"
    await inbox.owner_types(ROOM)
    assert not await _absent(office)


async def test_the_stand_ins_own_message_given_back_early_is_no_sign_of_the_owner(office: Office) -> None:
    steps = Steps(office)
    _, claim = await steps.claim(Mode.AUTO)
    await steps.settle(claim, "sure")
    assert await steps.fence() is Fence.GO
    echo = Message(ROOM, "r1", Author("persona:sam", "Sam"), "sure", NOW, own=True)
    assert await steps.inbox.receive(echo) is Received.ECHO
    assert (await office.desk.chats.transcript(ROOM))[-1].stand_in
    assert await steps.inbox.receive(dataclasses.replace(echo, id="r2", text="mine")) is Received.OWN


@pytest.mark.parametrize("person", [OWNER, VIEWER, MODERATOR])
async def test_what_an_owner_does_at_the_desk_is_a_sign(
    office: Office, clock: JumpingClock, person: object
) -> None:
    clock.jump_seconds += 50 * HOUR
    assert await _absent(office)
    await office.desk.kill(person, KillScope.chat(ROOM))  # type: ignore[arg-type]
    assert await _absent(office) is (person is not OWNER)


async def test_a_clock_that_jumps_back_neither_trips_nor_undoes_it(
    office: Office, clock: JumpingClock
) -> None:
    clock.jump_seconds -= 100 * HOUR
    assert not await _absent(office)
    clock.jump_seconds += 47 * HOUR
    assert not await _absent(office), "counted from where it went back to"
    clock.jump_seconds += 2 * HOUR
    assert await _absent(office)
    clock.jump_seconds -= 100 * HOUR
    for _ in range(3):
        assert await _absent(office)
        clock.jump_seconds += 20 * HOUR
    await office.owner_watch.sign("olivia")
    assert not await _absent(office)


async def test_a_sign_that_was_written_in_a_part_of_the_partitions_is_completed(
    office: Office, clock: JumpingClock
) -> None:
    clock.jump_seconds += 50 * HOUR
    assert await _absent(office)
    clock.jump_seconds += 1
    await office.store.run("owner_sign", 2, clock.now_ms(), 1, "olivia", 0)
    clock.jump_seconds += 1
    assert not await _absent(office)


async def test_it_is_off_unless_it_is_set_and_switching_it_off_undoes_it(
    office: Office, clock: JumpingClock
) -> None:
    assert OwnerSettings().absent_hours == 0
    clock.jump_seconds += 50 * HOUR
    assert await _absent(office)
    off = OwnerWatch(office.store, clock, OwnerSettings())
    await off.check()
    assert await off.absence() is None
    clock.jump_seconds += 5000 * HOUR
    await off.check()
    assert await off.absence() is None


@pytest.mark.parametrize("hours", [-1.0, float("nan"), float("inf")])
def test_hours_that_make_no_sense_are_refused(hours: float) -> None:
    with pytest.raises(ValueError, match="hours"):
        OwnerSettings(hours)


async def test_what_is_only_written_after_another_partition_is_no_sign_when_it_is_older_than_the_absence(
    office: Office, clock: JumpingClock
) -> None:
    clock.jump_seconds += 50 * HOUR
    assert await _absent(office)
    await office.store.run("owner_sign", 2, clock.now_ms() - HOUR * 1000, 0, "understudy", 0)
    assert await office.owner_watch.absence() is not None
    assert (
        await office.store.ask("hget", office.store.partitions.prefix(2) + "owner", "absent_since")
    ) is not None
