"""Text for Discord: what was not meant as Markdown is shown as typed, and long texts are split."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.messengers.discord.markdown import LONGEST, escaped, plain, split, unescaped

TOKENS = (
    *"ab \n*_~|`>#-+[]()\\<:@1.",
    "https://x.y",
    "```",
    "<@5>",
    "<:a:1>",
    "<t:1:R>",
    "1. ",
    "\n- ",
    ":ab:",
    "</a:1>",
)
TEXTS = st.lists(st.sampled_from(TOKENS), max_size=60).map("".join)


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
        ("<:tent_up:12> <@5>", "<:tent_up:12> <@5>"),
        ("1. one\n 2. two\n3.5 km", "1\\. one\n 2\\. two\n3.5 km"),
        ("+ one\n* two\n>>> three", "\\+ one\n\\* two\n\\>>> three"),
        ("<t:1:R> </go:12> <id:home>", r"\<t:1:R> \</go:12> \<id:home>"),
        ("<https://x.example/a_b> - no list", "<https://x.example/a_b> - no list"),
        ("[a](<https://x.example>)", r"[a\](<https://x.example>)"),
    ],
)
def test_signs_are_escaped_where_they_would_do_something(text: str, shown: str) -> None:
    assert escaped(text) == shown


@given(TEXTS)
def test_what_was_escaped_reads_as_it_was(text: str) -> None:
    assert unescaped(escaped(text)) == text


@given(TEXTS)
def test_what_is_shown_letter_by_letter_reads_as_it_was_written(text: str) -> None:
    # Discord takes a backslash before a sign away, and shows the sign.
    read, at, escaped = [], 0, plain(text)
    while at < len(escaped):
        at += escaped[at] == "\\"
        read.append(escaped[at])
        at += 1
    assert "".join(read) == text


@given(st.text(alphabet="ab c\n\\*🏕é漢", max_size=300), st.integers(20, 60))
def test_parts_are_short_enough_and_lose_nothing_but_space(text: str, longest: int) -> None:
    parts = split(text, longest)
    # Discord counts code points, so a tent is one character there as it is here.
    assert all(0 < len(part) <= longest for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


@given(TEXTS, st.integers(30, 60))
def test_parts_of_anything_are_short_enough(text: str, longest: int) -> None:
    for form in (text, escaped(text)):
        parts = split(form, longest)
        assert all(0 < len(part) <= longest for part in parts)
        # Fences are closed and opened again; but for them nothing is lost and nothing comes twice.
        said = "".join("".join(parts).split()).replace("`", "")
        assert said == "".join(form.split()).replace("`", "")


WORDS = st.integers(0, 12)
BLOCKS = st.lists(st.tuples(st.booleans(), st.lists(WORDS, min_size=1, max_size=12)), max_size=8)


@given(BLOCKS, st.integers(40, 90))
def test_what_is_code_stays_code_in_every_part_and_what_is_none_stays_none(
    blocks: list[tuple[bool, list[int]]], longest: int
) -> None:
    lines: list[str] = []
    wanted: list[str] = []
    for code, words in blocks:
        kind = "code" if code else "word"
        said = [f"{kind}{len(wanted) + number}{'x' * word}" for number, word in enumerate(words)]
        wanted += said
        lines += ["```py", *said, "```"] if code else [" ".join(said)]
    found: list[str] = []
    for part in split("\n".join(lines), longest):
        assert len(part) <= longest
        pieces = part.split("```")
        assert len(pieces) % 2 == 1, "a fence is left open"
        for number, piece in enumerate(pieces):
            inside = piece.removeprefix("py\n") if number % 2 else piece
            said = inside.split()
            assert all(word.startswith("code" if number % 2 else "word") for word in said)
            assert said or number % 2 == 0, "an empty block"
            found += said
    assert found == wanted


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
    assert all(len(part) <= 36 and part.count("```") % 2 == 0 for part in parts)
    assert [line for part in parts for line in part.split("\n") if "=" in line] == [
        "first = 1",
        "second = 2",
        "third = 3",
    ]


def test_code_keeps_its_indentation_where_it_is_cut() -> None:
    parts = split("```py\nif first_of_all:\n    second = 2\n    third = 3\n```", 40)
    assert parts == ("```py\nif first_of_all:\n```", "```py\n    second = 2\n    third = 3\n```")
