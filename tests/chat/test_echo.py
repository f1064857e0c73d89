from __future__ import annotations

import pytest

from chat.echo import plain, unmarked


@pytest.mark.parametrize(
    "echo", ["so  sure", " so sure\n", "so\nsure", "🤖 so sure", "🤖so sure", "🤖  so\u00a0sure"]
)
def test_an_echo_is_known_in_other_whitespace_and_with_the_mark(echo: str) -> None:
    assert plain(echo, "🤖 ") == plain("so sure", "🤖 ") == plain("so sure")


def test_other_words_are_no_echo() -> None:
    assert plain("so sure!") != plain("so sure")
    assert plain("🤖 so sure") != plain("so sure")


def test_the_mark_is_taken_off_once() -> None:
    assert unmarked("🤖 hi", "🤖 ") == "hi"
    assert unmarked("hi 🤖 ", "🤖 ") == "hi 🤖 "
    assert unmarked("hi", "") == "hi"
