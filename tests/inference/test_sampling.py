"""Sampling: the published starting points, what is banned, and what a text is cut at."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from inference.sampling import PUBLISHED, Sampling


def test_the_published_starting_points_are_chosen_by_name() -> None:
    narrow = Sampling.named("narrow")
    assert (narrow.temperature, narrow.top_p) == (0.75, 0.15)
    cool = Sampling.named("cool", max_tokens=48, stop=["\n\n"])
    assert (cool.temperature, cool.top_p, cool.max_tokens, cool.stop) == (0.5, 1.0, 48, ("\n\n",))
    assert Sampling.named("searched").beams > 1
    assert len({Sampling.named(name) for name in PUBLISHED}) == len(PUBLISHED)


def test_a_name_that_nobody_published_says_which_there_are() -> None:
    with pytest.raises(ValueError, match="take one of narrow, cool"):
        Sampling.named("warm")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("so MOIST today", "moist"),
        ("moisture", None),
        ("as an AI model, i", "as an ai"),
        ("as an aid", None),
        ("nice :-( ok", ":-("),
        ("", None),
    ],
)
def test_a_banned_word_is_found_as_a_whole_word_in_any_case(text: str, found: str | None) -> None:
    assert Sampling(banned_words=("moist", "as an ai", ":-(")).banned_in(text) == found


def test_a_text_ends_at_its_first_stop() -> None:
    sampling = Sampling(stop=("###", "\n\n"))
    assert sampling.cut("hey\n\nyou ### there") == "hey"
    assert sampling.cut("hey") == "hey"


@pytest.mark.parametrize(
    "wrong",
    [
        {"top_p": 0},
        {"beams": 0},
        {"stop": [""]},
        {"banned_words": [" "]},
        {"banned_tokens": [-1]},
        {"temp": 1},
    ],
)
def test_sampling_refuses_what_no_server_takes(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Sampling.model_validate(wrong)
