"""How long it takes from exports in memory to a dataset on disk, recipe by recipe, on one core.

    python -m benchmarks.dataset [--messages 300000] [--chats 30]

The talk is drawn from a seed: bursts of one to five messages, groups and conversations of two, pauses of seconds to
days, and texts of a vocabulary so large that few repeat. Measured is CPU time of this process, from the tables that
readers give to files that were read back by their formats' rules: recipe, split, leak check, writers and inspection.
Texts are no real people's, so that the figures say nothing about what a recipe is good for.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from chat.exports.export import Clock, Export, RowsBuilder
from chat.message import Attachment, Chat, ChatKey
from training.dataset.build import make_rows, write_dataset
from training.dataset.cookbook import PRESETS, read_recipe


def export_of(number: int, messages: int, seed: int) -> Export:
    """One chat, the owner among one to nine others."""
    draw = random.Random(f"{seed}/{number}")
    direct = number % 2 == 0
    people = ["me", *(f"friend {number}-{other}" for other in range(1 if direct else draw.randint(3, 9)))]
    words = [
        "".join(draw.choices("abcdefghijklmnopqrstuvwxyzäéя😀", k=draw.randint(2, 9))) for _ in range(8_000)
    ]
    rows, at = RowsBuilder(), datetime(2022, 1, 1, 9)  # noqa: DTZ001 - a wall clock
    while len(rows) < messages:
        author = draw.choice(people)
        at += timedelta(seconds=draw.choice((20, 60, 200, 900, 4_000, 40_000)) * draw.random())
        for _ in range(draw.randint(1, 5)):
            at += timedelta(seconds=draw.randint(1, 30))
            text = " ".join(draw.choices(words, k=int(draw.lognormvariate(1.6, 0.8)) + 1))
            rows.add(
                id=str(len(rows)),
                author=author,
                name=author,
                at=at,
                text=text,
                file="chat.txt",
                line=len(rows) + 1,
                attachment=Attachment.IMAGE if draw.random() < 0.02 else None,
            )
    chat = Chat(ChatKey("whatsapp", f"chat {number}"), f"chat {number}")
    table = rows.table().head(messages)
    owner = frozenset({"me"})
    return Export(chat, "whatsapp", "drawn", Clock.WALL, table, Path("chat.txt"), owner, direct=direct)


def main() -> None:
    """Measure every preset."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=300_000)
    parser.add_argument("--chats", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    each = options.messages // options.chats
    exports = [export_of(number, each, options.seed) for number in range(options.chats)]
    print(f"{sum(export.rows.height for export in exports):,} messages in {options.chats} chats, one core")
    print("recipe           rows     rows s  files s   sum s   peak MB")
    for name in PRESETS:
        recipe = read_recipe(name, ['split.leaks = "drop"'])
        with tempfile.TemporaryDirectory() as folder:
            begin = time.process_time()
            rows = make_rows(exports, recipe)
            made = time.process_time()
            counts = write_dataset(rows, recipe, Path(folder) / name)
            end = time.process_time()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{name:<14} {sum(counts.values()):>8,} {made - begin:>9.1f} {end - made:>8.1f} {end - begin:>7.1f} "
            f"{peak:>9,.0f}"
        )


if __name__ == "__main__":
    main()
