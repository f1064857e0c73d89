"""One storm from beginning to end: open the place, let it rage, let it calm down, and read the books."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.discord_storm.books import (
    discord_lines,
    doubles,
    kept_after_all,
    parts_of,
    unheard_kill_words,
    wrong_parts,
)
from benchmarks.discord_storm.friends import DiscordFriends
from benchmarks.discord_storm.place import HELD, Place, place
from benchmarks.discord_storm.weather import Weather
from benchmarks.storm.accountant import Violation, arrived_after, audit, kills
from benchmarks.storm.books import Books, open_books
from benchmarks.storm.people import Moderators, insist
from benchmarks.storm.record import read_record
from benchmarks.storm.storm import Aftermath, all_final, rage
from chat.message import ChatKey


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
        friends = DiscordFriends(there, random.Random(chance.random()))
        moderators = Moderators(there, random.Random(chance.random()))
        weather = Weather(there, friends, random.Random(chance.random()))
        await asyncio.gather(*(service.start() for service in there.services))
        await _all_hear(there, sum(map(len, held)))
        await _threads_follow(there, friends)

        async def rested() -> bool:
            return await all_final(there, friends) and not await insist(
                lambda: kept_after_all(there, friends.deleted)
            )

        calm = await rage(
            *(friends, moderators, weather, rested),
            messages=plan.messages,
            seconds=plan.seconds,
            calm_seconds=plan.calm_seconds,
        )
        for service in there.services:
            await service.kill()
        books = await open_books(
            *(there.office, there.chats, friends.said, [], read_record(there.model_record)),
            *(there.part_of, friends.deleted),
        )
        lines = discord_lines(there, books)
        books.messenger.extend(lines)
        violations = [
            *audit(books),
            *doubles(there),
            *wrong_parts(there, books),
            *unheard_kill_words(friends, await _kills_heard(there), books),
            *await kept_after_all(there, friends.deleted),
            *(Violation("books", "discord", what) for what in there.fake.violations),
        ]
        figures = _figures(there, books, weather, moderators) | {
            "seconds to come to rest": round(calm, 1),
            "seconds in all": round(time.monotonic() - started, 1),
        }
    return Aftermath(plan.seed, figures, violations, books)


async def _all_hear(there: Place, count: int) -> None:
    """Wait until each process is on each of its shards, so many in all."""
    async with asyncio.timeout(60):
        while len(there.fake.open_connections) < count:  # noqa: ASYNC110 - a server tells nobody
            await asyncio.sleep(0.05)


async def _threads_follow(there: Place, friends: DiscordFriends) -> None:
    """Have somebody write in each thread, and wait until the stand-in is in all of them."""
    for chat in map(ChatKey.parse, there.part_of):
        await friends.say_in(chat, friends.next_text())
    async with asyncio.timeout(60):
        while len(await there.office.desk.chats.all()) < len(there.chats):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)


async def _kills_heard(there: Place) -> set[str]:
    """The scopes and ids of all kills that every partition has on record."""
    partitions = there.office.store.partitions
    names = [partitions.prefix(part) + "kills_heard" for part in partitions.all()]
    found = [set(await there.office.store.ask("zrange", name, 0, -1)) for name in names]
    return set.intersection(*found)


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
        "bubbles that stand in the channels": lines["out"],
        **parts_of(there, books),
        "drafts approved, rejected": moderators.approved + moderators.rejected,
        "drafts written anew on order": moderators.rewritten,
        **{name: weather.done[name] for name in sorted(weather.done)},
        "kills on record": len(kills(books)),
        "in flight at a kill, arrived after it": len(late),
    }
