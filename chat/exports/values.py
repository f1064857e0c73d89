"""Values out of an export, of which nothing can be taken for granted: wrong kinds count as missing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def mapping(value: object) -> Mapping[str, object]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[object]:
    """The value if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def string(value: object) -> str:
    """The value if it is text, else an empty one. Halves of surrogate pairs, which no table takes, go."""
    if not isinstance(value, str):
        return ""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def integer(value: object) -> int | None:
    """The value if it is a whole number, also one written as text, as 64-bit numbers often are."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and len(value) < 25 and value.isascii() and value.lstrip("-").isdigit():
        return int(value)
    return None


def moment(milliseconds: object) -> datetime | None:
    """The aware time (UTC) that is this many milliseconds after 1970; None where there is no such time."""
    count = integer(milliseconds)
    if count is None:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=count)
    except OverflowError:
        return None
