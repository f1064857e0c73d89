"""The recipe `turns`: examples are what serving will ask, and the split never cuts a conversation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from inference.prompt import build_prompt, split_bubbles
from tests.training.conftest import FORM, export_of, talk
from training.dataset.turns import Per, Turns, conversations
from training.errors import DatasetTooSmall

HOUR = 60


def test_a_burst_after_others_is_an_example() -> None:
    export = export_of(
        [
            ("Sam", "anyone?", 0),
            ("Mia", "hey", 1),
            ("Leo", "two\nlines", 1),
            ("Sam", "hi", 1),
            ("Sam", "you ok", 1),
            ("Mia", "later", 7 * HOUR),
            ("Sam", "ok", 1),
        ]
    )
    dataset = Turns().dataset([export], FORM)
    examples = {example.completions: example for example in (*dataset.train, *dataset.held_out)}
    assert set(examples) == {("hi\nyou ok",), ("ok",)}
    assert [(m.role, m.content) for m in examples["hi\nyou ok",].messages] == [
        ("system", "You are Sam. Group chat with Leo and Mia."),
        ("assistant", "anyone?"),
        ("user", "Mia: hey\nLeo: two lines"),
        ("assistant", "hi\nyou ok"),
    ]
    assert len(examples["ok",].messages) == 3


def test_the_prompt_is_the_one_that_serving_builds() -> None:
    export = talk(30)
    dataset = Turns().dataset([export], FORM)
    served = {}
    for conversation in conversations(export.messages, timedelta(hours=6)):
        for place in range(1, len(conversation)):
            if conversation[place].own and not conversation[place - 1].own:
                end = place
                while end < len(conversation) and conversation[end].own:
                    end += 1
                bubbles = tuple(message.text for message in conversation[place:end])
                # What a worker shows the model when the chat stands there.
                served[build_prompt(FORM, conversation[:place], ("Mia", "Leo")), bubbles] = 1
    found = {
        (example.messages[:-1], split_bubbles(example.completions[0]))
        for example in (*dataset.train, *dataset.held_out)
    }
    assert found == set(served)


def test_a_conversation_is_on_one_side_only() -> None:
    dataset = Turns(held_out=0.3).dataset([talk(40)], FORM)
    train = {example.conversation for example in dataset.train}
    held_out = {example.conversation for example in dataset.held_out}
    assert train
    assert held_out
    assert not train & held_out
    assert len(train | held_out) == 40


def test_the_split_stays_when_the_chat_goes_on() -> None:
    recipe = Turns(held_out=0.3)
    before, after = recipe.dataset([talk(40)], FORM), recipe.dataset([talk(60)], FORM)
    assert {e.conversation for e in before.held_out} <= {e.conversation for e in after.held_out}
    assert before.fingerprint == recipe.dataset([talk(40)], FORM).fingerprint != after.fingerprint


def test_the_same_export_twice_adds_nothing() -> None:
    assert Turns().dataset([talk(10), talk(10)], FORM) == Turns().dataset([talk(10)], FORM)


@pytest.mark.parametrize("window", [1, 2, 5, 40])
def test_per_conversation_learns_each_burst_once(window: int) -> None:
    form = replace(FORM, history_messages=window)
    lines = []
    for number in range(60):
        lines += [("Mia", f"question {number}", 1), ("Leo", "yes?", 1)][: 1 + number % 2]
        lines += [("Sam", f"answer {number}", 1), ("Sam", "so", 1)][: 1 + number % 3 % 2]
    export = export_of([*lines, ("Mia", "new", 10 * HOUR), ("Sam", "day", 1)])
    one, other = (Turns(per=per).dataset([export], form) for per in Per)

    def learned(dataset: object) -> list[str]:
        return sorted(text for e in (*dataset.train, *dataset.held_out) for text in e.completions)  # type: ignore[attr-defined]

    assert learned(one) == learned(other)
    assert len(learned(other)) == 61


def test_what_was_passed_on_is_not_learned() -> None:
    own = [("Sam", "a joke", 1), ("Sam", "haha", 1)]
    export = export_of([("Mia", "hi", 0), *own, ("Leo", "?", 999), ("Sam", "ok", 1)])
    passed_on = export.rows.with_columns(forwarded=pl.col("id") == export.messages[1].id)
    dataset = Turns().dataset([replace(export, rows=passed_on)], FORM)
    assert {e.completions for e in (*dataset.train, *dataset.held_out)} == {("haha",), ("ok",)}


def test_too_little_is_said() -> None:
    with pytest.raises(DatasetTooSmall, match="one of Leo, Mia"):
        Turns().dataset([export_of([("Mia", "hi", 0), ("Leo", "hi", 1)])], FORM)
    with pytest.raises(DatasetTooSmall, match="never answers"):
        Turns().dataset([export_of([("Sam", "hi", 0), ("Leo", "hi", 1)])], FORM)
    with pytest.raises(DatasetTooSmall, match="one conversation only"):
        Turns().dataset([export_of([("Leo", "hi", 0), ("Sam", "hi", 1)])], FORM)


def test_held_out_words_that_stand_in_training_are_counted() -> None:
    assert Turns(held_out=0.2).dataset([talk(60)], FORM).repeated == 1.0


def test_everything_since_a_day_is_held_out() -> None:
    export = talk(30)
    days = [message.sent_at.date() for message in export.messages]
    since = days[len(days) // 2]
    dataset = Turns(held_out_since=since).dataset([export], FORM)
    runs = conversations(export.messages, timedelta(hours=6))
    earlier = [message for run in runs if run[0].sent_at.date() < since for message in run]
    assert len({example.conversation for example in dataset.train}) < 30
    assert sum(message.own for message in earlier) == sum(
        len(split_bubbles(text)) for example in dataset.train for text in example.completions
    )
