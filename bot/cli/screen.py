"""What the command line shows: lines that stay whole, and texts that cannot play tricks on a terminal."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Names and titles come from chats: an escape sequence would reach the terminal, and a bidi control turn a line round.
_TRICKS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """Put a visible sign in the place of everything that steers a terminal."""
    return _TRICKS.sub("\ufffd", text)


def say(text: str, style: str = "") -> None:
    """Print a line, however long; nothing in it is markup, nor a name of an emoji."""
    Console(soft_wrap=True, highlight=False, emoji=False).print(clean(text), style=style, markup=False)


def say_error(text: str) -> None:
    """Say what is wrong as one line on standard error."""
    Console(file=sys.stderr, soft_wrap=True, highlight=False, emoji=False).print(
        f"understudy: {clean(' '.join(text.split()))}", style="bold red", markup=False
    )


def show_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table whose first column, by which things are asked for again, is never broken, nor its head."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(head[0], no_wrap=True, min_width=max((len(row[0]) for row in rows), default=0))
    for name in head[1:]:
        table.add_column(name, overflow="fold", min_width=len(name))
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    Console(highlight=False).print(table)
