"""What stands on both sides of a split, and what may."""

from __future__ import annotations

import pytest

from tests.training.dataset.exports import chat_of
from tests.training.dataset.rows import rows_of
from training.dataset.leaks import folded, leaks
from training.dataset.presets.turns import TurnsRecipe
from training.dataset.row import Row
from training.dataset.split import Split

LONG = "we should all go to the lake on saturday and bring the big tent"


def answers(*texts: str) -> list[Row]:
    return rows_of(
        TurnsRecipe(silences=0), chat_of([line for text in texts for line in (("Leo", "?"), ("Sam", text))])
    )


@pytest.mark.parametrize(
    ("trained", "held_out", "leak"),
    [
        ("see you at the lake on saturday", "see you at the lake on saturday", True),
        ("See you at the lake, on Saturday!!", "see you at the lake   on saturday", True),
        ("see you at the ｌａｋｅ on saturday", "see you at the lake on saturday", True),
        (LONG, LONG.replace("big", "small"), True),
        (LONG, f"{LONG} and every single one of the dogs, and cake", False),
        (
            "see you at the lake on saturday",
            "see you at the lake on sunday",
            False,
        ),  # too short to be compared so
        ("ok", "ok", False),
        ("see you there then", "see you there then", False),
    ],
)
def test_an_answer_is_a_leak_when_it_is_long_and_trained(trained: str, held_out: str, leak: bool) -> None:
    found = leaks(answers("hm", trained), answers("yes", held_out), Split())
    assert found.rows == ((1,) if leak else ())


def test_a_phrase_that_somebody_often_uses_is_no_leak() -> None:
    phrase = "and that is how it always goes around here"
    assert leaks(answers(phrase, phrase), answers(phrase), Split()).rows == (0,)
    assert leaks(answers(phrase, phrase, phrase), answers(phrase), Split()).rows == ()


def test_a_copy_is_long_and_there_letter_for_letter() -> None:
    held = answers(LONG, LONG.replace("big", "small"), "see you at the lake on saturday", "ok")
    found = leaks(answers(LONG, "see you at the lake on saturday", "ok"), held, Split())
    assert (found.rows, found.copies) == ((0, 1, 2), (0,))
    assert (found.known, found.compared) == (3, 3)
    assert leaks(answers("ok"), answers("ok"), Split(leak_chars=2, copy_chars=2)).copies == (0,)


def test_bubbles_that_were_trained_as_one_message_are_a_leak_too() -> None:
    row = rows_of(
        TurnsRecipe(), chat_of([("Leo", "?"), ("Sam", "see you at the"), ("Sam", "lake on saturday")])
    )
    assert leaks(answers("see you at the lake on saturday"), row, Split()).rows == (0,)


def test_every_threshold_is_an_option() -> None:
    pair = answers("see you there then"), answers("see you there, then")
    assert leaks(*pair, Split(leak_chars=5)).rows == (0,)
    near = answers("see you at the lake on saturday"), answers("see you at the lakes on saturday")
    assert leaks(*near, Split()).rows == ()
    assert leaks(*near, Split(near_chars=20)).rows == (0,)
    assert leaks(*near, Split(near_chars=20, near=99)).rows == ()


def test_folding_leaves_letters_and_digits() -> None:
    assert folded("  Straße №7 —\n½ OK_👍 ") == "strasse no7 1 2 ok"
    assert folded("👍 …") == ""
