"""What there is to know of a dataset before anybody trains on it, and warnings in plain words."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final

import polars as pl

from training.dataset.facts import DELAYS, LENGTHS, Facts
from training.dataset.folder import RECORD, ROWS, SIDES, Side
from training.errors import DatasetUnreadable

TokenCount = Callable[[str], int]

FEW: Final = 1_000
"""Answers below which models were seen to learn theirs by heart (published: 1,000 pairs overfit, 10,000 do well)."""
MOST_OF_ALL: Final = 0.5
_EXAMPLES: Final = 10
_DELAY_NAMES: Final = ("< 10 s", "< 1 min", "< 5 min", "< 30 min", "< 2 h", "< 12 h", "longer")


@dataclass(frozen=True, slots=True)
class Figure:
    """One plot: bars, each with its name and how many."""

    title: str
    bars: tuple[tuple[str, int], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All of it; `examples` are texts as a model is shown them."""

    title: str
    numbers: tuple[tuple[str, str], ...]
    figures: tuple[Figure, ...]
    taken: tuple[tuple[str, str, int], ...]
    examples: tuple[str, ...]
    warnings: tuple[str, ...]


def report_on(folder: Path, tokens: tuple[str, TokenCount] | None = None, seed: int = 0) -> Report:
    """Read a dataset's folder and report. Raises DatasetUnreadable.

    `tokens` is what counts them, by name; by default four bytes of UTF-8 are taken for one. `seed` draws the examples.
    """
    try:
        facts = Facts.read(folder) or Facts()
        paths = {side: folder / ROWS / f"{side}.parquet" for side in SIDES}
        sides = {side: _texts(path) for side, path in paths.items() if path.exists()}
        record = json.loads(path.read_bytes()) if (path := folder / RECORD).exists() else {}
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise DatasetUnreadable(
            f"{folder} cannot be read ({type(error).__name__}): build the dataset again"
        ) from None
    if not sides.get("train"):
        raise DatasetUnreadable(
            f"{folder} is no dataset: give the folder that `understudy dataset build` made"
        )
    counter, count = tokens or ("no tokenizer given: 4 bytes a token", _by_length)
    train = sides["train"]
    answers = [answer for _, answer in train if answer]
    words = median(len(answer.split()) for answer in answers) if answers else 0.0
    total = sum(count(shown) for shown, _ in train)
    drawn = random.Random(seed).sample(train, min(_EXAMPLES, len(train)))
    numbers = (
        *((f"rows to {_USES[side]}", f"{len(rows):,}") for side, rows in sides.items()),
        *_lineage(record),
        ("tokens to train on", f"{total:,} ({counter})"),
        ("messages", f"{facts.messages:,}, own {facts.own:,}"),
        ("median answer", f"{words:g} words"),
        ("own messages with emoji", f"{facts.with_emoji / facts.own:.0%}" if facts.own else "–"),
    )
    return Report(
        title=folder.resolve().name,
        numbers=numbers,
        figures=tuple(_figures(facts)),
        taken=facts.taken,
        examples=tuple(shown for shown, _ in drawn),
        warnings=tuple(_warnings(facts, answers, words, sides)),
    )


def _lineage(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is on record of where the rows come from."""
    if leaked := record.get("leaked"):
        yield "held-out rows left out, for training has their answer", f"{leaked:,}"
    if consent := record.get("consent"):
        by = _CONSENT[consent["by"]] + ("" if consent["live"] else ", the live chats not asked")
        yield "people who agreed", f"{consent['agreed']:,} of {consent['people']:,} ({by})"
    if fingerprint := record.get("fingerprint"):
        yield "fingerprint", fingerprint


_CONSENT: Final = {
    "ledger": "by the ledger",
    "elsewhere": "you answer for having asked",
    "as_it_is": "you answer for having asked",
}
_USES: Final[Mapping[Side, str]] = {"train": "train on", "valid": "measure on", "test": "test on"}


def _figures(facts: Facts) -> Iterator[Figure]:
    ends = [f"{begin}–{end - 1}" for begin, end in pairwise(LENGTHS)]
    yield Figure("Own messages by length", _bars([*ends, f"{LENGTHS[-1]}+"], facts.lengths), "characters")
    yield Figure("Bubbles a burst", tuple(facts.bubbles.items()))
    yield Figure("Own messages by hour of day", _bars([f"{hour:02}" for hour in range(24)], facts.hours))
    yield Figure("Until the owner answers", _bars(_DELAY_NAMES[: len(DELAYS)], facts.delays))
    yield Figure("Emoji", tuple(facts.emoji.items()))
    yield Figure("Languages", tuple(facts.languages.items()), "own texts that are long enough to tell")
    yield Figure("Messages by chat", tuple(facts.chats.items())[:20])
    yield Figure("Messages by person", tuple(facts.people.items())[:20], "everybody but the owner")


def _warnings(
    facts: Facts, answers: Sequence[str], words: float, sides: Mapping[Side, Sequence[object]]
) -> Iterator[str]:
    if len(answers) < FEW:
        yield (
            f"There are {len(answers):,} answers to learn from. Below about {FEW:,} a model learns them by heart "
            "instead of how you write: import more chats, or train for one epoch with a low rank and watch the "
            "held-out loss."
        )
    for what, counts in (("contact", facts.people), ("chat", facts.chats)):
        total = sum(counts.values())
        if len(counts) > 1 and (first := max(counts, key=lambda name: counts[name])) and total:
            share = counts[first] / total
            if share > MOST_OF_ALL:
                yield (
                    f"One {what} dominates: {first} has {share:.0%} of the messages. The model will write to everybody "
                    f"as in there: import more of the others, or leave part of it out with a time range."
                )
    if answers and words <= 1:
        yield (
            "The median answer is one word, and so will the model's be. That may be how you write; if it is too "
            "terse, keep bursts together, or leave out chats that are all short answers. Don't take short answers out "
            "one by one: how often you say ok is part of you."
        )
    if not any(sides.get(side) for side in SIDES[1:]):
        yield "Nothing is held out, so that nobody can tell learning from reciting: set split.held_out."
    if not facts.messages:
        yield "How the messages were before the recipe is not on record here: build the dataset again for the plots."


def _bars(names: Sequence[str], counts: Sequence[int]) -> tuple[tuple[str, int], ...]:
    return tuple(zip(names, counts, strict=True))


def _texts(path: Path) -> list[tuple[str, str]]:
    """What each row shows in full, and what of it is learned."""
    found = []
    for row in pl.read_parquet(path).iter_rows(named=True):
        if row.get("messages"):
            parts = [message["content"] for message in row["messages"]]
            shown = "\n".join(f"{message['role']}: {message['content']}" for message in row["messages"])
        elif row.get("text") is not None:
            parts = [row["text"]]
            shown = row["text"]
        else:
            parts = [row["prompt"], row["completion"]]
            shown = "".join(parts)
        spans = row.get("learned") or ()
        found.append((shown, "\n".join(parts[span["part"]][span["begin"] : span["end"]] for span in spans)))
    return found


def tokens_by(tokenizer: Path) -> TokenCount:
    """Count with a `tokenizer.json`. Raises DatasetUnreadable when it is none, or `tokenizers` is not installed."""
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 - of the extra `train`

        loaded = Tokenizer.from_file(str(tokenizer))
    except ImportError:
        raise DatasetUnreadable(
            "counting tokens needs the extra `train`: pip install 'understudy[train]'"
        ) from None
    except Exception as error:  # noqa: BLE001 - it raises no class of its own
        raise DatasetUnreadable(f"{tokenizer} is no tokenizer.json ({type(error).__name__})") from None
    return lambda text: len(loaded.encode(text, add_special_tokens=False).ids)


def _by_length(text: str) -> int:
    return -(-len(text.encode()) // 4)


def report_json(report: Report) -> str:
    """Give a report for programs, without its examples."""
    return json.dumps(
        {
            "title": report.title,
            "numbers": dict(report.numbers),
            "figures": {figure.title: dict(figure.bars) for figure in report.figures},
            "taken": report.taken,
            "warnings": report.warnings,
        },
        ensure_ascii=False,
    )
