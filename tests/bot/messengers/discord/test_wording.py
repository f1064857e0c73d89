"""What a bubble becomes: mentions where they are allowed, the server's emoji, and the same words in any form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.messengers.discord.wording import Wording, reads, worded

PEOPLE = {"Mia": "5", "Mia Moore": "6", "Leo_K": "7"}
EMOJI = {"tent_up": "<:tent_up:12>"}


@pytest.mark.parametrize(
    ("text", "pings", "wording"),
    [
        ("hi @Mia", (), Wording(("hi @Mia",))),
        ("hi @Mia", ("people",), Wording(("hi <@5>",), (5,))),
        ("hi @Mia", ("5",), Wording(("hi <@5>",), (5,))),
        ("hi @Mia", ("6",), Wording(("hi @Mia",))),
        ("@Mia Moore, @Mia!", ("people",), Wording(("<@6>, <@5>!",), (6, 5))),
        ("@Mia Moore", ("5",), Wording(("<@5> Moore",), (5,))),
        ("@Leo_K and @Leo_K", ("people",), Wording(("<@7> and <@7>",), (7,))),
        ("@Leo_K", (), Wording((r"@Leo\_K",))),
        # Nobody there is called so, or it is no mention.
        ("@Miara x@Mia @@Mia `@Mia`", ("people",), Wording(("@Miara x@Mia @@Mia `@Mia`",))),
        ("@everyone @here @Zoe", ("people",), Wording(("@everyone @here @Zoe",))),
        # A number that the model made up is nobody whom it may ping.
        ("<@5>", ("people",), Wording(("<@5>",))),
    ],
)
def test_a_name_is_a_mention_where_that_is_allowed(
    text: str, pings: tuple[str, ...], wording: Wording
) -> None:
    assert worded(text, PEOPLE, pings=pings) == wording


def test_an_account_without_a_number_is_pinged_by_nothing() -> None:
    assert worded("@Mia", {"Mia": "everyone"}, pings=("people",)).pinged == ()


def test_emoji_of_the_server_are_shown_as_such() -> None:
    assert worded("up :tent_up: :tent_down:", {}, emoji=EMOJI).parts == (r"up <:tent_up:12> :tent\_down:",)
    assert worded("`:tent_up:`", {}, emoji=EMOJI).parts == ("`:tent_up:`",)


def test_what_is_too_long_for_one_message_is_only_split() -> None:
    text = "@Mia " + "word " * 500
    assert worded(text, PEOPLE, pings=("people",)) == worded(text, {})
    assert len(worded(text, PEOPLE, pings=("people",)).parts) == 2


@given(
    st.lists(
        st.sampled_from(["@Mia", "@Mia Moore", "@Leo_K", ":tent_up:", "*", "_x_", " ", "\n", "1. ", "<@5>"])
    ).map("".join),
    st.booleans(),
)
def test_however_it_was_worded_it_reads_the_same(text: str, escape: bool) -> None:
    plain = worded(text, PEOPLE, escape=escape)
    rich = worded(text, PEOPLE, pings=("people",), emoji=EMOJI, escape=escape)
    assert [reads(part, PEOPLE) for part in plain.parts] == [reads(part, PEOPLE) for part in rich.parts]
