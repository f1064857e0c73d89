"""Lines of a large text, taken by the block: millions of lines are worked on as columns, not one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from chat.errors import ExportDamaged
from chat.exports.bundle import Source

LONGEST_LINE: Final = 1 << 20
"""Bytes of a line that are kept. No messenger sends so much; the rest is dropped, so that no file fills the
memory."""
_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines with their ends, LF or CRLF; `number` is the first line's, from 1."""

    place: Path
    number: int
    data: bytes

    @property
    def count(self) -> int:
        """How many lines."""
        return self.data.count(b"\n")

    def lines(self) -> pl.Series:
        """The lines as a column, without their ends. Raises ExportDamaged where they are not UTF-8."""
        try:
            return pl.read_lines(self.data).to_series()
        except pl.exceptions.PolarsError:
            self._complain()
            raise

    def _complain(self) -> None:
        try:
            self.data.decode()
        except UnicodeDecodeError as error:
            line = self.number + self.data.count(b"\n", 0, error.start)
            raise ExportDamaged(
                self.place, f"line {line} is not UTF-8 text; export the chat again"
            ) from error


def read_blocks(source: Source, size: int = 3 << 20, first: int = 3 << 20) -> Iterator[Block]:
    """Give the text in blocks of about `size` bytes, after one of `first`.

    A byte order mark is dropped at the start of any line, since joined exports carry one in the middle.
    Raises ExportMissing, and ExportDamaged where the text is no UTF-8 or holds NUL.
    """
    number, rest = 1, b""
    with source.open() as raw:
        while piece := raw.read(first):
            first = size
            data = rest + piece
            nul = data.find(b"\0", len(rest))
            if nul >= 0:
                line = number + data.count(b"\n", 0, nul)
                raise ExportDamaged(source.place, f"line {line} holds a NUL byte; export the chat again")
            end = data.rfind(b"\n") + 1
            if end:
                block = _block(source, number, data[:end])
                yield block
                number += block.count
            rest = data[end:]
            if len(rest) > LONGEST_LINE:
                rest = _shortened(rest)
    if rest:
        yield _block(source, number, rest + b"\n")


def _block(source: Source, number: int, data: bytes) -> Block:
    if _MARK in data:
        data = data.removeprefix(_MARK).replace(b"\n" + _MARK, b"\n")
    return Block(source.place, number, data)


def _shortened(line: bytes) -> bytes:
    end = LONGEST_LINE
    while line[end] & 0xC0 == 0x80:  # not in the middle of a letter
        end -= 1
    return line[:end]
