"""Texts in Apple's archives: every width of a length, and archives that lie about it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.exports.typedstream import decode_text
from tests.chat.exports.messages_db import HEAD, TAIL, archive


@pytest.mark.parametrize(
    "text",
    [
        "ok",
        "",
        "x" * 127,
        "x" * 128,
        "ü" * 64,
        "é" * 300,
        "x" * 65_535,
        "x" * 65_536,
        "two\nlines",
        "\ufffc photo",
        "a + b \u0001+ c",
    ],
)
def test_a_text_of_any_length_comes_back(text: str) -> None:
    assert decode_text(archive(text)) == text


def test_the_length_counts_bytes_and_not_letters() -> None:
    # 70 letters of three bytes: one byte would do for the letters, and does not for the bytes.
    assert archive("あ" * 70)[len(HEAD) + 2] == 0x81
    assert decode_text(archive("あ" * 70)) == "あ" * 70


@pytest.mark.parametrize("length", [3, 20, 200, 70_000])
def test_a_wrong_length_is_made_up_for_by_the_end_mark(length: int) -> None:
    assert decode_text(archive("shortened", length=length)) == "shortened"


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"streamtyped",
        HEAD,
        HEAD + b"\x01+",
        HEAD + b"\x01+\x81",
        HEAD + b"\x01+\x05ab",
        HEAD + b"\x01+\x02\xff\xfe" + TAIL,
    ],
)
def test_an_archive_without_a_text_gives_none(damaged: bytes) -> None:
    assert decode_text(damaged) is None


@given(st.text())
def test_any_text_survives(text: str) -> None:
    assert decode_text(archive(text)) == text


@given(st.binary(max_size=200))
def test_garbage_gives_a_text_or_none(garbage: bytes) -> None:
    found = decode_text(HEAD + b"\x01+" + garbage)
    assert found is None or len(found) <= len(garbage)
