"""A storm over Discord's protocol, with real processes.

    python -m benchmarks.discord_storm [--seed N] [--seconds 120] [--channels 16] [--messages 600] [--rounds 1]

Discord asks to reconnect, invalidates sessions, closes and cuts connections, tells events late and twice, limits,
fails, and loses requests and answers; service processes are killed and stopped, Redis is killed and started again,
people say the kill word. Then the books must balance: what people wrote, the journal, the drafts, and what stands in
Discord's channels. Ends with 1 when they do not, with the story of each chat that is concerned.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.discord_storm.storm import Plan, storm
from benchmarks.storm.__main__ import show
from bot.log import configure_logs


def main() -> int:
    """Read the options, raise the storms, and say what is left."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--seconds", type=float, default=120.0, help="how long each rages")
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--messages", type=int, default=600)
    parser.add_argument("--calm", type=float, default=120.0, help="how long it may take to come to rest")
    parser.add_argument("--rounds", type=int, default=1, help="so many storms, each from the next seed")
    options = parser.parse_args()
    configure_logs("error")
    console, violations = Console(), 0
    for seed in range(options.seed, options.seed + options.rounds):
        console.print(f"seed {seed}")
        plan = Plan(seed, options.seconds, options.channels, options.messages, options.calm)
        folder = Path(tempfile.mkdtemp(prefix="u-storm-"))
        aftermath = asyncio.run(storm(plan, folder))
        if aftermath.violations:
            console.print(f"records and logs are in {folder}")
        else:
            shutil.rmtree(folder)
        show(console, aftermath)
        violations += len(aftermath.violations)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
