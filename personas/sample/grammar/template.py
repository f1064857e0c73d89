"""Templates: `[a|b]` is a choice, `<pool>` a fresh word, `{slot}` a word the scene keeps."""

import random
import re
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent

CHOICE = re.compile(r"\[([^\[\]]*)\]")
POOL = re.compile(r"<([a-z_]+)>")
SLOT = re.compile(r"\{([a-z_]+[0-9]?)\}")
DEPTH = 12
KEPT_BACK = "% "

Table = dict[str, list[str]]


def read_pools(name: str) -> Table:
    """Read `pool: a, b, c` lines; a pool named twice is joined."""
    pools: Table = {}
    for line in read_lines(name):
        pool, _, words = line.partition(":")
        pools.setdefault(pool.strip(), []).extend(w.strip() for w in words.split(", ") if w.strip())
    return pools


def read_acts(name: str) -> Table:
    """Read templates grouped under `@act` lines."""
    acts: Table = {}
    templates: list[str] = []
    for line in read_lines(name):
        if line.startswith("@"):
            templates = acts.setdefault(line[1:], [])
        else:
            templates.append(line)
    return acts


def read_rows(name: str) -> list[list[str]]:
    """Read a table whose columns are parted by ` | `."""
    return [[cell.strip() for cell in line.split(" | ")] for line in read_lines(name)]


def read_lines(name: str) -> list[str]:
    """Read a data file of this folder without blank lines and `#` notes."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and line[0] != "#"]


def chosen(templates: list[str], kept_back: bool) -> list[str]:
    """Return the templates that are kept back for tests alone (marked `%`), or all others."""
    found = [t for t in templates if t.startswith(KEPT_BACK) == kept_back]
    return [t.removeprefix(KEPT_BACK) for t in found]


class Slots:
    """The words one scene keeps: a slot is drawn at its first use and stays.

    A digit at the end asks for another word of the same pool: `{food2}` is not `{food}`.
    """

    def __init__(self, rng: random.Random, pools: Mapping[str, list[str]]) -> None:
        self.rng = rng
        self.pools = pools
        self.values: dict[str, str] = {}

    def __getitem__(self, slot: str) -> str:
        if slot not in self.values:
            base = slot.rstrip("0123456789")
            taken = {v for k, v in self.values.items() if k.rstrip("0123456789") == base}
            self.values[slot] = self.draw(base, taken)
        return self.values[slot]

    def __setitem__(self, slot: str, word: str) -> None:
        self.values[slot] = word

    def draw(self, pool: str, taken: set[str] | None = None) -> str:
        """Draw a word of a pool, if possible none of `taken`."""
        word = ""
        for _ in range(5):
            word = self.expand(self.rng.choice(self.pools[pool]))
            if not taken or word not in taken:
                break
        return word

    def expand(self, text: str) -> str:
        """Resolve choices, pools and slots until nothing is left to resolve."""
        for _ in range(DEPTH):
            new = CHOICE.sub(lambda m: self.rng.choice(m.group(1).split("|")), text)
            new = POOL.sub(lambda m: self.rng.choice(self.pools[m.group(1)]), new)
            new = SLOT.sub(lambda m: self[m.group(1)], new)
            if new == text:
                break
            text = new
        return text
