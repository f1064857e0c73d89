"""Promises 1 to 4 in a short storm over Discord's protocol, with real processes and the unmodified client."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from benchmarks.discord_storm.books import UNKNOWN
from benchmarks.discord_storm.storm import Plan, storm
from benchmarks.storm.accountant import audit, story
from benchmarks.storm.books import Books, Entry
from benchmarks.storm.record import Line
from chat.message import ChatKey

WHOLE = ChatKey("discord", "1")
"""A channel of which nothing in the books is a part."""


async def test_a_storm_over_discord_loses_nothing_doubles_nothing_and_keeps_the_order(
    state_dir: Path,
) -> None:
    # The seed says that each shard is held by one process, so that what it misses nobody else hears, and that only the
    # channels' history says what has left.
    plan = Plan(seed=2, seconds=12, channels=10, messages=70, calm_seconds=40)
    aftermath = await storm(plan, state_dir)
    told = [line for found in aftermath.violations[:3] for line in story(aftermath.books, found.chat)]
    assert aftermath.violations == [], "\n".join(told)
    figures = aftermath.figures
    for deed in (
        "processes killed",
        "Redis restarts",
        "gateway: cut",
        "gateway: events told twice",
        "kill words",
        "kills of a channel",
        "messages edited",
        "messages edited into the kill word",
        "messages taken back",
    ):
        assert figures.get(deed, 0) >= 1, deed
    assert figures["messages answered"] >= 1
    assert sum(count for name, count in figures.items() if name.startswith("requests: ")) >= 3
    _the_accountant_notices(aftermath.books)


def _the_accountant_notices(books: Books) -> None:
    """What was clean is not clean any more when Discord's own record is changed."""
    out = next(line for line in books.messenger if line.what == "out")
    others = [line for line in books.messenger if line is not out]

    def kinds(messenger: list[Line]) -> set[str]:
        return {violation.kind for violation in audit(dataclasses.replace(books, messenger=messenger))}

    assert "twice" in kinds([*books.messenger, out])
    assert "books" in kinds(others)
    answered = books.drafts[out.facts["bubble"].partition(".")[0]].messages[-1]
    chat = f"{out.facts['messenger']}/{out.facts['chat']}"
    first = Entry(-1, 0.0, 0, "message.deleted", chat, {"messages": [answered]})
    journals = {part: [first, *entries] for part, entries in books.journals.items()}
    gone = dataclasses.replace(books, journals=journals)
    assert "deleted" in {violation.kind for violation in audit(gone)}
    kill = Entry(-1, 0.0, 0, "kill", "", {"scope": f"chat:{WHOLE}", "by": "", "reason": "", "in_flight": 0})
    journals = {part: [kill, *entries] for part, entries in books.journals.items()}
    assert "kill" not in {v.kind for v in audit(dataclasses.replace(books, journals=journals, part_of={}))}
    parts = dict.fromkeys(books.said, WHOLE)
    assert "kill" in {v.kind for v in audit(dataclasses.replace(books, journals=journals, part_of=parts))}
    strange = dataclasses.replace(out, facts=out.facts | {"bubble": UNKNOWN})
    assert "books" in kinds([*others, strange])
