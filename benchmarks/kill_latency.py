"""How long after the word everything has stopped.

    python -m benchmarks.kill_latency [--runs 50] [--generations 200] [--workers 4]

Service processes, a model server and a messenger as in the storm, wired directly. In each run that many generations
are running at the model server, a token every 20 ms each, and further chats are in the middle of sending bursts;
then somebody says the kill word in one chat. Times are taken from the messenger's and the model server's own records,
from the note that the connector makes when it hears the word, and from Redis' own time of the kill's lines in the
journal. Ends with 1 when more bubbles arrived after the kill was written than it had reported as in flight.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.storm.people import OWNER, insist, word
from benchmarks.storm.record import Line, Reading
from benchmarks.storm.town import OFFICE_SETTINGS, Town, chat_keys, town
from bot.log import configure_logs
from chat.message import ChatKey
from inference.persona import TypingProfile
from safety.kill import KillScope
from safety.mode import Mode

# A burst of eight lasts for a second or two, so that the word falls into the middle of it.
_TYPING: Final = TypingProfile(
    characters_per_second=10_000, reading_seconds=0.0, pause_seconds=0.2, longest_seconds=0.2
)
_WAIT_SECONDS: Final = 90.0
_QUIET_SECONDS: Final = 1.5


@dataclass(frozen=True, slots=True)
class Stop:
    """One kill. Times are milliseconds from the word's arrival at the connector."""

    written: float
    """The kill stands in every partition, by Redis' own time in whole milliseconds."""
    last_bubble: float
    """The last bubble reached the messenger; 0 when none did after the word."""
    last_cancelled: float
    """The last generation was cancelled, as the model server saw it."""
    generations: int
    """How many were running."""
    in_flight: int
    """Bubbles that the kill reported as already handed over."""
    late: int
    """Bubbles that arrived after the kill was written, and so also those after its write had returned."""
    cut_short: int
    """Drafts that were frozen on their way."""


class Bench:
    """A town in which one kill after the other is measured."""

    def __init__(self, place: Town, generations: int) -> None:
        self._town = place
        self._long = place.chats[:generations]
        self._bursting = place.chats[generations:]
        self._model = Reading(place.model_record)
        self._messenger = Reading(place.messenger_record)
        self._workers = [Reading(path) for path in place.worker_records()]
        self._numbers = 0

    async def kill(self) -> Stop:
        """Fill the model server, say the word, let it become quiet, and resume."""
        self._model.new()
        for chat in self._long:
            await self._ask(chat, "long")
        started: list[Line] = []
        await _until(
            lambda: _count(started, "started", self._model.new()) >= len(self._long),
            lambda: f"{len(started)} generations of {len(self._long)} are running",
        )
        self._messenger.new()
        for chat in self._bursting:
            await self._ask(chat, "burst")
        out: list[Line] = []
        await _until(
            lambda: _count(out, "out", self._messenger.new()) >= 2 * len(self._bursting),
            lambda: f"{len(out)} bubbles have left",
        )
        for reading in self._workers:
            reading.new()
        self._model.new()
        said = await self._town.say(self._long[0], "leo", "pineapple")
        # Nobody looks on meanwhile: there are two cores, and looking takes one.
        await asyncio.sleep(_QUIET_SECONDS)
        stop = await self._read(said["id"])
        await self._resume()
        return stop

    async def _ask(self, chat: ChatKey, kind: str) -> None:
        self._numbers += 1
        await self._town.say(chat, "mia", f"Sam? {kind}{word(self._numbers)}")

    async def _read(self, word_id: str) -> Stop:
        notes = [line for reading in self._workers for line in reading.new() if line.facts["id"] == word_id]
        heard = min((line for line in notes if line.what == "heard"), key=lambda line: line.tick)
        written, in_flight = await self._kill()
        bubbles = [line for line in self._messenger.new() if line.what == "arrived"]
        cancelled = [
            line.tick
            for line in self._model.new()
            if line.what == "cancelled" and line.facts["word"].startswith("long")
        ]
        if len(cancelled) < len(self._long):
            raise RuntimeError(f"{len(cancelled)} of {len(self._long)} generations were cancelled")
        last_bubble = max((line.tick for line in bubbles), default=heard.tick)
        return Stop(
            written=(written - heard.at) * 1000,
            last_bubble=max(0.0, last_bubble - heard.tick) * 1000,
            last_cancelled=(max(cancelled) - heard.tick) * 1000,
            generations=len(cancelled),
            in_flight=in_flight,
            late=sum(line.at > written for line in bubbles),
            cut_short=sum(draft.state == "frozen" for draft in await self._town.office.desk.drafts.waiting()),
        )

    async def _kill(self) -> tuple[float, int]:
        """When the newest kill was written, in seconds since 1970, and what it reported, over all partitions."""
        store = self._town.office.store
        written, in_flight = 0, 0
        for partition in store.partitions.all():
            rows = await store.ask("xrevrange", store.partitions.prefix(partition) + "journal")
            id_, fields = next(row for row in rows if row[1]["kind"] == "kill")
            written = max(written, int(id_.partition("-")[0]) + 1)
            in_flight += int(json.loads(fields["facts"])["in_flight"])
        return written / 1000, in_flight

    async def _resume(self) -> None:
        desk = self._town.office.desk
        until = time.monotonic() + _WAIT_SECONDS
        # First all must be decided under the kill: a turn that is tried again after the resume would be answered.
        while any(chat.waiting or chat.leaving for chat in await desk.chats.all()):
            if time.monotonic() > until:
                raise RuntimeError("the chats did not come to rest")
            await asyncio.sleep(0.3)
        await insist(lambda: desk.resume(OWNER, KillScope.everywhere()))
        for draft in await desk.drafts.waiting():
            await desk.reject(OWNER, draft.id)


def _count(found: list[Line], what: str, new: Sequence[Line]) -> int:
    found += [line for line in new if line.what == what]
    return len(found)


async def _until(true: Callable[[], bool], how_far: Callable[[], str]) -> None:
    until = time.monotonic() + _WAIT_SECONDS
    while not true():
        if time.monotonic() > until:
            raise RuntimeError(f"after {_WAIT_SECONDS:.0f} s only {how_far()}")
        await asyncio.sleep(0.05)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all values do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


async def measure(
    folder: Path,
    *,
    runs: int,
    generations: int,
    workers: int,
    token_seconds: float,
    bursting: int = 20,
    done: Callable[[Stop], None] = lambda _: None,
) -> list[Stop]:
    """Measure that many kills, one after the other in one town; `done` is told of each.

    `bursting` more chats are being sent to when the word is said.
    """
    settings = {**OFFICE_SETTINGS, "worker": {**OFFICE_SETTINGS["worker"], "lease_seconds": 10.0}}
    settings["outbox"] = {**settings["outbox"], "lease_seconds": 10.0}
    settings["worker"]["concurrency"] = math.ceil((generations + bursting) / workers) + 5
    chats = [(chat, Mode.AUTO) for chat in chat_keys(generations + bursting)]
    async with town(
        folder,
        workers=workers,
        chats=chats,
        settings=settings,
        seed=0,
        typing=_TYPING,
        wired=False,
        token_seconds=token_seconds,
    ) as place:
        bench = Bench(place, generations)
        stops = []
        for _ in range(runs):
            stops.append(await bench.kill())
            done(stops[-1])
        return stops


def show(console: Console, stops: Sequence[Stop]) -> None:
    """Print the table."""
    table = Table(title=f"{stops[0].generations} running generations, {len(stops)} kills; ms from the word")
    for column in ("", "p50", "p99", "max"):
        table.add_column(column, justify="left" if not column else "right")
    for name, values in (
        ("the kill stands in Redis", [stop.written for stop in stops]),
        ("the last bubble was handed over", [stop.last_bubble for stop in stops]),
        ("the last generation was cancelled", [stop.last_cancelled for stop in stops]),
        ("… from when the kill stood", [stop.last_cancelled - stop.written for stop in stops]),
    ):
        table.add_row(
            name,
            *(f"{value:.1f}" for value in (percentile(values, 0.5), percentile(values, 0.99), max(values))),
        )
    console.print(table)
    console.print(
        f"bubbles that arrived after the kill stood: {sum(stop.late for stop in stops)}, "
        f"reported by the kills as in flight: {sum(stop.in_flight for stop in stops)}"
    )


def main() -> int:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--generations", type=int, default=200)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--token-ms", type=float, default=20.0)
    options = parser.parse_args()
    configure_logs("error")
    console = Console()

    def told(stop: Stop) -> None:
        console.print(
            f"written {stop.written:.1f} ms, last bubble {stop.last_bubble:.1f} ms, "
            f"last cancelled {stop.last_cancelled:.1f} ms, in flight {stop.in_flight}, late {stop.late}"
        )

    with tempfile.TemporaryDirectory(prefix="u-kill-") as folder:
        stops = asyncio.run(
            measure(
                Path(folder),
                runs=options.runs,
                generations=options.generations,
                workers=options.workers,
                token_seconds=options.token_ms / 1000,
                done=told,
            )
        )
    show(console, stops)
    return 1 if any(stop.late > stop.in_flight for stop in stops) else 0


if __name__ == "__main__":
    sys.exit(main())
