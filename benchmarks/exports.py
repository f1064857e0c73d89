"""How fast a large WhatsApp export is read, against a bare line loop over the same file.

    python -m benchmarks.exports [--lines 1000000] [--rounds 5]

A file a phone and clock: Android and iPhone, 24 hours and 12. The loop and the reader run by turns, each time in a
process of its own: CPU seconds over all threads (start and imports included), and the most memory that was resident.
The loop opens the file, runs one regular expression on each line, and keeps nothing. Given are medians over the
rounds; a round's ratio is of its own two runs. What is promised: at most 3 times the loop's CPU, and the file's size
and 250 MB.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

TIMES, ABOVE_FILE = 3.0, 250_000_000
_WORDS = (
    *("ok", "lol", "yes", "no", "maybe", "tomorrow", "the", "a", "and", "curry", "train", "station", "late"),
    *("again", "see", "you", "there", "what", "when", "who", "said", "that", "really", "never", "always"),
    *("coffee", "ticket", "sunday", "monday", "friday", "😂", "haha", "I'm", "don't", "it's", "fine", "with"),
)
_MARK: Final = "\u200e"

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


@dataclass(frozen=True, slots=True)
class Phone:
    """How a phone writes: the moment, what it puts in place of a picture, after an edited text, and at a line's end."""

    name: str
    stamp: Callable[[datetime], str]
    picture: str
    edited: str
    end: str


def _half(at: datetime) -> str:
    return "AM" if at.hour < 12 else "PM"


_ANDROID = ("<Media omitted>", " <This message was edited>", "\n")
_IPHONE = (f"{_MARK}image omitted", f" {_MARK}<This message was edited>", "\r\n")
PHONES: Final = (
    Phone("Android, 24 h", lambda at: f"{at:%d/%m/%Y, %H:%M} - ", *_ANDROID),
    Phone(
        "Android, 12 h",
        lambda at: f"{at.month}/{at.day}/{at:%y}, {at.hour % 12 or 12}:{at:%M}\u202f{_half(at)} - ",
        *_ANDROID,
    ),
    Phone("iPhone, 24 h", lambda at: f"[{at:%d/%m/%Y, %H:%M:%S}] ", *_IPHONE),
    Phone(
        "iPhone, 12 h",
        lambda at: f"[{at.month}/{at.day}/{at:%y}, {at.hour % 12 or 12}:{at:%M:%S}\u202f{_half(at)}] ",
        *_IPHONE,
    ),
)


def write(path: Path, lines: int, phone: Phone) -> int:
    """Write a chat of so many lines, some 78 bytes each on average; gives how many messages it holds."""
    draw, at, messages = random.Random(7), datetime(2019, 1, 5, 8), 0  # noqa: DTZ001 - a wall clock
    with path.open("w", encoding="utf-8", newline="") as file:
        for number in range(lines):
            if number and draw.random() < 0.04:
                file.write(" ".join(draw.choices(_WORDS, k=8)) + phone.end)
                continue
            at += timedelta(seconds=draw.expovariate(1 / 240))
            messages += 1
            text = " ".join(draw.choices(_WORDS, k=draw.randint(1, 20)))
            if (odd := draw.random()) < 0.03:
                text = phone.picture
            elif odd < 0.04:
                text += phone.edited
            # An iPhone marks the whole line of what it writes itself.
            mark = _MARK if odd < 0.03 and phone.picture.startswith(_MARK) else ""
            name = draw.choice(("Sam", "Mia", "Leo", "Ann-Marie"))
            file.write(f"{mark}{phone.stamp(at)}{name}: {text}{phone.end}")
    return messages


def measured(script: str, *arguments: str) -> tuple[float, int]:
    """CPU seconds and peak resident bytes of a script in its own process."""
    ended = subprocess.run(
        [sys.executable, "-c", script + _MEASURED, *arguments], check=True, capture_output=True, text=True
    )
    seconds, resident = json.loads(ended.stdout)
    return seconds, resident


def main() -> int:
    """Measure every phone, and say whether the promise is kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5, help="medians are taken over so many")
    parser.add_argument("--phone", choices=[phone.name for phone in PHONES], help="only this one")
    options = parser.parse_args()
    print(f"{options.lines:,} lines, medians of {options.rounds} rounds; at most {TIMES:g} times and 250 MB")
    print(
        f"{'written by':<15}{'file MB':>8}{'messages':>10}{'loop s':>8}{'reader s':>10}{'times':>7}{'MB above':>10}"
    )
    kept = True
    for phone in PHONES:
        if options.phone in (None, phone.name):
            kept = _measure(phone, options.lines, options.rounds) and kept
    return 0 if kept else 1


def _measure(phone: Phone, lines: int, count: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "WhatsApp Chat with Friday five.txt"
        messages = write(path, lines, phone)
        size = path.stat().st_size
        rounds = [
            (measured(_LOOP, str(path)), measured(_READ, str(path), str(messages))) for _ in range(count)
        ]
    loop = median(seconds for (seconds, _), _ in rounds)
    reader = median(seconds for _, (seconds, _) in rounds)
    times = median(ours / bare for (bare, _), (ours, _) in rounds)
    above = max(resident for _, (_, resident) in rounds) - size
    figures = f"{loop:>8.2f}{reader:>10.2f}{times:>7.2f}{above / 1e6:>10.0f}"
    print(f"{phone.name:<15}{size / 1e6:>8.1f}{messages:>10,}{figures}", flush=True)
    return times <= TIMES and above <= ABOVE_FILE


if __name__ == "__main__":
    sys.exit(main())
