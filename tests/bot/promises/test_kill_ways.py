"""Promise 1 by other ways than a chat: a signal, a dropped file, a note on disk; with real processes, and with Redis
away. And a kill that is heard twice."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from bot.app import Office, open_office
from bot.kill_folder import KillFolder, KillNote
from bot.kill_switch import RedisKillSwitch
from bot.kill_watch import KillWatch
from bot.settings import Settings
from bot.store import store
from safety.kill import Kill, KillScope
from tests.bot.cli.command import CommandLine
from tests.bot.playground import OWNER, running, until
from tests.bot.promises.neighbourhood import Neighbourhood
from tests.bot.promises.processes import ServiceProcess, server_pid, stopped
from tests.fakes.model_server import ModelServer, ServedEngine

EVERYWHERE = KillScope.everywhere()


async def _killed(office: Office) -> Kill:
    """Wait until one kill is on record, and give it."""

    async def one() -> bool:
        return len(await office.kill_switch.kills()) == 1

    await until(one)
    (kill,) = await office.kill_switch.kills()
    return kill


async def _is_gone(path: Path) -> bool:
    return not await asyncio.to_thread(path.exists)


async def _nothing_is_answered(rooms: Neighbourhood) -> None:
    await rooms.post(len(rooms.rooms))
    assert set((await rooms.settled())[-len(rooms.rooms) :]) == {"ignored"}


async def test_the_signal_kills_everywhere_with_two_services_and_both_fall_silent(
    office: Office, settings: Settings, model: ModelServer
) -> None:
    rooms = Neighbourhood(office, 2)
    await rooms.open()
    async with ServiceProcess(settings, model.url) as one, ServiceProcess(settings, model.url) as two:
        await one.running()
        await two.running()
        os.kill(one.process.pid, signal.SIGUSR1)
        kill = await _killed(office)
        assert (kill.scope, kill.by) == (EVERYWHERE, "SIGUSR1")
        await _nothing_is_answered(rooms)
        assert (one.process.poll(), two.process.poll()) == (None, None)
        kinds = await rooms.rooms[0].kinds()
        assert kinds.count("kill") == 1


async def test_a_dropped_file_kills_once_and_is_put_away(
    office: Office, settings: Settings, model: ModelServer
) -> None:
    rooms = Neighbourhood(office, 2)
    await rooms.open()
    async with ServiceProcess(settings, model.url) as one, ServiceProcess(settings, model.url) as two:
        await one.running()
        await two.running()
        file = settings.state_dir / "pineapple"
        file.write_text(f"chat:{rooms.rooms[0].key}\n")
        kill = await _killed(office)
        assert (str(kill.scope), kill.by) == (f"chat:{rooms.rooms[0].key}", "a file in the state folder")
        await until(lambda: _is_gone(file))
        assert len(list(settings.state_dir.glob("kill-*.done"))) == 1
        await office.desk.resume(OWNER, kill.scope)
        await asyncio.sleep(0.6)
        assert await office.kill_switch.kills() == ()
        file.touch()
        assert (await _killed(office)).scope == EVERYWHERE


async def test_a_file_that_cannot_be_put_away_kills_once_also_after_a_restart(
    office: Office, settings: Settings
) -> None:
    class Stubborn(KillFolder):
        @staticmethod
        def put_away(dropped: object) -> Path:
            raise PermissionError

    (settings.state_dir / "kill").touch()
    for _ in range(2):  # the second is another process, or the same after a restart
        switch = RedisKillSwitch(office.store, office.clock)
        watch = KillWatch(switch, Stubborn(settings.state_dir))
        await watch.look()
        await _tasks_end(switch)
        await watch.look()
        await _tasks_end(switch)
        await office.kill_switch.resume(EVERYWHERE, "olivia")
    (first, *more) = [e for e in await office.desk.journal.newest(50) if e.kind == "kill"]
    assert (first.facts["by"], more) == ("a file in the state folder", [])


async def _tasks_end(switch: RedisKillSwitch) -> None:
    # What it is about is the memory in Redis, so the writing is waited for.
    while orders := list(switch._orders.values()):
        await asyncio.wait(orders)
    await asyncio.sleep(0.1)


async def test_what_lay_on_disk_when_a_service_starts_kills_before_it_hears_anything(
    settings: Settings, model: ModelServer
) -> None:
    async with open_office(settings) as office:
        rooms = Neighbourhood(office, 1)
        await rooms.open()
        await rooms.post(1)
        KillFolder(settings.state_dir).keep(
            KillNote("ab12", EVERYWHERE, "mia", "kill word", 1_700_000_000_000)
        )
        async with running(office, ServedEngine(model.url)):
            assert await rooms.settled() == ["ignored"]
        kill = await _killed(office)
        assert (kill.by, int(kill.at.timestamp())) == ("mia", 1_700_000_000), (
            "as it was heard, not as it was found"
        )
        assert (KillFolder(settings.state_dir).notes(), model.prompts) == ((), [])


async def test_a_kill_heard_while_redis_hangs_survives_the_death_of_the_process_that_heard_it(
    office: Office, settings: Settings, model: ModelServer
) -> None:
    rooms = Neighbourhood(office, 2)
    await rooms.open()
    async with ServiceProcess(settings, model.url) as service:
        await service.running()
        async with stopped(server_pid(settings)):
            os.kill(service.process.pid, signal.SIGUSR1)
            await until(lambda: _has_notes(settings))
            service.kill()
            assert await service.died() == -signal.SIGKILL
        assert await office.kill_switch.kills() == ()
        service.start()
        await service.running()
        assert (await _killed(office)).by == "SIGUSR1"
        await until(lambda: _has_no_notes(settings))
        await _nothing_is_answered(rooms)
        await office.desk.resume(OWNER, EVERYWHERE)
        await asyncio.sleep(0.6)
        assert await office.kill_switch.kills() == (), "and it kills once"


async def _has_notes(settings: Settings) -> bool:
    return bool(KillFolder(settings.state_dir).notes())


async def _has_no_notes(settings: Settings) -> bool:
    return not await _has_notes(settings)


async def test_the_command_line_silences_the_services_on_this_machine_while_redis_hangs(
    settings: Settings, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_ANSWER_SECONDS", 0.3)
    async with open_office(settings) as office:
        rooms = Neighbourhood(office, 1)
        await rooms.open()
        async with running(office, ServedEngine(model.url)):
            chat = rooms.rooms[0].key
            async with stopped(server_pid(settings)):
                command = asyncio.create_task(CommandLine(settings.state_dir).line(4, "kill"))

                async def latched() -> bool:
                    return office.kill_switch.latched(chat, None)

                await until(latched)
                assert not command.done(), "silent while the command still tries"
                said = await command
            assert "not on record yet" in said
            assert "falls silent now and records the kill of everywhere once Redis is back" in said
            kill = await _killed(office)
            assert kill.reason == "killed from the command line"
            await until(lambda: _has_no_notes(settings))


async def test_a_kill_that_comes_again_after_the_owner_resumed_does_nothing(office: Office) -> None:
    switch = office.kill_switch
    first = await switch.kill(EVERYWHERE, "mia", "kill word", "k1")
    assert first.new
    (kill,) = await switch.kills()
    assert kill.at == first.at, "one reading of the clock"
    await switch.resume(EVERYWHERE, "olivia")
    elsewhere = RedisKillSwitch(
        office.store, office.clock
    )  # another process' own, or the same after a restart
    for again in (switch, elsewhere):
        assert not (await again.kill(EVERYWHERE, "mia", "kill word", "k1")).new
        assert await switch.kills() == ()
    assert (await elsewhere.kill(EVERYWHERE, "mia", "kill word", "k2")).new
    assert len(await switch.kills()) == 1


async def test_the_same_kill_heard_again_in_one_process_does_not_latch_it(office: Office) -> None:
    switch = office.kill_switch
    await switch.kill(EVERYWHERE, "mia", "kill word", "k1")
    await switch.resume(EVERYWHERE, "olivia")
    again = switch.order(EVERYWHERE, "mia", "kill word", "k1")
    assert not switch.latched(Neighbourhood(office, 1).rooms[0].key, None)
    assert not (await again).new


async def test_a_kill_written_in_a_part_of_the_partitions_is_completed_by_its_repetition(
    office: Office,
) -> None:
    what = ("everywhere", "mia", "kill word", "k1", 86_400_000, 0)
    await office.store.run("kill", 2, office.clock.now_ms(), *what)
    assert (await office.kill_switch.kill(EVERYWHERE, "mia", "kill word", "k1")).new
    for partition in office.store.partitions.all():
        name = office.store.partitions.prefix(partition) + "kill"
        assert await office.store.ask("hget", name, "epoch|everywhere") == "1"
    assert await office.kill_switch.resume(EVERYWHERE, "olivia")
    assert await office.kill_switch.kills() == ()


async def test_a_half_kill_that_the_sweeper_finished_does_not_kill_again_when_its_message_does(
    office: Office,
) -> None:
    what = ("everywhere", "mia", "kill word", "k1", 86_400_000, 0)
    await office.store.run("kill", 0, office.clock.now_ms(), *what)
    await office.kill_switch.complete()
    await office.kill_switch.complete()
    assert await office.kill_switch.resume(EVERYWHERE, "olivia")
    assert not (
        await RedisKillSwitch(office.store, office.clock).kill(EVERYWHERE, "mia", "kill word", "k1")
    ).new
    assert await office.kill_switch.kills() == ()


async def test_a_resume_that_was_interrupted_becomes_a_kill_again_and_can_be_lifted(office: Office) -> None:
    switch = office.kill_switch
    await switch.kill(EVERYWHERE, "mia", "kill word", "k1")
    tally = await office.store.ask("hget", office.store.partitions.prefix(0) + "kill", "latest|everywhere")
    assert await office.store.run("resume", 0, office.clock.now_ms(), "everywhere", "olivia", tally) == 1
    await switch.complete()
    await switch.complete()
    assert {bool(found.record) for found in await switch._standing_in(EVERYWHERE)} == {True}
    assert await switch.resume(EVERYWHERE, "olivia")
    assert await switch.kills() == ()


async def test_kills_that_overtake_each_other_leave_the_partitions_alike(office: Office) -> None:
    switches = [RedisKillSwitch(office.store, office.clock) for _ in range(8)]
    await asyncio.gather(*(switch.kill(EVERYWHERE, "mia", "kill word") for switch in switches))
    tallies = {found.tally for found in await office.kill_switch._standing_in(EVERYWHERE)}
    assert len(tallies) == 1
    assert await office.kill_switch.resume(EVERYWHERE, "olivia")


async def test_kills_written_in_another_order_in_each_partition_are_one_to_the_resume(office: Office) -> None:
    for partition in office.store.partitions.all():
        for kill_id in ("a", "b") if partition else ("b", "a"):
            what = ("everywhere", "mia", "kill word", kill_id, 86_400_000, 0)
            await office.store.run("kill", partition, office.clock.now_ms(), *what)
    assert len({found.tally for found in await office.kill_switch._standing_in(EVERYWHERE)}) == 1
