"""How fast a large WhatsApp export is read, against a bare line loop over the same file.

    python -m benchmarks.exports [--lines 1000000]

Both run in processes of their own, one after the other: CPU seconds over all threads (start and imports
included), and the most memory that was resident. The loop opens the file, runs one regular expression on
each line, and keeps nothing. What is promised: at most 3 times its CPU, and the file's size and 250 MB.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

TIMES, ABOVE_FILE = 3.0, 250_000_000
_WORDS = (
    *("ok", "lol", "yes", "no", "maybe", "tomorrow", "the", "a", "and", "curry", "train", "station", "late"),
    *("again", "see", "you", "there", "what", "when", "who", "said", "that", "really", "never", "always"),
    *("coffee", "ticket", "sunday", "monday", "friday", "😂", "haha", "I'm", "don't", "it's", "fine", "with"),
)

_LOOP = r"""
import re, sys
line_re = re.compile(
    r"^\[?(\d{1,4}[/.-]\d{1,2}[/.-]\d{2,4}),? (\d{1,2}:\d{2}(?::\d{2})?(?:\s?[APap]\.?[Mm]\.?)?)\]?(?: -)?"
    r" ([^:]+): (.*)$"
)
with open(sys.argv[1], encoding="utf-8") as file:
    for line in file:
        line_re.match(line)
"""
_READ = r"""
import sys
from pathlib import Path
from chat.exports.formats import read_export
export = read_export(Path(sys.argv[1]), "Sam")
assert export.rows.height == int(sys.argv[2]), export.rows.height
"""
_MEASURED = """
import json, resource
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss * 1024]))
"""


def write(path: Path, lines: int) -> int:
    """Write a chat of so many lines, 78 bytes each on average; gives how many messages it holds."""
    draw, at, messages = random.Random(7), datetime(2019, 1, 5, 8), 0  # noqa: DTZ001 - a wall clock
    with path.open("w", encoding="utf-8") as file:
        for number in range(lines):
            if number and draw.random() < 0.04:
                file.write(" ".join(draw.choices(_WORDS, k=8)) + "\n")
                continue
            at += timedelta(seconds=draw.expovariate(1 / 240))
            messages += 1
            text = " ".join(draw.choices(_WORDS, k=draw.randint(1, 20)))
            if draw.random() < 0.03:
                text = "<Media omitted>"
            file.write(f"{at:%d/%m/%Y, %H:%M} - {draw.choice(('Sam', 'Mia', 'Leo', 'Ann-Marie'))}: {text}\n")
    return messages


def measured(script: str, *arguments: str) -> tuple[float, int]:
    """CPU seconds and peak resident bytes of a script in its own process."""
    ended = subprocess.run(
        [sys.executable, "-c", script + _MEASURED, *arguments], check=True, capture_output=True, text=True
    )
    seconds, resident = json.loads(ended.stdout)
    return seconds, resident


def main() -> int:
    """Measure both, and say whether the promise is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "WhatsApp Chat with Friday five.txt"
        messages = write(path, options.lines)
        size = path.stat().st_size
        rounds = [
            (measured(_LOOP, str(path)), measured(_READ, str(path), str(messages)))
            for _ in range(options.rounds)
        ]
    loop = min(seconds for (seconds, _), _ in rounds)
    reader = min(seconds for _, (seconds, _) in rounds)
    resident = max(resident for _, (_, resident) in rounds)
    print(f"file             {options.lines:,} lines, {size / 1e6:.1f} MB, {messages:,} messages")
    print(f"bare line loop   {loop:.2f} s CPU")
    print(f"our reader       {reader:.2f} s CPU, {reader / loop:.2f} times the loop (at most {TIMES})")
    print(
        f"its memory       {resident / 1e6:.0f} MB, {(resident - size) / 1e6:.0f} MB above the file (at most 250)"
    )
    return 0 if reader <= TIMES * loop and resident <= size + ABOVE_FILE else 1


if __name__ == "__main__":
    sys.exit(main())
