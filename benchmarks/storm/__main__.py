"""A storm over the whole service, with real processes.

    python -m benchmarks.storm [--seed N] [--seconds 120] [--chats 200] [--workers 4] [--messages 2000]

Processes are killed and stopped, Redis is killed and started again on its append-only file, wires are cut, clocks jump,
the messenger tells things twice and hangs up, people kill, resume, approve and change modes. Then the books must
balance: the messages people wrote, the journal, the drafts, and the messenger's own record of what went out. Ends with
1 when they do not, with the story of each chat that is concerned.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.storm.accountant import story
from benchmarks.storm.storm import Aftermath, Plan, storm
from bot.log import configure_logs

_STORIES = 3
PROMISES = {
    "lost": "lost",
    "twice": "sent or decided on twice",
    "order": "out of order",
    "kill": "after a kill",
    "deleted": "with what was deleted",
    "books": "books that disagree",
}


def show(console: Console, aftermath: Aftermath) -> None:
    """Print the table, and the stories of what went wrong."""
    table = Table(title=f"Storm, seed {aftermath.seed}", show_header=False)
    for name, figure in aftermath.figures.items():
        table.add_row(name, f"{figure:,}")
    table.add_section()
    for kind, name in PROMISES.items():
        count = sum(violation.kind == kind for violation in aftermath.violations)
        table.add_row(f"[bold]{name}", f"[bold {'red' if count else 'green'}]{count}")
    console.print(table)
    for violation in aftermath.violations:
        console.print(f"{violation.kind}: {violation.chat}: {violation.what}", style="red", markup=False)
    for chat in list(dict.fromkeys(violation.chat for violation in aftermath.violations))[:_STORIES]:
        console.rule(f"the story of {chat}")
        for line in story(aftermath.books, chat):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def main() -> int:
    """Read the options, raise the storm, and say what is left."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--seconds", type=float, default=120.0, help="how long it rages")
    parser.add_argument("--chats", type=int, default=200)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--messages", type=int, default=2000)
    options = parser.parse_args()
    configure_logs("error")
    console = Console()
    console.print(f"seed {options.seed}")
    plan = Plan(options.seed, options.seconds, options.chats, options.workers, options.messages)
    with tempfile.TemporaryDirectory(prefix="u-storm-") as folder:
        aftermath = asyncio.run(storm(plan, Path(folder)))
    show(console, aftermath)
    return 1 if aftermath.violations else 0


if __name__ == "__main__":
    sys.exit(main())
