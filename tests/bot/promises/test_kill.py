"""Promise 1: when a kill returns, nothing more leaves, however much was in the making."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from bot.app import Office, open_office, open_service
from bot.inbox import Inbox
from bot.kill_switch import RedisKillSwitch
from bot.messengers.base import Bubble, SendUncertain
from bot.settings import Settings
from bot.turn_queue import DraftPlan, TurnQueue
from chat.message import Chat, ChatKey, Message
from safety.disclosure import Disclosure
from safety.kill import KillScope
from safety.mode import ChatPolicy, Mode
from tests.bot.playground import OWNER, VIEWER, running, until
from tests.bot.promises.memory_messenger import MEMORY, MemoryMessenger
from tests.bot.promises.neighbourhood import Neighbourhood
from tests.fakes.clock import JumpingClock
from tests.fakes.model_server import ModelServer, ServedEngine


async def _nothing_left_after_the_kill(rooms: Neighbourhood) -> None:
    """In every partition's journal, no bubble passes the fence between the kill and the resume."""
    store = rooms.office.store
    for partition in store.partitions.all():
        rows = await store.ask("xrange", store.partitions.prefix(partition) + "journal")
        kinds = [fields["kind"] for _, fields in rows]
        assert "kill" in kinds
        after = kinds[kinds.index("kill") :]
        assert "bubble.sending" not in after[: after.index("resume") if "resume" in after else None]


async def _said(rooms: Neighbourhood) -> int:
    return sum([len(await room.answers()) for room in rooms.rooms])


async def test_a_kill_cancels_fifty_generations_and_none_of_them_ever_speaks(
    settings: Settings, model: ModelServer
) -> None:
    worker = dataclasses.replace(settings.worker, concurrency=50, lease_seconds=10.0)
    model.pause, model.say = 0.5, lambda _: " ".join(f"word{number}" for number in range(100))
    async with open_office(settings.model_copy(update={"worker": worker})) as office:
        rooms = Neighbourhood(office, 50)
        await rooms.open()
        async with running(office, ServedEngine(model.url)):
            await rooms.post(50)
            await until(lambda: _are_running(model, 50))
            report = await office.desk.kill(VIEWER, KillScope.everywhere())
            assert report.in_flight == 0
            await until(lambda: _are_running(model, 0), 5)
            assert set(await rooms.settled()) == {"ignored"}
            assert (model.cancelled, model.finished, len(model.prompts)) == (50, 0, 50)
            await office.desk.resume(OWNER, KillScope.everywhere())
            await asyncio.sleep(1.5)
            assert (await _said(rooms), len(model.prompts)) == (0, 50), "nothing of the old wakes up"
        await _nothing_left_after_the_kill(rooms)


async def _are_running(model: ModelServer, count: int) -> bool:
    return model.running == count


async def test_a_kill_in_the_middle_of_many_bursts_lets_out_no_more_than_it_reports(
    settings: Settings, model: ModelServer
) -> None:
    model.say = lambda _: "\n".join(f"bubble {letter}" for letter in "abcdefgh")
    worker = dataclasses.replace(settings.worker, concurrency=20)
    async with open_office(settings.model_copy(update={"worker": worker})) as office:
        rooms = Neighbourhood(office, 20)
        await rooms.open()
        async with running(office, ServedEngine(model.url)):
            await rooms.post(20)

            async def under_way() -> bool:
                return await _said(rooms) > 20

            await until(under_way)
            report = await office.desk.kill(VIEWER, KillScope.everywhere())
            said = await _said(rooms)
            outcomes = await rooms.settled()
            assert set(outcomes) <= {"answered", "frozen", "ignored"}
            assert set(outcomes) & {"frozen", "ignored"}, "the test means to catch bursts on their way"
            assert await _said(rooms) <= said + report.in_flight
            frozen = await office.desk.resume(OWNER, KillScope.everywhere())
            before = await _said(rooms)
            await asyncio.sleep(1.0)
            assert await _said(rooms) == before, "nothing of the old wakes up"
            for draft in frozen:
                room = next(room for room in rooms.rooms if room.key == draft.chat)
                assert len(await room.answers()) == draft.sent, "the record and the room agree"
        await _nothing_left_after_the_kill(rooms)


async def test_a_kill_that_was_written_in_one_partition_only_is_finished(office: Office) -> None:
    # Somebody died between two partitions: what a script wrote by itself is all there is.
    await _write_in(office, 0, "one")
    await office.kill_switch.complete()
    assert await _partitions_killed(office) == 1, "a kill that is just being written is left alone"
    await office.kill_switch.complete()
    assert await _partitions_killed(office) == office.store.partitions.count
    (kill,) = await office.kill_switch.kills()
    assert kill.by == "mia"
    await office.desk.resume(OWNER, KillScope.everywhere())
    await office.kill_switch.complete()
    await office.kill_switch.complete()
    assert await office.kill_switch.kills() == ()


async def _write_in(office: Office, partition: int, kill_id: str) -> None:
    """One partition's part of a kill everywhere, whose writer then dies."""
    what = ("everywhere", "mia", "kill word", kill_id, 86_400_000, 0)
    await office.store.run("kill", partition, office.clock.now_ms(), *what)


async def _partitions_killed(office: Office) -> int:
    names = [
        office.store.partitions.prefix(partition) + "kill" for partition in office.store.partitions.all()
    ]
    return sum([await office.store.ask("hexists", name, "standing|everywhere") for name in names])


async def test_a_resume_never_lifts_a_part_of_a_newer_kill(office: Office) -> None:
    everywhere = KillScope.everywhere()
    elsewhere = RedisKillSwitch(office.store, office.clock)  # another process' own
    for _ in range(60):
        await office.kill_switch.kill(everywhere, "mia", "one")
        await asyncio.gather(
            office.kill_switch.resume(everywhere, "olivia"), elsewhere.kill(everywhere, "leo", "two")
        )
        # Whichever came first: the newer kill stands in all partitions, or the resume came after both.
        assert await _partitions_killed(office) in {0, office.store.partitions.count}
        await office.kill_switch.resume(everywhere, "olivia")
        assert await _partitions_killed(office) == 0


async def test_what_waited_while_nothing_ran_does_not_leave_when_its_time_is_over(
    settings: Settings, model: ModelServer
) -> None:
    clock = JumpingClock()
    async with open_office(settings, clock) as office:
        rooms = Neighbourhood(office, 1)
        await rooms.open()
        (room,) = rooms.rooms
        queue = TurnQueue(office.store, clock, 10.0, 20, 60)
        inbox = Inbox(
            office.store, clock, office.kill_switch, office.kill_words, settings.turns, office.faults
        )
        message = await room.say("Sam?")
        await inbox.receive(message)
        clock.jump_seconds += 1
        claim = await queue.claim("w")
        assert claim is not None
        plan = DraftPlan(claim.turn.id, ("sure",), hold=False, expires_at_ms=clock.now_ms() + 60_000)
        assert await queue.settle(claim, "draft", "fine", {}, plan) == "draft"
        clock.jump_seconds += 86_400
        async with running(office, ServedEngine(model.url)):
            assert (await room.settled(message)).outcome == "expired"
        assert await room.answers() == []


@pytest.mark.parametrize("killed", [True, False])
async def test_a_kill_between_the_messages_that_one_bubble_takes_stops_the_rest(
    office: Office, model: ModelServer, killed: bool
) -> None:
    model.say = lambda _: "a very long bubble"
    parts: list[str] = []

    class InParts(MemoryMessenger):
        async def send(self, bubble: Bubble) -> Message:
            for part in bubble.text.split():
                if parts and not await bubble.goes_on():
                    raise SendUncertain("a part of it left")
                parts.append(part)
                if killed and len(parts) == 2:
                    report = await office.desk.kill(VIEWER, KillScope.everywhere())
                    assert report.in_flight == 1
            return await super().send(bubble)

    messenger, room = InParts(), ChatKey(MEMORY, "room")
    policy = ChatPolicy(Mode.AUTO, 1.0, disclosure=frozenset({Disclosure.REVEALED}))
    await office.desk.chats.enable(Chat(room, "room"), "olivia", policy)
    async with open_service(office, [messenger], ServedEngine(model.url)) as service:
        serving = asyncio.create_task(service.run())
        message = messenger.hear(room, "Sam?")

        async def over() -> bool:
            outcome = (await office.desk.chats.outcomes(room)).get(message.id)
            return outcome is not None and outcome.outcome == ("unknown" if killed else "answered")

        await until(over)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    assert parts == (["a", "very"] if killed else ["a", "very", "long", "bubble"])
