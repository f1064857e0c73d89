from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.pings import Pings, mentions_in


@pytest.mark.parametrize(
    ("text", "disarmed"),
    [
        ("@everyone look", "everyone look"), ("hey @here!", "hey here!"), ("＠ｅｖｅｒｙｏｎｅ",
        "ｅｖｅｒｙｏｎｅ"),
        ("@\u200beveryone", "everyone"), ("@évéryone", "évéryone"), ("@@everyone", "everyone"), ("@ROOM up",
        "ROOM up"),
        ("<@&123456> hi", " hi"), ("<!channel>", "channel"), ("<!here|here> x", "here x"),
        ("<!subteam^S1|@devs>", ""),
        ("@**all** now", "all** now"), ("@_**everyone**", "everyone**"), ("@<!everyone>", "everyone"),
        ("@<@&1>everyone", "everyone"), ("@@<@&1>here", "here"),
    ],
)  # fmt: skip
def test_pings_of_everybody_are_taken_out(text: str, disarmed: str) -> None:
    assert Pings().disarmed(text)[0] == disarmed
    assert Pings().disarmed(text)[1] >= 1


@pytest.mark.parametrize(
    "text", ["everyone is here", "@mia hi", "<@123>", "a@allison.example", "all @ home", "@channelling", ""]
)
def test_all_else_stands_as_written(text: str) -> None:
    assert Pings().disarmed(text) == (text, 0)


def test_pings_within_pings_leave_nothing_that_pings() -> None:
    nested = "<@&" * 10 + "1>" * 10
    assert not Pings().found_in(Pings().disarmed(nested)[0])


PIECES = (
    "@",
    "everyone",
    "here",
    "<@&",
    "1",
    ">",
    "<!",
    "channel",
    "<!subteam",
    "^",
    "|",
    "all",
    "*",
    "\u200b",
    "＠",
    " ",
)


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)))
def test_nothing_that_was_disarmed_pings(text: str) -> None:
    disarmed, count = Pings().disarmed(text)
    assert not Pings().found_in(disarmed)
    assert (count == 0) == (disarmed == text)


def test_people_are_counted_once_and_mail_addresses_not_at_all() -> None:
    assert mentions_in("@mia @MIA <@12> <@!13> ＠tom me@example.org @491511234567") == 5


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "piece", ["@", "@a", "<@&", "<@&1", "<!subteam^", "<!subteam", "<", "@*", "@_", "<!here|", "<@", "."]
)
def test_a_long_text_is_read_in_a_moment(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    Pings().disarmed(text)
    mentions_in(text)
