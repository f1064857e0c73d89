"""One storm from beginning to end: open the town, let it rage, let it calm down, and read the books."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.storm.accountant import FINAL, Violation, arrived_after, audit, kills
from benchmarks.storm.books import Books, open_books
from benchmarks.storm.people import Friends, Moderators, Place, insist
from benchmarks.storm.record import read_record
from benchmarks.storm.town import OFFICE_SETTINGS, chat_keys, town
from benchmarks.storm.turmoil import Turmoil
from benchmarks.storm.weather import ROUGH, Weather
from bot.errors import StoreError
from safety.mode import Mode

_MANUAL_EVERY: Final = 8
_SHADOW_EVERY: Final = 50


@dataclass(frozen=True, slots=True)
class Plan:
    """How big a storm, and from which seed it is drawn."""

    seed: int
    seconds: float = 120.0
    chats: int = 200
    workers: int = 4
    messages: int = 2000
    calm_seconds: float = 180.0
    """How long everything may take to come to rest afterwards."""


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What came of it."""

    seed: int
    figures: dict[str, int | float]
    violations: list[Violation]
    books: Books


async def storm(plan: Plan, folder: Path) -> Aftermath:
    """Raise one, in a folder of its own."""
    started = time.monotonic()
    chance = random.Random(plan.seed)
    chats = [(chat, _mode(number)) for number, chat in enumerate(chat_keys(plan.chats))]
    async with town(
        folder, workers=plan.workers, chats=chats, settings=OFFICE_SETTINGS, seed=plan.seed
    ) as place:
        friends = Friends(place, random.Random(chance.random()))
        moderators = Moderators(place, random.Random(chance.random()))
        weather = Weather(place, friends, random.Random(chance.random()))
        await place.behave(ROUGH)

        async def rested() -> bool:
            return not await place.untold() and await all_final(place, friends)

        calm = await rage(
            *(friends, moderators, weather, rested),
            messages=plan.messages,
            seconds=plan.seconds,
            calm_seconds=plan.calm_seconds,
        )
        for worker in place.workers:
            await worker.child.kill()
        records = read_record(place.messenger_record), read_record(place.model_record)
        books = await open_books(place.office, place.chats, friends.said, *records)
    violations = audit(books)
    figures = _figures(plan, books, weather.done, moderators) | {
        "seconds to come to rest": round(calm, 1),
        "seconds in all": round(time.monotonic() - started, 1),
    }
    return Aftermath(plan.seed, figures, violations, books)


def _mode(number: int) -> Mode:
    if number % _SHADOW_EVERY == _SHADOW_EVERY - 1:
        return Mode.SHADOW
    return Mode.MANUAL if number % _MANUAL_EVERY == _MANUAL_EVERY - 1 else Mode.AUTO


async def rage(
    friends: Friends,
    moderators: Moderators,
    weather: Turmoil,
    rested: Callable[[], Awaitable[bool]],
    *,
    messages: int,
    seconds: float,
    calm_seconds: float,
) -> float:
    """Have friends write, moderators decide and the weather rage, then wait until all is at rest, or for too long.

    Gives the seconds that coming to rest took.
    """
    busy = [asyncio.create_task(_keep_deciding(moderators)), asyncio.create_task(weather.keep_lifting())]
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(friends.write(messages, seconds))
            group.create_task(weather.rage(seconds))
        await weather.clear()
        return await _come_to_rest(rested, calm_seconds)
    finally:
        for task in busy:
            task.cancel()
        for error in await asyncio.gather(*busy, return_exceptions=True):
            if isinstance(error, Exception):
                raise error


async def _keep_deciding(moderators: Moderators) -> None:
    """Have moderators decide until cancelled."""
    while True:
        await moderators.decide()
        await asyncio.sleep(0.3)


async def _come_to_rest(rested: Callable[[], Awaitable[bool]], seconds: float) -> float:
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        if await rested():
            break
        await asyncio.sleep(0.3)
    # What a wire held back has arrived by then.
    await asyncio.sleep(1.0)
    return time.monotonic() - started


async def all_final(place: Place, friends: Friends) -> bool:
    """Whether every message that friends wrote has an outcome which no machine will change."""
    for chat in place.chats:
        try:
            outcomes = await insist(lambda chat=chat: place.office.desk.chats.outcomes(chat))  # type: ignore[misc]
        except StoreError:
            return False
        for id_ in friends.said[str(chat)]:
            # What was deleted before anybody heard of it has no outcome.
            if id_ not in friends.deleted and id_ not in outcomes:
                return False
            if id_ in outcomes and outcomes[id_].outcome not in FINAL:
                return False
    return True


def _figures(plan: Plan, books: Books, done: Counter[str], moderators: Moderators) -> dict[str, int | float]:
    outcomes = Counter(
        outcome.outcome
        for chat, ids in books.said.items()
        for id_ in ids
        if (outcome := books.outcomes[chat].get(id_)) is not None
    )
    ignored = Counter(
        entry.facts.get("rule", "nobody")
        for journal in books.journals.values()
        for entry in journal
        if entry.kind == "turn.decided" and entry.facts["outcome"] == "ignored"
        for _ in entry.facts["messages"]
    )
    lines = Counter(line.what for line in books.messenger)
    generations = Counter(line.what for line in books.model)
    told = Counter(line.facts["id"] for line in books.messenger if line.what == "told")
    late = [known for kill in kills(books) for _, known in arrived_after(books, kill)]
    return {
        "chats": plan.chats,
        "worker processes": plan.workers,
        "messages written": sum(len(ids) for ids in books.said.values()),
        **{f"messages {name}": outcomes[name] for name in sorted(outcomes)},
        **{f"… ignored by rule {name}": ignored[name] for name in sorted(ignored)},
        "bubbles handed over": lines["arrived"],
        "bubbles that went out": lines["out"],
        "handed over again, known by their key": lines["repeated"],
        "refused by the messenger": lines["refused"],
        "deliveries beyond the first": sum(told.values()) - len(told),
        "drafts approved, rejected": moderators.approved + moderators.rejected,
        "drafts written anew on order": moderators.rewritten,
        "decisions that came second or too late": moderators.refused,
        "generations": generations["started"],
        "generations cut short": generations["cancelled"],
        **{name: done[name] for name in sorted(done)},
        "kills on record": len(kills(books)),
        "in flight at a kill, arrived after it": len(late),
    }
