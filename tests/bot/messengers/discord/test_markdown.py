"""Text for Discord: what was not meant as Markdown is shown as typed, and long texts are split."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.messengers.discord.markdown import LONGEST, escaped, split, unescaped

TEXTS = st.text(alphabet="ab \n*_~|`>#-+[]()\\<:@1/https", max_size=200)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2*3*4", r"2\*3\*4"),
        ("_hm_ ~~no~~ ||ha||", r"\_hm\_ \~\~no\~\~ \|\|ha\|\|"),
        (
            "# not a title\n> nor a quote\n-# small\n- one",
            "\\# not a title\n\\> nor a quote\n\\-# small\n\\- one",
        ),
        ("#5 and -3 > 2", "#5 and -3 > 2"),
        (r"¯\_(ツ)_/¯", r"¯\\\_(ツ)\_/¯"),
        ("[here](https://x.example)", r"[here\](https://x.example)"),
        ("see https://x.example/a_b_c", "see https://x.example/a_b_c"),
        ("`a*b` and ```\n*x*\n```", "`a*b` and ```\n*x*\n```"),
        ("<:tent_up:12> <@5> <t:1:R>", "<:tent_up:12> <@5> <t:1:R>"),
    ],
)
def test_signs_are_escaped_where_they_would_do_something(text: str, shown: str) -> None:
    assert escaped(text) == shown


@given(TEXTS)
def test_what_was_escaped_reads_as_it_was(text: str) -> None:
    assert unescaped(escaped(text)) == text


@given(st.text(alphabet="ab c\n\\*", max_size=300), st.integers(20, 60))
def test_parts_are_short_enough_and_lose_nothing_but_space(text: str, longest: int) -> None:
    parts = split(text, longest)
    assert all(0 < len(part) <= longest for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_a_short_text_is_one_part() -> None:
    assert split("a\n\nb") == ("a\n\nb",)
    assert split("x" * LONGEST) == ("x" * LONGEST,)
    assert split("") == ()


def test_a_text_is_cut_after_a_line_before_it_is_cut_after_a_word() -> None:
    assert split("one two three\nfour five", 18) == ("one two three", "four five")
    assert split("one two three four", 14) == ("one two", "three four")
    assert split("a" * 30, 14) == ("a" * 10, "a" * 10, "a" * 10)


def test_a_fence_that_is_cut_is_closed_and_opened_again() -> None:
    text = "look:\n```py\nfirst = 1\nsecond = 2\nthird = 3\n```\ndone"
    parts = split(text, 36)
    assert parts == (
        "look:\n```py\nfirst = 1\n```",
        "```py\nsecond = 2\nthird = 3\n```\ndone",
    ) or all(part.count("```") % 2 == 0 for part in parts)
    assert all(len(part) <= 36 and part.count("```") % 2 == 0 for part in parts)
    assert [line for part in parts for line in part.split("\n") if "=" in line] == [
        "first = 1",
        "second = 2",
        "third = 3",
    ]
