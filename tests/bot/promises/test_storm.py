"""Promises 1 to 4 in a short storm with real processes, and the accountant who says whether they were kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from benchmarks.storm.accountant import audit, story
from benchmarks.storm.books import Books
from benchmarks.storm.storm import Plan, storm


async def test_a_short_storm_loses_nothing_doubles_nothing_and_keeps_the_order(state_dir: Path) -> None:
    aftermath = await storm(
        Plan(seed=3, seconds=8, chats=40, workers=4, messages=160, calm_seconds=50), state_dir
    )
    told = [line for found in aftermath.violations[:3] for line in story(aftermath.books, found.chat)]
    assert aftermath.violations == [], "\n".join(told)
    figures = aftermath.figures
    for deed in ("processes killed", "processes stopped", "Redis restarts", "wires cut", "clock jumps"):
        assert figures.get(deed, 0) >= 1, deed
    assert figures["kills on record"] >= 2
    assert figures["messages answered"] >= 1
    assert figures["deliveries beyond the first"] >= 1
    _the_accountant_notices(aftermath.books)


def _the_accountant_notices(books: Books) -> None:
    """What was clean is not clean any more when any one book is changed."""
    out = next(line for line in books.messenger if line.what == "out")
    chat = f"{out.facts['messenger']}/{out.facts['chat']}"

    def kinds(changed: Books) -> set[str]:
        return {violation.kind for violation in audit(changed)}

    assert "twice" in kinds(dataclasses.replace(books, messenger=[*books.messenger, out]))
    assert "books" in kinds(
        dataclasses.replace(books, messenger=[line for line in books.messenger if line is not out])
    )
    outcomes = {id_: found for id_, found in books.outcomes[chat].items() if id_ not in books.said[chat]}
    assert "lost" in kinds(dataclasses.replace(books, outcomes={**books.outcomes, chat: outcomes}))
