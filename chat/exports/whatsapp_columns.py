"""Telling the lines that begin a message from the others, a block at a time.

A header is taken apart with cheap cuts; what the cuts give (each date and each time of day that occurs) is
read by `parse_header`, once. So both ways of reading accept the same lines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from chat.exports.dates import DateOrder
from chat.exports.whatsapp_header import MARKS, Dialect, Header, day_of, parse_header

_SPACES: Final = {"\u00a0": " ", "\u202f": " ", "\u2009": " "}
_LONGEST_STAMP: Final = 200
"""Bytes: 48 letters of any script, and their marks."""


@dataclass(slots=True)
class Columns:
    """Reads the headers of one dialect. `sample` is a stamp of it, as it stands in the file."""

    dialect: Dialect
    sample: str
    _dates: dict[str, tuple[int, int, int] | None] = field(default_factory=dict)
    _times: dict[str, int | None] = field(default_factory=dict)
    _cut: tuple[str, str] | None = field(init=False)

    def __post_init__(self) -> None:
        dialect = self.dialect
        self._cut = None
        # Where date or time hold the gap themselves ("13. 6. 2018. 21:25"), stamps stay whole.
        if dialect.gap.strip() or not (dialect.time_first or " " in dialect.dash):
            first, _, second = _clean(pl.Series([self.sample])).item().partition(dialect.gap)
            self._cut = (second, first) if dialect.time_first else (first, second)

    def split(self, lines: pl.Series) -> pl.DataFrame:
        """Give `date` (as written), `seconds` of the day and `rest` for each line.

        `date` and `seconds` are null in lines that begin no message of this dialect.
        """
        plain = lines.str.strip_chars_start(MARKS)
        end = "] " if self.dialect.bracketed else " - "
        stamps, rest = plain.str.splitn(end, 2).struct.unnest().get_columns()
        if self.dialect.bracketed:
            # A header on which nothing follows, not even a name.
            bare = rest.is_null() & stamps.str.ends_with("]")
            if bare.any():
                stamps = stamps.zip_with(~bare, stamps.str.head(-1))
                rest = rest.set(bare, "")
        stamps = stamps.set(rest.is_null() | (stamps.str.len_bytes() > _LONGEST_STAMP), None)
        if self._cut is None:
            return self._whole(_clean(stamps), rest)
        dates, seconds = self._quick(stamps)
        # What was not read so is no header, or written a little otherwise: with marks, or another space.
        left = stamps.is_not_null() & (dates.is_null() | seconds.is_null())
        if left.any():
            places = left.arg_true()
            careful_dates, careful_seconds = self._careful(_clean(stamps.gather(places)))
            dates = dates.scatter(places, careful_dates)
            seconds = seconds.scatter(places, careful_seconds)
        return pl.DataFrame({"date": dates, "seconds": seconds, "rest": rest})

    def day_numbers(self, dates: list[str]) -> list[tuple[int, int, int] | None]:
        """The numbers of dates as they are written."""
        return [self._dates.get(date) for date in dates]

    def days(self, dates: pl.Series, order: DateOrder) -> pl.Series:
        """Days since 1970 of a column of dates; null where there is no such day."""
        table: dict[str | None, int | None] = {None: None}
        runs = dates.rle().struct.unnest()
        written = runs.get_column("value")
        for date in written.unique().drop_nulls().to_list():
            numbers = self._dates.get(date)
            day = day_of(numbers, order) if numbers else None
            table[date] = None if day is None else day.toordinal() - 719_163
        # A day's messages stand together: it is looked up once for all of them.
        found = pl.Series([table[date] for date in written.to_list()], dtype=pl.Int32)
        return found.gather(dates.rle_id())

    def _quick(self, stamps: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Dates and seconds of stamps that are written as the sample is, to the letter but for the numbers."""
        dates, times = self._halves(stamps)
        dates = self._known(dates, times)
        if not self.dialect.seconds:
            return dates, self._looked_up(times, lambda time: time)
        # The minute and the second are read apart: there are far fewer of each.
        _, sample = self._parts
        colon = self.dialect.colon
        second = sample.find(colon, sample.find(colon) + 1)
        length = len(sample) - second
        return dates, self._added(
            self._looked_up(times.str.head(-length), lambda part: part + sample[second:]),
            self._looked_up(times.str.tail(length), lambda part: sample[:second] + part),
        )

    def _careful(self, stamps: pl.Series) -> tuple[pl.Series, pl.Series]:
        """The same for stamps that are clean, however long their parts are."""
        dates, times = self._halves(stamps)
        return self._known(dates, times), self._looked_up(times, lambda time: time)

    def _halves(self, stamps: pl.Series) -> tuple[pl.Series, pl.Series]:
        first, second = stamps.str.splitn(self.dialect.gap, 2).struct.unnest().get_columns()
        return (second, first) if self.dialect.time_first else (first, second)

    @property
    def _parts(self) -> tuple[str, str]:
        """Date and time of the sample."""
        return self._cut or ("", "")

    def _added(self, minutes: pl.Series, seconds: pl.Series) -> pl.Series:
        # 12 AM is hour 0, so that both parts add up whichever of them holds the half of the day.
        return minutes + seconds - (_seconds(self._compose(*self._parts)) or 0)

    def _known(self, dates: pl.Series, times: pl.Series) -> pl.Series:
        """The dates that are some, as written."""
        strange = []
        for date in (
            dates.set(times.is_null(), None).rle().struct.field("value").unique().drop_nulls().to_list()
        ):
            if date not in self._dates:
                header = self._compose(date, self._parts[1])
                self._dates[date] = header.numbers if header else None
            if self._dates[date] is None:
                strange.append(date)
        return dates.set(dates.is_in(strange), None) if strange else dates

    def _looked_up(self, parts: pl.Series, whole: Callable[[str], str]) -> pl.Series:
        """Seconds of the day for parts of times, each of which occurs again and again."""
        date, _ = self._parts
        table: dict[str, int | None] = {}
        for part in parts.unique().drop_nulls().to_list():
            time = whole(part)
            if time not in self._times:
                self._times[time] = _seconds(self._compose(date, time))
            table[part] = self._times[time]
        return parts.replace_strict(table, default=None, return_dtype=pl.Int32)

    def _whole(self, stamps: pl.Series, rest: pl.Series) -> pl.DataFrame:
        table: dict[str, str | None] = {}
        for stamp in stamps.unique().drop_nulls().to_list():
            header = self._read(stamp)
            if header is None or header.dialect != self.dialect:
                table[stamp] = None
                continue
            date = "/".join(map(str, header.numbers))
            self._dates[date] = header.numbers
            self._times[stamp] = _seconds(header)
            table[stamp] = date
        return pl.DataFrame(
            {
                "date": stamps.replace_strict(table, default=None, return_dtype=pl.String),
                "seconds": stamps.replace_strict(
                    {stamp: self._times[stamp] for stamp, date in table.items() if date},
                    default=None,
                    return_dtype=pl.Int32,
                ),
                "rest": rest,
            }
        )

    def _compose(self, date: str, time: str) -> Header | None:
        gap = self.dialect.gap
        header = self._read(f"{time}{gap}{date}" if self.dialect.time_first else f"{date}{gap}{time}")
        return header if header is not None and header.dialect == self.dialect else None

    def _read(self, stamp: str) -> Header | None:
        return parse_header(f"{stamp}] " if self.dialect.bracketed else f"{stamp} - ")


def _clean(stamps: pl.Series) -> pl.Series:
    if not (stamps.str.len_bytes() != stamps.str.len_chars()).any():
        return stamps
    marks = dict.fromkeys(MARKS, "")
    return stamps.to_frame("s").select(pl.col("s").str.replace_many({**marks, **_SPACES})).to_series()


def _seconds(header: Header | None) -> int | None:
    return None if header is None else header.hour * 3600 + header.minute * 60 + header.second
