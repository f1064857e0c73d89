"""CSV as RFC 4180 has it, read record by record: fields may hold line ends and doubled quotes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from chat.errors import ExportDamaged
from chat.exports.bundle import Source
from chat.exports.lines import LONGEST_LINE


def read_csv(source: Source, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Give each record with the line it begins on, from 1. A byte order mark is dropped.

    Raises ExportDamaged, also for a quote that is never closed, and ExportMissing.
    """
    line = 1
    with source.open() as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(_lines(source, text), delimiter=delimiter, strict=True)
        try:
            for record in reader:
                yield line, record
                line = reader.line_num + 1
        except csv.Error as error:
            raise ExportDamaged(
                source.place, f"line {line}: this is no CSV, or cut off; export the chat again"
            ) from error


def header_fields(head: bytes, delimiter: str = ",") -> tuple[str, ...]:
    """Give the first record's fields, lower case, as far as the file's first bytes show. Never raises."""
    text = head.decode("utf-8-sig", errors="replace")
    try:
        record = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return ()
    return tuple(field.strip().lower() for field in record)


def _lines(source: Source, text: io.TextIOWrapper) -> Iterator[str]:
    number = 0
    while line := text.readline(LONGEST_LINE):
        number += 1
        if "\0" in line:
            raise ExportDamaged(source.place, f"line {number} holds a NUL byte; export the chat again")
        if len(line) == LONGEST_LINE:
            raise ExportDamaged(source.place, f"line {number} is longer than any message")
        yield line
