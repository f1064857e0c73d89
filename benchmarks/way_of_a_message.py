"""How much the whole way of a message costs beside what its durability must cost.

    python -m benchmarks.way_of_a_message [--rooms 20] [--messages 10] [--runs 5]

Each run posts messages to rooms and waits until every one has its final outcome, with a model that answers at once over
a real socket and no typing times. Beside it, in the same run, the same number of bare writes to the same Redis
(`appendfsync always`), one after the other. The figure is the ratio of the two, pair by pair; machines differ, ratios
hardly do.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from bot.app import Office, open_office
from bot.inbox import InboxSettings
from bot.log import configure_logs
from bot.settings import Settings
from bot.worker import WorkerSettings
from chat.message import ChatKey
from safety.rules.rate_limit import RateLimitSettings
from tests.bot.playground import Playground, running
from tests.fakes.model_server import ServedEngine, model_server
from tests.fakes.persona import write_persona


async def way(rooms: list[Playground], messages: int) -> float:
    """Give the seconds from the first post to the last outcome."""
    started = time.perf_counter()

    async def talk(room: Playground) -> None:
        for _ in range(messages):
            await room.settled(await room.say("Sam?"), seconds=120)

    await asyncio.gather(*(talk(room) for room in rooms))
    return time.perf_counter() - started


async def bare(office: Office, writes: int) -> float:
    """Give the seconds of as many acknowledged writes."""
    started = time.perf_counter()
    for number in range(writes):
        await office.store.ask("set", "benchmark", number)
    return time.perf_counter() - started


async def measure(room_count: int, messages: int, runs: int) -> None:
    """Print a line a run, and the medians."""
    with tempfile.TemporaryDirectory(prefix="u-") as name:
        folder = Path(name)
        settings = Settings(
            state_dir=folder,
            persona=write_persona(folder / "persona"),
            turns=InboxSettings(pause_seconds=0.0),
            worker=WorkerSettings(concurrency=room_count),
        )
        limits = RateLimitSettings(chat_answers=10**6, person_answers=10**6)
        settings = settings.model_copy(
            update={"rules": settings.rules.model_copy(update={"rate_limit": limits})}
        )
        async with model_server() as model, open_office(settings) as office:
            rooms = [Playground(office, ChatKey("local", f"room-{number}")) for number in range(room_count)]
            for room in rooms:
                await room.open()
            async with running(office, ServedEngine(model.url)):
                await way(rooms, 1)
                count = room_count * messages
                ratios, rates = [], []
                for run in range(runs):
                    whole, writes = await way(rooms, messages), await bare(office, count)
                    ratios.append(whole / writes)
                    rates.append(count / whole)
                    print(
                        f"run {run + 1}: {count} messages in {whole:.2f} s, {count} writes in {writes:.3f} s"
                    )
                print(f"median: {statistics.median(rates):.0f} messages/s, ")
                print(f"median ratio to bare writes: {statistics.median(ratios):.1f}")


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rooms", type=int, default=20)
    parser.add_argument("--messages", type=int, default=10, help="in each room")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    configure_logs("error")
    asyncio.run(measure(options.rooms, options.messages, options.runs))


if __name__ == "__main__":
    main()
