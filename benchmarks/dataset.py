"""How long it takes from WhatsApp's exports to a dataset, on one core.

    python -m benchmarks.dataset [--messages 300000] [--chats 30] [--recipes turns]

The talk is drawn from a seed and written as an Android phone writes it: bursts of one to five messages, groups and
conversations of two, pauses of seconds to days, a vocabulary of some thousand words of which few are frequent, "ok"
and "lol", names, numbers, links, addresses, and blocks that are pasted again and again. Measured is the CPU time of
this process, held to one core, stage by stage: files read, filters, pseudonyms, the recipe with split and leak check,
files written and read back by their format's rules. What is promised: 300,000 messages in under a minute by the
recipe `turns`. Texts are no real people's, so that the figures say nothing about what a recipe is good for.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Final

from chat.exports.export import Export
from chat.exports.formats import authors_named, read_bundles
from chat.exports.merge import merge
from training.dataset.build import make_rows, write_dataset
from training.dataset.cookbook import PRESETS, read_recipe
from training.dataset.filters import Consent, FilterSettings, filtered
from training.dataset.pseudonym_key import PseudonymKey
from training.dataset.pseudonyms import Pseudonyms

SECONDS: Final = 60.0
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzäéя"
_GIVEN: Final = (
    "Mia",
    "Leo",
    "Ann-Marie",
    "Jonas",
    "Zoé",
    "Kim",
    "Lee",
    "Robin",
    "Noor",
    "Piet",
    "Ида",
    "Ravi",
)


class _Chat:
    """Draws one chat, the owner among one to nine others."""

    def __init__(self, number: int, seed: int) -> None:
        self.draw = random.Random(f"{seed}/{number}")
        direct = number % 2 == 0
        others = self.draw.sample(_GIVEN, 1 if direct else self.draw.randint(3, 9))
        self.people = ["Sam", *(f"{name} {'BCDEFGH'[number % 7]}." for name in others)]
        vocabulary = random.Random(seed)
        self.words = ["".join(vocabulary.choices(_LETTERS, k=vocabulary.randint(2, 9))) for _ in range(8_000)]
        # As in any language: the second word is half as frequent as the first.
        self.weights = list(accumulate(1 / rank for rank in range(1, len(self.words) + 1)))
        self.blocks = [self._said(40) for _ in range(5)]

    def lines(self, messages: int) -> Iterator[str]:
        """The chat as its file has it."""
        draw, at, count = self.draw, datetime(2022, 1, 1, 9), 0  # noqa: DTZ001 - a wall clock
        while count < messages:
            author = draw.choice(self.people)
            at += timedelta(seconds=draw.choice((20, 60, 200, 900, 4_000, 40_000)) * draw.random())
            for _ in range(min(draw.randint(1, 5), messages - count)):
                at += timedelta(seconds=draw.randint(1, 30))
                count += 1
                yield f"{at:%d/%m/%Y, %H:%M} - {author}: {self._text()}\n"

    def _said(self, words: int) -> str:
        return " ".join(self.draw.choices(self.words, cum_weights=self.weights, k=words))

    def _text(self) -> str:
        draw = self.draw
        odd = draw.random()
        if odd < 0.02:
            return "<Media omitted>"
        if odd < 0.10:
            return draw.choice(("ok", "lol", "yes", "😂😂", "haha"))
        said = self._said(int(draw.lognormvariate(1.6, 0.8)) + 1)
        if odd < 0.13:
            said += f" {draw.choice(self.people).split()[0]}"
        elif odd < 0.20:
            said += f" {draw.randint(1, 30)} {draw.choice(('min', 'o clock', 'euros'))}"
        elif odd < 0.22:
            said += f" https://www.example.org/{draw.randrange(10**6)}"
        elif odd < 0.225:
            said += f" +49 170 {draw.randrange(10**6, 10**7)}"
        elif odd < 0.23:
            said += f" {draw.choice(_GIVEN).lower()}{draw.randrange(99)}@example.org"
        elif odd < 0.232:
            said = draw.choice(self.blocks)
        return said


class _Watch:
    """CPU seconds of each stage."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        self._since = time.process_time()

    def lap(self, stage: str) -> None:
        now = time.process_time()
        self.stages[stage], self._since = now - self._since, now


def _read(folder: Path) -> tuple[Export, ...]:
    reading = read_bundles([folder])
    if reading.failures:
        raise reading.failures[0]
    return merge(export.owned_by(authors_named(export, "Sam")) for export in reading.exports)


def _dataset(folder: Path, name: str) -> tuple[int, _Watch]:
    watch = _Watch()
    exports = _read(folder / "exports")
    watch.lap("read")
    kept = filtered(exports, FilterSettings(consent=Consent.ELSEWHERE)).exports
    watch.lap("filters")
    ready = Pseudonyms(PseudonymKey(bytes(32)), kept).exports(kept)
    watch.lap("pseudonyms")
    recipe = read_recipe(name, ['split.leaks = "drop"'])
    rows = make_rows(ready, recipe)
    watch.lap("rows")
    counts = write_dataset(rows, recipe, folder / name)
    watch.lap("files")
    return sum(counts.values()), watch


def main() -> int:
    """Measure, and say whether the promise is kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=300_000)
    parser.add_argument("--chats", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--recipes", nargs="+", choices=list(PRESETS), default=["turns"])
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    promise = SECONDS * options.messages / 300_000
    kept = True
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "exports").mkdir()
        for number in range(options.chats):
            path = folder / "exports" / f"WhatsApp Chat with {number}.txt"
            lines = _Chat(number, options.seed).lines(options.messages // options.chats)
            path.write_text("".join(lines), encoding="utf-8")
        print(f"{options.messages:,} messages in {options.chats} chats, CPU seconds on one core")
        for name in options.recipes:
            rows, watch = _dataset(folder, name)
            whole = sum(watch.stages.values())
            kept = kept and whole < promise
            stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in watch.stages.items())
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{name:<15} {rows:,} rows: {stages}; {whole:.1f} s in all, {peak:,.0f} MB", flush=True)
    print(f"promised: under {promise:.0f} s")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
