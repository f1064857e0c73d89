"""The order of a date's numbers; apart, so that naming one loads no tables."""

from __future__ import annotations

from enum import StrEnum


class DateOrder(StrEnum):
    """In which order a date's numbers stand."""

    DAY_FIRST = "dmy"
    MONTH_FIRST = "mdy"
    YEAR_FIRST = "ymd"
