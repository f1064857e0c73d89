"""Promises 1, 2 and 5: a kill freezes and loses nothing, and a Redis that forgets is a kill."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.app import Office, open_office
from bot.errors import DraftRefused
from bot.inbox import Inbox
from bot.outbox import Fence, Outbox
from bot.settings import Settings
from bot.turn_queue import Claim, DraftPlan, TurnQueue
from chat.message import Message
from safety.kill import KillScope
from safety.mode import Mode
from tests.bot.playground import MODERATOR, OWNER, Playground, running, until
from tests.fakes.clock import JumpingClock
from tests.fakes.model_server import ModelServer, ServedEngine

EVERYWHERE = KillScope.everywhere()


class Steps:
    """The steps of a turn, taken by hand."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.room = Playground(office)
        settings = office.settings
        self.inbox = Inbox(
            *(office.store, office.clock, office.kill_switch, office.kill_words),
            replace(settings.turns, pause_seconds=0.0),
            office.faults,
        )
        self.queue = TurnQueue(office.store, office.clock, 10.0, 20, 60)
        self.outbox = Outbox(office.store, office.clock, settings.outbox)

    async def claim(self, mode: Mode = Mode.AUTO) -> tuple[Message, Claim]:
        await self.room.open(mode)
        message = await self.room.say("Sam?")
        await self.inbox.receive(message)
        claim = await self.queue.claim("w")
        assert claim is not None
        return message, claim

    async def settle(self, claim: Claim, *bubbles: str, hold: bool = False) -> str:
        expires = self.office.clock.now_ms() + 60_000
        plan = DraftPlan(claim.turn.id, bubbles, hold=hold, expires_at_ms=expires)
        return await self.queue.settle(claim, "draft", "fine", {}, plan)

    async def fence(self) -> Fence | None:
        outgoing = await self.outbox.claim("local")
        return None if outgoing is None else await self.outbox.fence(outgoing, idempotent=True)


@pytest.mark.parametrize("hold", [True, False])
async def test_a_text_that_was_finished_when_the_kill_came_is_kept_and_may_leave_after_the_resume(
    office: Office, hold: bool
) -> None:
    steps = Steps(office)
    message, claim = await steps.claim()
    await office.kill_switch.kill(EVERYWHERE, "vera", "enough")
    await steps.settle(claim, "sure", "why not", hold=hold)
    outcome = await steps.room.outcome(message)
    assert outcome is not None
    assert (outcome.outcome, outcome.reason) == ("frozen", "killed while the answer was being written")
    (draft,) = await office.desk.drafts.waiting()
    assert (draft.state, draft.bubbles) == ("frozen", ("sure", "why not"))
    with pytest.raises(DraftRefused, match="resume first"):
        await office.desk.approve(MODERATOR, draft.id)
    assert await office.desk.resume(OWNER, EVERYWHERE) == (await office.desk.drafts.get(draft.id),)
    assert await steps.fence() is None, "the resume alone lets nothing go"
    await office.desk.approve(MODERATOR, draft.id)
    assert await steps.fence() is Fence.GO


async def test_a_text_written_under_a_kill_that_was_lifted_meanwhile_is_frozen_too(office: Office) -> None:
    steps = Steps(office)
    _, claim = await steps.claim()
    await office.kill_switch.kill(EVERYWHERE, "vera", "enough")
    await office.kill_switch.resume(EVERYWHERE, "olivia")
    await steps.settle(claim, "sure")
    (draft,) = await office.desk.drafts.waiting()
    assert draft.state == "frozen"


async def test_in_shadow_mode_a_kill_leaves_nothing_for_a_moderator(office: Office) -> None:
    steps = Steps(office)
    _, claim = await steps.claim(Mode.SHADOW)
    await office.kill_switch.kill(EVERYWHERE, "vera", "enough")
    await steps.settle(claim, "sure")
    assert await office.desk.drafts.waiting() == ()


async def test_under_a_kill_nothing_expires_or_goes_stale_and_afterwards_there_is_time_to_decide(
    settings: Settings,
) -> None:
    clock = JumpingClock()
    async with open_office(settings, clock) as office:
        steps = Steps(office)
        _, claim = await steps.claim(Mode.MANUAL)
        await steps.settle(claim, "sure")
        await office.kill_switch.kill(EVERYWHERE, "vera", "enough")
        for _ in range(settings.outbox.moved_past_messages + 1):
            await steps.inbox.receive(await steps.room.say("so what"))
        clock.jump_seconds += 7 * 86_400
        assert await office.desk.drafts.sweep() == 0
        (draft,) = await office.desk.resume(OWNER, EVERYWHERE)
        assert await office.desk.drafts.sweep() == 0
        await office.desk.approve(MODERATOR, draft.id)
        assert (await office.desk.drafts.get(draft.id)).state == "approved"


async def test_held_drafts_still_expire_where_no_kill_stands(settings: Settings) -> None:
    clock = JumpingClock()
    async with open_office(settings, clock) as office:
        steps = Steps(office)
        _, claim = await steps.claim(Mode.MANUAL)
        await steps.settle(claim, "sure")
        await office.kill_switch.kill(KillScope.account("elsewhere"), "vera", "enough")
        clock.jump_seconds += 86_400
        assert await office.desk.drafts.sweep() == 1


async def _lose(office: Office, *, everything: bool) -> None:
    if everything:
        await office.store.ask("flushall")
    else:
        names = [office.store.partitions.prefix(part) + "kill" for part in office.store.partitions.all()]
        await office.store.ask("delete", *names)


async def test_without_its_record_of_kills_redis_lets_nothing_go_until_an_owner_resumes(
    office: Office,
) -> None:
    steps = Steps(office)
    _, claim = await steps.claim()
    await steps.settle(claim, "sure")
    await office.kill_switch.kill(EVERYWHERE, "vera", "enough")
    await _lose(office, everything=False)
    (kill,) = await office.kill_switch.kills()
    assert (kill.scope, kill.by) == (EVERYWHERE, "understudy")
    assert "Redis lost its record of kills" in kill.reason
    assert await steps.fence() is Fence.KILLED
    await office.kill_switch.complete()
    (kill,) = await office.kill_switch.kills()
    assert "Redis lost its record of kills" in kill.reason
    (entry, *_) = await office.desk.journal.newest(1)
    assert entry.kind == "kill"
    (draft,) = await office.desk.resume(OWNER, EVERYWHERE)
    assert await office.kill_switch.kills() == ()
    await office.desk.approve(MODERATOR, draft.id)
    assert await steps.fence() is Fence.GO


async def test_what_was_planned_before_the_record_was_lost_does_not_wake_up_when_the_owner_resumes(
    office: Office,
) -> None:
    steps = Steps(office)
    _, claim = await steps.claim()
    # Two epochs old, as it will be again after the loss and a kill and a resume.
    await office.kill_switch.kill(EVERYWHERE, "vera", "enough")
    await office.kill_switch.resume(EVERYWHERE, "olivia")
    await steps.settle(replace(claim, epoch=2), "sure")
    await _lose(office, everything=False)
    await office.kill_switch.complete()
    assert await office.kill_switch.resume(EVERYWHERE, "olivia")
    assert await steps.fence() is Fence.KILLED


async def test_a_redis_that_is_flushed_while_the_service_runs_says_nothing_more(
    office: Office, model: ModelServer
) -> None:
    room = Playground(office)
    await room.open()
    model.pause, model.say = 0.1, lambda _: "one two three four\nfive six seven eight"
    async with running(office, ServedEngine(model.url)):
        await room.say("Sam?")

        async def writes() -> bool:
            return model.running == 1

        await until(writes)
        await _lose(office, everything=True)

        async def noticed() -> bool:
            return any("lost" in kill.reason for kill in await office.kill_switch.kills())

        await until(noticed)
        # Even with the chat switched on again, as by somebody who wonders why it is so quiet.
        await room.open()
        message = await room.say("Sam, are you there?")
        assert (await room.settled(message)).outcome in {"ignored", "frozen"}
        await asyncio.sleep(0.5)
        assert await room.answers() == []
        await office.desk.resume(OWNER, EVERYWHERE)
        assert (await room.settled(await room.say("Sam, and now?"))).outcome == "answered"


async def test_a_store_that_was_laid_out_is_not_laid_out_again(office: Office) -> None:
    await _lose(office, everything=False)
    await office.store.lay_out()
    assert await office.kill_switch.kills() != ()


async def test_a_kill_and_its_resume_stand_whatever_is_the_matter_with_the_rest(office: Office) -> None:
    """Ids of bubbles and drafts that are gone: what only counts or refreshes must not stop the switch."""
    for partition in office.store.partitions.all():
        prefix = office.store.partitions.prefix(partition)
        await office.store.ask("sadd", f"{prefix}in_flight", "gone")
        await office.store.ask("zadd", f"{prefix}drafts:open", {"gone": 1})
    async with asyncio.timeout(10):
        assert (await office.kill_switch.kill(EVERYWHERE, "vera", "enough")).in_flight == 0
    assert await office.kill_switch.resume(EVERYWHERE, "olivia")
    assert await office.kill_switch.kills() == ()


async def test_a_kill_stands_however_its_author_and_reason_are_spelt(office: Office) -> None:
    """Half characters: a command line carries bytes that are no text, and some JSON half an emoji."""
    async with asyncio.timeout(10):
        await office.kill_switch.kill(EVERYWHERE, "vera \ud83d", "enough \udcff")
    (kill,) = await office.kill_switch.kills()
    assert (kill.by, kill.reason) == ("vera ?", "enough ?")


async def test_a_wider_kill_under_an_id_that_was_heard_is_another_kill(office: Office) -> None:
    chat = KillScope.parse("chat:local/x")
    for scope in (chat, EVERYWHERE, chat, EVERYWHERE):
        await office.kill_switch.kill(scope, "vera", "enough", "the same")
    assert {kill.scope for kill in await office.kill_switch.kills()} == {chat, EVERYWHERE}
