"""What a message of `chat.db` says: its kind, and its text after edits and parts taken back."""

from __future__ import annotations

import plistlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.parsers.expat import ExpatError

from chat.exports.export import Untyped
from chat.exports.typedstream import decode_text
from chat.exports.values import integer, mapping, sequence

ATTACHED: Final = "\ufffc"
"""Stands in a text for each attachment."""

_LINK: Final = "com.apple.messages.URLBalloonProvider"
_POLLS: Final = "com.apple.messages.Polls"
_PLACES: Final = "com.apple.findmy."
# 3000 and on take back what 2000 and on gave; the seventh of each, a sticker as a tapback, is reported only.
_ASSOCIATED: Final = {
    1000: Untyped.STICKER,
    4000: Untyped.POLL,
    **dict.fromkeys((*range(2000, 2008), *range(3000, 3008)), Untyped.TAPBACK),
}
# Phones that know no tapbacks are sent them as text.
_SPELT_OUT: Final = re.compile(
    r"(?:Loved|Liked|Disliked|Laughed at|Emphasi[sz]ed|Questioned) (?:“.*”|an? \w+)", re.DOTALL
)
# plistlib's documentation names the first alone; damaged lists raise the others too.
_NO_PLIST: Final = (
    plistlib.InvalidFileException,
    ExpatError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
    MemoryError,
)


@dataclass(frozen=True, slots=True)
class Body:
    """A text as it stands now; `unsent` counts the parts that were taken back."""

    text: str
    edited: bool = False
    unsent: int = 0


def kind_of(item: object, associated: object, balloon: object) -> Untyped | None:
    """Tell what nobody typed from the columns that say so; None is a message somebody wrote."""
    if integer(item):
        return Untyped.NOTICE
    association = integer(associated) or 0
    if association in _ASSOCIATED:
        return _ASSOCIATED[association]
    # A link shows as a balloon of its own, but its address was typed.
    if balloon and isinstance(balloon, str) and balloon != _LINK:
        if balloon.endswith(_POLLS):
            return Untyped.POLL
        return Untyped.LOCATION if _PLACES in balloon else Untyped.APP
    return Untyped.UNSUPPORTED if association else None


def spelt_out(text: str) -> bool:
    """Whether a text message is a tapback in words: `Liked “…”`."""
    return bool(_SPELT_OUT.fullmatch(text))


def body_of(text: object, archive: object, summary: object) -> Body | None:
    """Give a message's text as it stands now; None where it cannot be decoded.

    `summary` is `message_summary_info`: `otr` says where each part stood, `ec` holds each edited part's
    versions in order, `rp` which parts were taken back.
    """
    whole = text if isinstance(text, str) and text else None
    if whole is None and isinstance(archive, bytes):
        whole = decode_text(archive)
    info = _plist(summary)
    edits = {place: _last(versions) for place, versions in mapping(info.get("ec")).items()}
    unsent = {str(place) for place in sequence(info.get("rp"))}
    if not edits and not unsent:
        if whole is None:
            return None if archive else Body("")
        return Body(whole)
    ranges = {place: _range(found) for place, found in mapping(info.get("otr")).items()}
    places = sorted({*ranges, *edits, *unsent}, key=lambda place: (len(place), place))
    kept = [place for place in places if place not in unsent]
    if any(place in edits and edits[place] is None for place in kept):
        return None
    sliced = _slices(whole, ranges)
    if all(edits.get(place) is not None or place in sliced for place in kept):
        parts = (edits.get(place) or sliced.get(place, "") for place in kept)
        return Body("".join(parts), bool(edits), len(unsent))
    # The text was rewritten after the change, so that it is what stands now.
    return None if whole is None else Body(whole, bool(edits), len(unsent))


def _plist(data: object) -> Mapping[str, object]:
    if not isinstance(data, bytes) or not data:
        return {}
    try:
        return mapping(plistlib.loads(data))
    except _NO_PLIST:
        return {}


def _last(versions: object) -> str | None:
    found = sequence(versions)
    archive = mapping(found[-1]).get("t") if found else None
    return decode_text(archive) if isinstance(archive, bytes) else None


def _range(found: object) -> tuple[int, int]:
    where = mapping(found)
    return integer(where.get("lo")) or 0, integer(where.get("le")) or 0


def _slices(whole: str | None, ranges: Mapping[str, tuple[int, int]]) -> dict[str, str]:
    """Cut the original text into its parts; nothing where the text is not the original any more."""
    if whole is None or not ranges:
        return {}
    # Apple counts in UTF-16.
    units = whole.encode("utf-16-le", "surrogatepass")
    if any(start < 0 or length < 0 for start, length in ranges.values()):
        return {}
    if max(start + length for start, length in ranges.values()) * 2 != len(units):
        return {}
    return {
        place: units[start * 2 : (start + length) * 2].decode("utf-16-le", "replace")
        for place, (start, length) in ranges.items()
    }
