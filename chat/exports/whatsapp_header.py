"""How WhatsApp begins a message in a text export, which differs by phone, language and region.

    [27/03/2022, 21:41:35] Sam: hello        iOS
    27/03/2022, 21:41 - Sam: hello           Android

A file is written by one phone, hence in one `Dialect`. People paste such lines into messages too; what
does not match the file's dialect is therefore text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import lru_cache

from chat.exports.dates import DateOrder

MARKS = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
"""Direction marks and the byte order mark: WhatsApp puts them around names and dates, unseen."""

_NO_MARKS = {ord(mark): None for mark in MARKS}
_SPACES = {ord(space): " " for space in "\u00a0\u202f\u2009"}
_LONGEST_STAMP = 48

_DATE = (
    r"(?P<first>\d{1,4})(?P<dash>[/.-]|\. )(?P<second>\d{1,2})(?P=dash)"
    r"(?P<era>[A-Z])?(?P<third>\d{1,4})(?P<dot>\.)?(?: BE)?"
)
_TIME = r"(?P<hour>\d{1,2})(?P<colon>[:.])(?P<minute>\d{2})(?:(?P=colon)(?P<second_of>\d{2}))?"
# ", " or " " or the Arabic comma, with a short word in some languages: Finnish "13.6.2018 klo 21.25".
_GAP = r"(?P<gap>[,\u060c](?: ?)| (?:[^\W\d_]{1,4}\.? )?)"
_HALF = r"(?: ?(?P<half>[^\W\d_](?:[^\W\d_]|[. ]){0,14}))?"
_HALF_BEFORE = r"(?:(?P<before>[^\W\d_]{2}) ?)?"
_DATE_FIRST = re.compile(_DATE + _GAP + _HALF_BEFORE + _TIME + _HALF)
_TIME_FIRST = re.compile(_TIME + _HALF + _GAP + _DATE)

# Halves of a day, without dots and spaces. German phones name five parts of the day.
_BEFORE_NOON = frozenset(
    ("am", "ص", "morgens", "vorm", "vormittags", "nachts", "上午", "午前", "오전", "πμ", "de", "öö", "sa")
)
_AFTER_NOON = frozenset(
    ("pm", "م", "mittags", "nachm", "nachmittags", "abends", "下午", "午後", "오후", "μμ", "du", "ös", "ch")
)
_CLEAR = 20
"""So many numbers that are no month settle an order of which the other has none: a paste is never so long."""
_JAPANESE_ERAS = {"R": 2018, "H": 1988}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one file writes the moment before each message.

    `bracketed` is iOS, else Android. `dash` parts the date's numbers and `colon` the time's; `gap` stands
    between the two; `digits` is the script of the numbers.
    """

    bracketed: bool
    time_first: bool
    dash: str
    colon: str
    gap: str
    year_first: bool
    long_year: bool
    seconds: bool
    half_days: bool
    digits: str

    def name(self, order: DateOrder) -> str:
        """Describe it for a person: `android d/m/yyyy, h:mm`."""
        year = "yyyy" if self.long_year else "yy"
        parts = {DateOrder.DAY_FIRST: ("d", "m", year), DateOrder.MONTH_FIRST: ("m", "d", year)}
        day = self.dash.join(parts.get(order, (year, "m", "d")))
        clock = self.colon.join(("h", "mm", "ss")[: 3 if self.seconds else 2])
        clock += " am/pm" if self.half_days else ""
        moment = f"{clock}{self.gap}{day}" if self.time_first else f"{day}{self.gap}{clock}"
        return f"{'ios' if self.bracketed else 'android'} {moment}"


@dataclass(frozen=True, slots=True)
class Header:
    """A line that begins as a message does: its dialect, its numbers as written, and what follows.

    `rest` is what stands after the moment: the author and the first line of the body.
    """

    dialect: Dialect
    numbers: tuple[int, int, int]
    hour: int
    minute: int
    second: int
    rest: str

    def sent_at(self, order: DateOrder) -> datetime | None:
        """Give the wall clock, or None where the numbers are no date in this order."""
        day = day_of(self.numbers, order)
        return datetime.combine(day, time(self.hour, self.minute, self.second)) if day else None


def parse_header(line: str) -> Header | None:
    """Read a line's beginning, or give None where it begins as no dialect does."""
    if line[:1] in MARKS:
        line = line.lstrip(MARKS)
    if line.startswith("["):
        end = line.find("]", 1, _LONGEST_STAMP)
        stamp, after = line[1:end], line[end + 1 :]
        if end < 0 or (after and not after.startswith(" ")):
            return None
        after = after[1:]
        bracketed = True
    elif line[:1].isdecimal():
        end = line.find(" - ", 1, _LONGEST_STAMP)
        if end < 0:
            return None
        stamp, after = line[:end], line[end + 3 :]
        bracketed = False
    else:
        return None
    return _read(stamp, after, bracketed=bracketed)


def _read(stamp: str, rest: str, *, bracketed: bool) -> Header | None:
    cleaned = stamp.translate(_NO_MARKS).translate(_SPACES)
    time_first = False
    if not (found := _DATE_FIRST.fullmatch(cleaned)):
        if not (found := _TIME_FIRST.fullmatch(cleaned)):
            return None
        time_first = True
    parts = found.groupdict()
    half = (parts["half"] or parts.get("before") or "").replace(".", "").replace(" ", "").casefold()
    hour, minute, second = int(parts["hour"]), int(parts["minute"]), int(parts["second_of"] or 0)
    if half:
        if half not in _BEFORE_NOON and half not in _AFTER_NOON:
            return None
        if hour > 12:
            return None
        # 12 AM is midnight; hour 0 with AM occurs in files that a tool or a person wrote.
        hour = hour % 12 + (12 if half in _AFTER_NOON else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    first, third = parts["first"], parts["third"]
    year_first = len(first) == 4
    written_year = first if year_first else third
    year = _year(written_year, parts["era"])
    if year is None or (not year_first and len(first) > 2):
        return None
    numbers = (
        (year, int(parts["second"]), int(third)) if year_first else (int(first), int(parts["second"]), year)
    )
    dialect = _dialect(
        bracketed,
        time_first,
        parts["dash"] + (parts["dot"] or ""),
        parts["colon"],
        parts["gap"],
        year_first,
        len(written_year) == 4,
        parts["second_of"] is not None,
        bool(half),
        "ascii" if first.isascii() else unicodedata.name(first[0], "?").split()[0].lower(),
    )
    return Header(dialect, numbers, hour, minute, second, rest)


@lru_cache(maxsize=64)
def _dialect(*parts: str | bool) -> Dialect:
    return Dialect(*parts)  # type: ignore[arg-type] # one object a dialect, so that most comparisons are `is`


def _year(written: str, era: str | None) -> int | None:
    value = int(written)
    if era:
        return _JAPANESE_ERAS[era] + value if era in _JAPANESE_ERAS else None
    if len(written) == 2:
        return 2000 + value
    if len(written) != 4:
        return None
    return value - 543 if value > 2400 else value  # the Buddhist calendar


@lru_cache(maxsize=4096)
def day_of(numbers: tuple[int, int, int], order: DateOrder) -> date | None:
    """Read a date's numbers in an order, or give None where there is no such day."""
    first, second, third = numbers
    year, month, day = {
        DateOrder.YEAR_FIRST: (first, second, third),
        DateOrder.DAY_FIRST: (third, second, first),
        DateOrder.MONTH_FIRST: (third, first, second),
    }[order]
    try:
        return date(year, month, day)
    except ValueError:
        return None


@dataclass(slots=True)
class _Trace:
    """The days of a file read in one order: how many are none, and how much they jump about."""

    order: DateOrder
    impossible: int = 0
    backwards: int = 0
    travel: int = 0
    first: date | None = None
    last: date | None = None
    newest: date = date.min

    def see(self, numbers: tuple[int, int, int], times: int) -> None:
        day = day_of(numbers, self.order)
        if day is None:
            self.impossible += times
            return
        self.first = self.first or day
        self.newest = max(self.newest, day)
        if self.last is not None:
            step = day.toordinal() - self.last.toordinal()
            self.backwards += step < 0
            self.travel += abs(step)
        self.last = day


@dataclass(slots=True)
class Survey:
    """What the header lines of one dialect say, gathered line by line.

    Telling days from months, by falling weight: a year in front; dots, which only day-first regions use;
    numbers that are no month; days that run backwards; days that jump about; days after the file was
    written. Undecided stays one file in three that spans a single day, one in a hundred of three days.
    """

    dialect: Dialect
    count: int = 0
    ambiguous: bool = False
    traces: tuple[_Trace, _Trace] = field(
        default_factory=lambda: (_Trace(DateOrder.DAY_FIRST), _Trace(DateOrder.MONTH_FIRST))
    )

    def see(self, numbers: tuple[int, int, int], times: int = 1) -> None:
        """Count headers of this dialect that bear one date, one after the other."""
        self.count += times
        if self.dialect.year_first:
            return
        self.ambiguous = self.ambiguous or numbers[0] != numbers[1]
        for trace in self.traces:
            trace.see(numbers, times)

    @property
    def clear(self) -> bool:
        """Whether nothing that is still to come will change the order."""
        if self.dialect.year_first or self.dialect.dash.startswith("."):
            return True
        left, right = sorted(trace.impossible for trace in self.traces)
        return left == 0 and right >= _CLEAR

    def order(self, written_on: date) -> DateOrder | None:
        """Decide the order, or give None. `written_on` is a day that no message can be younger than."""
        if self.dialect.year_first:
            return DateOrder.YEAR_FIRST
        if self.dialect.dash.startswith(".") or not self.ambiguous:
            return DateOrder.DAY_FIRST
        day_first, month_first = self.traces
        for left, right in (
            (day_first.impossible, month_first.impossible),
            (day_first.backwards, month_first.backwards),
            (day_first.travel, month_first.travel),
            (day_first.newest > written_on, month_first.newest > written_on),
        ):
            if left != right:
                return day_first.order if left < right else month_first.order
        return None
