"""Gate rule `quiet_hours`: times at which the stand-in is as silent as a sleeping person."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from safety.subject import Gate
from safety.verdict import Outcome, Verdict

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN: Final = re.compile(
    r"(?:(?P<days>[a-z]{3}(?:[-,][a-z]{3})*)(?:\s+|$))?(?:(?P<start>\d\d?:\d\d)-(?P<end>\d\d?:\d\d))?"
)


@dataclass(frozen=True, slots=True)
class _Span:
    """A stretch that begins on certain days and may reach into the next one; wall-clock times of a zone."""

    days: frozenset[int]
    start: time
    end: time

    def holds(self, now: datetime) -> bool:
        today, clock = now.weekday(), now.time()
        if self.start < self.end:
            return today in self.days and self.start <= clock < self.end
        # Over midnight, or, where both are the same, around the clock.
        yesterday = (now - timedelta(days=1)).weekday()
        return (today in self.days and clock >= self.start) or (yesterday in self.days and clock < self.end)


@lru_cache(maxsize=256)
def _span(text: str) -> _Span:
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None or not text.strip():
        raise ValueError(f"{text!r} is no stretch of hours: write 22:30-08:00 or mon-fri 09:00-17:00")
    days = _days(found["days"]) if found["days"] else frozenset(range(7))
    if not found["start"]:
        return _Span(days, time(0), time(0))
    try:
        return _Span(days, *(time.fromisoformat(found[edge].zfill(5)) for edge in ("start", "end")))
    except ValueError:
        raise ValueError(f"{text!r} names a time that no clock shows") from None


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last and last not in _DAYS):
            raise ValueError(f"{part!r} is no day: write mon, tue, wed, thu, fri, sat or sun")
        at = _DAYS.index(first)
        days.add(at)
        while last and _DAYS[at] != last:
            at = (at + 1) % 7
            days.add(at)
    return frozenset(days)


def _zone(name: str) -> ZoneInfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}: write one such as Europe/Berlin") from None


@dataclass(frozen=True, slots=True)
class QuietHoursSettings:
    """`hours` such as `22:30-08:00`, `mon-fri 09:00-17:00`, `sat,sun`; `zone` is an IANA name.

    A stretch over midnight belongs to the day on which it begins. Without a zone, the machine's own.
    Raises ValueError for what cannot be read.
    """

    hours: tuple[str, ...] = ()
    zone: str = ""

    def __post_init__(self) -> None:
        _zone(self.zone)
        for text in self.hours:
            _span(text)

    def holding(self, now: datetime) -> str | None:
        """Give the entry of `hours` that holds at a time, or None."""
        here = now.astimezone(_zone(self.zone))
        return next((text for text in self.hours if _span(text).holds(here)), None)


@dataclass(frozen=True, slots=True)
class QuietHoursRule:
    """Drops every turn in the quiet hours, also one in which the persona is named: asleep is asleep."""

    settings: QuietHoursSettings = QuietHoursSettings()
    name: str = "quiet_hours"

    async def judge(self, subject: Gate) -> Verdict:
        """ALLOW or DROP, with the entry that holds."""
        span = self.settings.holding(subject.now)
        if span is None:
            return Verdict(Outcome.ALLOW, self.name, "no quiet hours right now")
        return Verdict(Outcome.DROP, self.name, f"quiet hours ({span})", {"hours": span})
