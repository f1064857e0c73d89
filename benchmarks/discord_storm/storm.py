"""One storm from beginning to end: open the place, let it rage, let it calm down, and read the books."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.discord_storm.books import discord_lines, doubles
from benchmarks.discord_storm.place import HELD, Place, place
from benchmarks.discord_storm.weather import Weather
from benchmarks.storm.accountant import Violation, arrived_after, audit, kills
from benchmarks.storm.books import Books, open_books
from benchmarks.storm.people import Friends, Moderators
from benchmarks.storm.record import read_record
from benchmarks.storm.storm import Aftermath, all_final, keep_deciding


@dataclass(frozen=True, slots=True)
class Plan:
    """How big a storm, and from which seed it is drawn."""

    seed: int
    seconds: float = 120.0
    channels: int = 16
    messages: int = 600
    calm_seconds: float = 120.0
    """How long everything may take to come to rest afterwards."""


async def storm(plan: Plan, folder: Path) -> Aftermath:
    """Raise one, in a folder of its own."""
    started = time.monotonic()
    chance = random.Random(plan.seed)
    held = HELD[plan.seed % len(HELD)]
    by_history = plan.seed // len(HELD) % 2 == 1
    async with place(folder, plan.channels, held, by_history=by_history) as there:
        friends = Friends(there, random.Random(chance.random()))
        moderators = Moderators(there, random.Random(chance.random()))
        weather = Weather(there, friends, random.Random(chance.random()))
        await asyncio.gather(*(service.start() for service in there.services))
        await _all_hear(there, sum(map(len, held)))
        busy = [
            asyncio.create_task(keep_deciding(moderators)),
            asyncio.create_task(weather.keep_lifting()),
        ]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(friends.write(plan.messages, plan.seconds))
                group.create_task(weather.rage(plan.seconds))
            await weather.clear()
            rested = await _come_to_rest(there, friends, plan.calm_seconds)
        finally:
            for task in busy:
                task.cancel()
            for error in await asyncio.gather(*busy, return_exceptions=True):
                if isinstance(error, Exception):
                    raise error
        for service in there.services:
            await service.kill()
        books = await open_books(there.office, there.chats, friends.said, [], read_record(there.model_record))
        lines = discord_lines(there, books)
        books.messenger.extend(lines)
        violations = [
            *audit(books),
            *doubles(there),
            *(Violation("books", "discord", what) for what in there.fake.violations),
        ]
        figures = _figures(there, books, weather, moderators) | {
            "seconds to come to rest": round(rested, 1),
            "seconds in all": round(time.monotonic() - started, 1),
        }
    return Aftermath(plan.seed, figures, violations, books)


async def _all_hear(there: Place, count: int) -> None:
    """Wait until each process is on each of its shards, so many in all."""
    async with asyncio.timeout(60):
        while len(there.fake.open_connections) < count:  # noqa: ASYNC110 - a server tells nobody
            await asyncio.sleep(0.05)


async def _come_to_rest(there: Place, friends: Friends, seconds: float) -> float:
    """Wait until nothing is to be done any more, or too long; gives the seconds it took."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        if await all_final(there, friends):
            break
        await asyncio.sleep(0.3)
    await asyncio.sleep(1.0)
    return time.monotonic() - started


def _figures(there: Place, books: Books, weather: Weather, moderators: Moderators) -> dict[str, int | float]:
    outcomes = Counter(
        outcome.outcome
        for chat, ids in books.said.items()
        for id_ in ids
        if (outcome := books.outcomes[chat].get(id_)) is not None
    )
    lines = Counter(line.what for line in books.messenger)
    sessions = there.fake.sessions.values()
    late = [known for kill in kills(books) for _, known in arrived_after(books, kill)]
    return {
        "channels": len(books.said),
        "processes": len(there.services),
        "nonces known for (s)": there.fake.nonce_seconds,
        "messages written": sum(len(ids) for ids in books.said.values()),
        **{f"messages {name}": outcomes[name] for name in sorted(outcomes)},
        "events that the gateway told": sum(session.sequence for session in sessions),
        "sessions begun": there.bot.identified,
        "sessions resumed": there.bot.resumed,
        "posts asked of Discord": lines["arrived"],
        "messages that stand in the channels": lines["out"],
        "drafts approved, rejected": moderators.approved + moderators.rejected,
        "drafts written anew on order": moderators.rewritten,
        **{name: weather.done[name] for name in sorted(weather.done)},
        "kills on record": len(kills(books)),
        "in flight at a kill, arrived after it": len(late),
    }
