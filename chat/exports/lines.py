"""Lines of a text source, read one at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

from chat.errors import ExportDamaged
from chat.exports.bundle import Source

LONGEST_LINE = 1 << 18
"""Characters read at once. A longer line comes in pieces, so that no file fills the memory."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end. `number` counts from 1; `fresh` is false for the later pieces of one line."""

    number: int
    text: str
    fresh: bool = True


def read_lines(source: Source) -> Iterator[Line]:
    """Give the lines in order. Raises ExportMissing and ExportDamaged.

    Line ends are LF or CRLF; a byte order mark is dropped at the start of any line, since joined exports
    carry one in the middle.
    """
    number = 0
    fresh = True
    try:
        with source.open() as raw, io.TextIOWrapper(raw, encoding="utf-8", newline="\n") as text:
            while piece := text.readline(LONGEST_LINE):
                number += fresh
                if "\0" in piece:
                    raise ExportDamaged(
                        source.place, f"line {number} holds a NUL byte; export the chat again"
                    )
                ended = piece.endswith("\n")
                body = piece[:-1].removesuffix("\r") if ended else piece
                yield Line(number, body.removeprefix("\ufeff") if fresh else body, fresh)
                fresh = ended
    except ExportDamaged as error:
        if not isinstance(error.__cause__, UnicodeDecodeError):
            raise
        # The decoder works on blocks, so that the line can only be named as "after".
        where = f"after line {number}" if number else "from its first lines on"
        raise ExportDamaged(source.place, f"{where} this is not UTF-8 text; export the chat again") from error
