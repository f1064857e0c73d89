"""JSON lines: a record a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from chat.exports.bundle import Source
from chat.exports.lines import read_lines

LONGEST_RECORD: Final = 1 << 22
"""Characters. What is longer is no record of a messenger, and must not fill the memory."""

_DECODER: Final = json.JSONDecoder(strict=False)


def read_records(source: Source) -> Iterator[tuple[int, object]]:
    """Give each record with its line's number; None for a line that is no JSON, or overlong.

    Empty lines are passed over. Raises ExportMissing and ExportDamaged.
    """
    pieces: list[str] = []
    number = length = 0
    for line in read_lines(source):
        if line.fresh:
            if length:
                yield number, _decoded(pieces, length)
            pieces, number, length = [], line.number, 0
        if line.text.strip() or length:
            length += len(line.text)
            if length <= LONGEST_RECORD:
                pieces.append(line.text)
            else:
                pieces.clear()
    if length:
        yield number, _decoded(pieces, length)


def first_record(source: Source) -> object:
    """Give the first line's record, or None where there is none to see. Never raises."""
    head = source.head()
    line, end, _ = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
    if not end and len(head) < source.size:
        # It goes on behind the beginning; what its keys are is for the caller to see.
        return None
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return None
    return _decoded([text], len(text))


def _decoded(pieces: list[str], length: int) -> object:
    if length > LONGEST_RECORD:
        return None
    try:
        value: object = _DECODER.decode("".join(pieces).strip())
    except (ValueError, RecursionError):
        return None
    return value
