"""The preset `turns`, our own: answers and silences from served prompts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from inference.prompt import SILENCE, PromptFormat, build_prompt, split_bubbles
from tests.training.conftest import talk
from tests.training.dataset.exports import Said, chat_of
from tests.training.dataset.rows import HOUR, learned, rows_of, said
from training.dataset.history import conversations
from training.dataset.presets.turns import TurnsRecipe
from training.dataset.row import Talk

LINES = [
    Said("Sam", "anyone?"),
    Said("Mia", "hey"),
    Said("Leo", "two\nlines"),
    Said("Sam", "hi"),
    Said("Sam", "you ok"),
    Said("Mia", "yes", 5),
    Said("Leo", "me too", 11),
    Said("Mia", "later", 7 * HOUR),
    Said("Sam", "ok"),
]


def test_bursts_and_silences_of_an_evening() -> None:
    rows = rows_of(TurnsRecipe(silences=1), chat_of(LINES))
    first, paused, ended, last = rows
    assert isinstance(first.body, Talk)
    assert first.body.messages[0].content == "You are Sam. Group chat with Leo and Mia."
    assert said(first) == [("a", "anyone?"), ("u", "Mia: hey\nLeo: two lines"), ("a", "hi\nyou ok")]
    # More than ten minutes went by before Leo wrote, and nobody answered him that day.
    assert said(paused)[-2:] == [("u", "Mia: yes"), ("a", SILENCE)]
    assert said(ended)[-2:] == [("u", "Mia: yes\nLeo: me too"), ("a", SILENCE)]
    assert said(last) == [("u", "Mia: later"), ("a", "ok")]
    assert [row.silence for row in rows] == [False, True, True, False]
    assert learned(rows) == ["hi", "you ok", "ok"]
    assert paused.learned == ()
    assert paused.trained == (5,)


def test_a_silence_is_never_a_bubble() -> None:
    assert split_bubbles(SILENCE) == ()
    assert split_bubbles(f"hm\n {SILENCE} \nok") == ("hm", "ok")


def test_silences_are_at_most_as_many_as_asked_and_the_draw_stays() -> None:
    lines = [Said(("Mia", "Leo")[n % 2], f"word {n}", 20) for n in range(60)]
    export = chat_of([*lines, ("Sam", "hm"), ("Mia", "so"), ("Sam", "ok"), ("Mia", "and"), ("Sam", "no")])
    assert [
        sum(row.silence for row in rows_of(TurnsRecipe(silences=share), export)) for share in (0, 1, 3)
    ] == [0, 3, 9]
    some, more = (
        {row.sources[-1] for row in rows_of(TurnsRecipe(silences=share), export) if row.silence}
        for share in (2, 3)
    )
    assert some < more
    assert rows_of(TurnsRecipe(), chat_of(lines)) == []  # where the owner never answered, nothing tells when


def test_rows_stand_in_the_order_of_time() -> None:
    rows = rows_of(TurnsRecipe(silences=9), talk(60))
    assert [row.last for row in rows] == sorted(row.last for row in rows)


@pytest.mark.parametrize("window", [1, 2, 16])
def test_the_prompt_is_the_one_that_serving_builds(window: int) -> None:
    export, form = talk(20), PromptFormat("Sam", history_messages=window, control_tokens=("<|end|>",))
    messages = list(export.messages)
    places, begins = {message.id: place for place, message in enumerate(messages)}, {}
    for said_then in conversations(messages, timedelta(hours=6)):
        begins.update({message.id: places[said_then[0].id] for message in said_then})
    recipe = TurnsRecipe(history_messages=window, control_tokens=("<|end|>",))
    rows = rows_of(recipe, export)
    assert rows
    for row in rows:
        assert isinstance(row.body, Talk)
        end = places[row.sources[-1] if row.silence else row.learned[0].source] + row.silence
        shown = messages[begins[row.sources[-1]] : end]
        assert row.body.messages[:-1] == build_prompt(form, shown, ("Mia", "Leo"))


def test_the_persona_may_have_another_name_and_no_unknown_one_in_braces() -> None:
    row = rows_of(TurnsRecipe(name="Samuel", system="Be {name}."), chat_of(LINES))[0]
    assert row.body.parts[0] == "Be Samuel."
    with pytest.raises(ValidationError):
        TurnsRecipe(system="Be {nobody}.")
