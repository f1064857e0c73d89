"""Several processes on one Redis, each with shards of one bot: who answers, and what waits for one that is gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.discord_storm.place import Place, place
from benchmarks.storm.people import OWNER
from bot.cli.records import look
from chat.message import ChatKey
from safety.mode import Mode
from tests.bot.playground import until
from tests.fakes.discord.client import soon
from tests.fakes.discord.world import Channel


def shard_of(channel: Channel) -> int:
    return (channel.guild.id >> 22) % 2 if channel.guild else 0


def said(there: Place, channel: Channel) -> list[str]:
    return [posted.content for posted in there.fake.posted(channel, there.bot.user)]


async def started(there: Place, sessions: int) -> None:
    await asyncio.gather(*(service.start() for service in there.services))
    await soon(lambda: len(there.fake.open_connections) == sessions, 60)


async def test_each_process_answers_in_its_own_chats_and_what_a_dead_one_would_send_waits_for_it(
    state_dir: Path,
) -> None:
    async with place(state_dir, 11, ((0,), (1,)), by_history=False) as there:
        await started(there, 2)
        modes = await modes_of(there)
        for number, chat in enumerate(modes):
            await there.say(chat, "mia", f"Sam? number{'abcdefghijk'[number]}")
        manual = [chat for chat, mode in modes.items() if mode is Mode.MANUAL]
        desk = there.office.desk

        async def all_waiting() -> bool:
            return {draft.chat for draft in await desk.drafts.waiting()} == {*manual}

        await until(all_waiting, 30)
        auto = [there.channels[chat] for chat in modes if chat not in manual]
        assert {shard_of(channel) for channel in auto} == {0, 1}
        await soon(lambda: all(said(there, channel) for channel in auto), 30)

        (waiting,) = [chat for chat in manual if shard_of(there.channels[chat]) == 1]
        await there.services[1].kill()
        for draft in await desk.drafts.waiting():
            await desk.approve(OWNER, draft.id)

        async def stands_in_status() -> bool:
            found = await look(there.office)
            # Of others, a second bubble may have been on its way.
            late = {ChatKey.parse(chat["key"]) for chat in found["chats"] if chat["unserved_seconds"]}
            assert all(shard_of(there.channels[chat]) == 1 for chat in late)
            return waiting in late and "discord shard 1 of 2" in found["troubles"]

        await until(stands_in_status, 40)
        assert said(there, there.channels[waiting]) == []
        await there.services[1].start()
        await soon(lambda: said(there, there.channels[waiting]), 40)
        assert there.fake.violations == []


async def test_two_processes_with_the_same_shards_answer_once_and_are_told(state_dir: Path) -> None:
    async with place(state_dir, 4, ((0, 1), (0, 1)), by_history=False) as there:
        await started(there, 4)
        auto = [chat for chat, mode in (await modes_of(there)).items() if mode is Mode.AUTO]
        for chat in auto:
            await there.say(chat, "mia", "Sam? amber")
        await soon(lambda: all(said(there, there.channels[chat]) for chat in auto), 30)

        async def told() -> bool:
            return "hold it" in (await look(there.office))["troubles"].get("discord shard 1 of 2", "")

        await until(told)
        # Long enough for an answer of the other's.
        await asyncio.sleep(2)
        for channel in there.channels.values():
            assert len({*said(there, channel)}) == len(said(there, channel))
        assert there.fake.violations == []


async def modes_of(there: Place) -> dict[ChatKey, Mode]:
    """The modes of the chats that are enabled from the start; some threads only follow their channel later."""
    return {state.chat.key: state.policy.mode for state in await there.office.desk.chats.all()}
