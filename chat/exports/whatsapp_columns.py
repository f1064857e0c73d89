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
            first, _, second = self._clean(pl.Series([self.sample])).item().partition(dialect.gap)
            self._cut = (second, first) if dialect.time_first else (first, second)

    def split(self, lines: pl.Series) -> pl.DataFrame:
        """Give `numbers` (of a date, as an index into `dates`), `seconds` of the day and `rest` for each line.

        `date` and `seconds` are null in lines that begin no message of this dialect.
        """
        plain = lines.str.strip_chars_start(MARKS)
        if self.dialect.bracketed:
            parts = plain.str.splitn("]", 2).struct.unnest()
            frame = parts.select(
                stamp=pl.when(pl.col("field_0").str.starts_with("[")).then(pl.col("field_0").str.slice(1)),
                rest=pl.col("field_1"),
            ).with_columns(
                stamp=pl.when((pl.col("rest") == "") | pl.col("rest").str.starts_with(" ")).then("stamp"),
                rest=pl.col("rest").str.strip_prefix(" "),
            )
        else:
            frame = plain.str.splitn(" - ", 2).struct.rename_fields(["stamp", "rest"]).struct.unnest()
        frame = frame.with_columns(
            stamp=pl.when(
                pl.col("rest").is_not_null() & (pl.col("stamp").str.len_bytes() <= _LONGEST_STAMP)
            ).then("stamp")
        )
        stamps = self._clean(frame.get_column("stamp"))
        if self._cut is None:
            return self._whole(stamps, frame.get_column("rest"))
        halves = stamps.str.splitn(self.dialect.gap, 2).struct.unnest()
        first, second = halves.get_columns()
        dates, times = (second, first) if self.dialect.time_first else (first, second)
        return pl.DataFrame(
            {
                "date": self._known(dates, times),
                "seconds": self._timed(times),
                "rest": frame.get_column("rest"),
            }
        )

    def day_numbers(self, dates: list[str]) -> list[tuple[int, int, int] | None]:
        """The numbers of dates as they are written."""
        return [self._dates.get(date) for date in dates]

    def days(self, dates: pl.Series, order: DateOrder) -> pl.Series:
        """Days since 1970 of a column of dates; null where there is no such day."""
        table: dict[str, int | None] = {}
        for date in dates.unique().to_list():
            numbers = self._dates.get(date)
            day = day_of(numbers, order) if numbers else None
            table[date] = None if day is None else day.toordinal() - 719_163
        return dates.replace_strict(table, default=None, return_dtype=pl.Int32)

    def _known(self, dates: pl.Series, times: pl.Series) -> pl.Series:
        """The dates that are some, as written."""
        strange = []
        for date in dates.filter(times.is_not_null()).unique().to_list():
            if date not in self._dates:
                self._dates[date] = self._number(date, self._cut[1] if self._cut else "")
            if self._dates[date] is None:
                strange.append(date)
        if not strange:
            return dates
        return dates.to_frame("d").select(pl.when(~pl.col("d").is_in(strange)).then("d")).to_series()

    def _timed(self, times: pl.Series) -> pl.Series:
        """Seconds of the day. Of times with seconds the two parts are read apart: there are far fewer of each."""
        if not self.dialect.seconds or self._cut is None:
            return self._looked_up(times, lambda time: time)
        sample = self._cut[1]
        colon = self.dialect.colon
        if self.dialect.half_days:
            parts = times.str.splitn(colon, 3).struct.unnest()
            first = parts.select(pl.concat_str("field_0", pl.lit(colon), "field_1")).to_series()
            last = parts.select(pl.concat_str(pl.lit(colon), "field_2")).to_series()
        else:
            first, last = times.str.head(-3), times.str.tail(3)
        second = sample.find(colon, sample.find(colon) + 1)
        head, tail = sample[:second], sample[second:]
        # 12 AM is hour 0, so that both parts add up whichever of them holds the half of the day.
        return (
            self._looked_up(first, lambda part: part + tail)
            + self._looked_up(last, lambda part: head + part)
            - (_seconds(self._compose(self._cut[0], sample)) or 0)
        )

    def _looked_up(self, parts: pl.Series, whole: Callable[[str], str]) -> pl.Series:
        """Seconds of the day for parts of times, each of which occurs again and again."""
        date = self._cut[0] if self._cut else ""
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

    def _number(self, date: str, time: str) -> tuple[int, int, int] | None:
        header = self._compose(date, time)
        return header.numbers if header else None

    def _compose(self, date: str, time: str) -> Header | None:
        gap = self.dialect.gap
        header = self._read(f"{time}{gap}{date}" if self.dialect.time_first else f"{date}{gap}{time}")
        return header if header is not None and header.dialect == self.dialect else None

    def _read(self, stamp: str) -> Header | None:
        return parse_header(f"[{stamp}] " if self.dialect.bracketed else f"{stamp} - ")

    @staticmethod
    def _clean(stamps: pl.Series) -> pl.Series:
        if not (stamps.str.len_bytes() != stamps.str.len_chars()).any():
            return stamps
        marks = dict.fromkeys(MARKS, "")
        return stamps.to_frame("s").select(pl.col("s").str.replace_many({**marks, **_SPACES})).to_series()


def _seconds(header: Header | None) -> int | None:
    return None if header is None else header.hour * 3600 + header.minute * 60 + header.second
