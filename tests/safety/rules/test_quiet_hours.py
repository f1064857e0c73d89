from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.rules.quiet_hours import QuietHoursRule, QuietHoursSettings
from safety.verdict import Outcome
from tests.safety.builders import NOON, gate, message


def quiet(hours: str, at: str, zone: str = "UTC") -> bool:
    """Whether an hour such as `sun 23:30` of the week that begins on 2 March 2026 is quiet."""
    day, clock = at.split()
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun").index(day)
    hour, minute = map(int, clock.split(":"))
    now = datetime(2026, 3, 2 + days, hour, minute, tzinfo=ZoneInfo(zone))
    return QuietHoursSettings((hours,), zone).holding(now) is not None


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        ("09:00-17:00", ("mon 09:00", "sun 16:59"), ("mon 08:59", "mon 17:00")),
        ("22:30-08:00", ("mon 22:30", "tue 00:00", "sun 07:59"), ("mon 22:29", "mon 08:00")),
        ("mon-fri 9:00-17:00", ("mon 9:00", "fri 12:00"), ("sat 12:00", "sun 12:00")),
        ("fri 23:00-10:00", ("fri 23:00", "sat 09:59"), ("fri 09:00", "sat 23:00", "sat 10:00")),
        ("sat,sun", ("sat 00:00", "sun 23:59"), ("fri 23:59", "mon 00:00")),
        ("fri-mon 12:00-13:00", ("fri 12:30", "sun 12:30", "mon 12:30"), ("tue 12:30", "thu 12:30")),
        ("MON,wed-thu 12:00-13:00", ("mon 12:00", "wed 12:00", "thu 12:59"), ("tue 12:00", "fri 12:00")),
    ],
)
def test_a_stretch_holds_from_its_start_to_before_its_end(
    hours: str, inside: tuple[str, ...], outside: tuple[str, ...]
) -> None:
    assert [at for at in inside if not quiet(hours, at)] == []
    assert [at for at in outside if quiet(hours, at)] == []


async def test_the_clock_is_that_of_the_zone() -> None:
    """At noon UTC it is 21:00 in Tokyo, where the evening has begun."""
    for zone, outcome in (("Asia/Tokyo", Outcome.DROP), ("Europe/London", Outcome.ALLOW)):
        rule = QuietHoursRule(QuietHoursSettings(("20:30-07:00",), zone))
        verdict = await rule.judge(gate(message("sam?")))
        assert verdict.outcome is outcome


async def test_the_wall_clock_counts_where_the_clocks_change() -> None:
    """In Berlin 02:30 does not exist on 29 March 2026: the quiet hours end at 03:00, an hour after they began."""
    settings = QuietHoursSettings(("01:30-03:00",), "Europe/Berlin")
    before = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)  # 01:59
    assert settings.holding(before) is not None
    assert settings.holding(before + timedelta(minutes=1)) is None  # 03:00


async def test_the_entry_that_holds_is_named() -> None:
    rule = QuietHoursRule(QuietHoursSettings(("sat,sun", "11:00-13:00"), "UTC"))
    verdict = await rule.judge(gate())
    assert NOON.weekday() == 6
    assert verdict.facts == {"hours": "sat,sun"}


@given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)), st.sampled_from(["UTC", "America/New_York"]))  # noqa: DTZ001
def test_no_hours_are_never_quiet_and_all_hours_always(naive: datetime, zone: str) -> None:
    now = naive.replace(tzinfo=UTC)
    assert QuietHoursSettings((), zone).holding(now) is None
    assert QuietHoursSettings(("mon-sun",), zone).holding(now) == "mon-sun"
    night, day = QuietHoursSettings(("22:00-06:00",), zone), QuietHoursSettings(("06:00-22:00",), zone)
    assert (night.holding(now) is None) != (day.holding(now) is None)


@pytest.mark.parametrize(
    "hours",
    ["", " ", "22:30", "25:00-08:00", "12:61-13:00", "noon-night", "mon-xyz 1:00-2:00", "1:00-2:00 mon"],
)
def test_hours_that_cannot_be_read_are_refused(hours: str) -> None:
    with pytest.raises(ValueError, match=r"hours|clock|day"):
        QuietHoursSettings((hours,))


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "\0"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        QuietHoursSettings(("22:00-06:00",), zone)
