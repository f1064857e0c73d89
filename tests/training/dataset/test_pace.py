"""The pace: what the times in the exports say of how somebody writes, and nothing where they say nothing."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chat.exports.export import Clock, Export, RowsBuilder
from chat.message import Chat, ChatKey
from inference.pace import Quantiles, StyleProfile, TypingProfile
from training.dataset.pace import FEWEST, pace_of, style_of, typing_of
from training.errors import DatasetUnreadable

SPEED = 8.0


def chat(bursts: int, *, by_second: bool = True, seed: int = 0, bubbles: int = 3) -> Export:
    """Mia asks, Sam answers after 30 s in some bubbles, thinking 2 s and typing 8 characters a second."""
    draw, at, rows, count = random.Random(seed), datetime(2026, 5, 1, 9), RowsBuilder(), 0  # noqa: DTZ001

    def add(name: str, text: str) -> None:
        nonlocal count
        count += 1
        when = at if by_second else at.replace(second=0)
        rows.add(id=f"m{count}", author=name, name=name, at=when, text=text, file="chat.txt", line=count)

    for _ in range(bursts):
        at += timedelta(seconds=draw.choice((300, 20_000)))
        add("Mia", "and you?")
        at += timedelta(seconds=30)
        for place in range(draw.randint(1, bubbles)):
            text = "x" * draw.randint(2, 80)
            if place:
                thought = 40 if len(text) < 30 and draw.random() < 0.2 else 0
                at += timedelta(seconds=2 + round(len(text) / SPEED) + thought)
            add("Sam", text)
    return Export(
        *(Chat(ChatKey("whatsapp", "Five"), "Five"), "whatsapp", "test", Clock.WALL, rows.table()),
        Path("chat.txt"),
        owner=frozenset({"Sam"}),
    )


def test_bursts_replies_pauses_and_the_speed_of_typing_are_measured() -> None:
    style = pace_of([chat(300)])
    assert style.bubbles is not None
    assert (style.bubbles.low, style.bubbles.middle, style.bubbles.high) == (1, 2, 3)
    assert style.bubbles.count == 300
    assert style.reply_seconds is not None
    assert (style.reply_seconds.low, style.reply_seconds.middle) == (30, 30)
    assert style.characters is not None
    assert 30 < style.characters.middle < 50
    assert style.pause_seconds is not None
    # Some short bubbles come after a long thought: a median of slopes does not mind, a mean would.
    assert style.characters_per_second == pytest.approx(SPEED, rel=0.15)


def test_an_export_by_the_minute_says_nothing_of_seconds() -> None:
    style = pace_of([chat(300, by_second=False)])
    assert style.bubbles is not None
    assert style.reply_seconds is not None
    assert (style.pause_seconds, style.characters_per_second) == (None, None)


def test_what_others_write_and_what_answers_nothing_is_no_pace_of_the_owners() -> None:
    alone = chat(FEWEST, bubbles=1)
    style = pace_of([alone])
    assert style.bubbles is not None
    assert style.bubbles.high == 1
    # Twenty bursts of one bubble have no pause between two.
    assert style.pause_seconds is None
    # A burst hours after anything else answers nobody.
    rows, at = RowsBuilder(), datetime(2026, 5, 1, 9)  # noqa: DTZ001
    for number in range(3 * FEWEST):
        at += timedelta(hours=5)
        name = "Sam" if number % 2 else "Mia"
        rows.add(id=f"m{number}", author=name, name=name, at=at, text="x", file="c", line=number + 1)
    late = Export(
        *(Chat(ChatKey("whatsapp", "Five"), "Five"), "whatsapp", "test", Clock.WALL, rows.table()),
        Path("c"),
        owner=frozenset({"Sam"}),
    )
    assert pace_of([late]).reply_seconds is None


def test_too_few_values_are_no_quantiles() -> None:
    style = pace_of([chat(FEWEST // 5)])
    assert (style.bubbles, style.reply_seconds) == (None, None)
    assert typing_of(style) == TypingProfile()


def test_no_text_is_kept_and_the_record_is_read_back() -> None:
    style = pace_of([chat(60)])
    written = json.dumps({"pace": style.model_dump(mode="json", exclude_none=True)})
    assert "xx" not in written
    assert "Mia" not in written
    assert style_of(json.loads(written)) == style
    assert style_of({}) is None
    assert style_of({"pace": None}) is None
    with pytest.raises(DatasetUnreadable, match="build the dataset again"):
        style_of({"pace": {"bubbles": {"low": 3, "middle": 2, "high": 1, "count": 9}}})


def test_a_stand_in_types_as_fast_as_the_person() -> None:
    typing = typing_of(pace_of([chat(300)]))
    usual = TypingProfile()
    assert typing.characters_per_second == pytest.approx(SPEED, rel=0.15)
    # Thirty seconds before every reply: nobody waits for a machine so long.
    assert typing.reading_seconds == usual.longest_seconds / 2
    assert 0 < typing.pause_seconds < 10
    assert (typing.jitter, typing.longest_seconds) == (usual.jitter, usual.longest_seconds)
    assert typing_of(None) == usual


def test_an_export_by_the_minute_does_not_make_a_stand_in_answer_at_once() -> None:
    replies = Quantiles(low=0, middle=60, high=120, count=90)
    assert typing_of(StyleProfile(reply_seconds=replies)).reading_seconds == TypingProfile().reading_seconds


def test_the_same_chats_give_the_same_pace() -> None:
    assert pace_of([chat(200)]) == pace_of([chat(200)])
    assert pace_of([chat(200)]) != pace_of([chat(200, seed=1)])
