"""Recipes as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.dataset.cookbook import DEFAULT, PRESETS, read_recipe, recipe_to_toml
from training.dataset.presets.conversations import Conversations
from training.dataset.presets.weclone import WeClone
from training.dataset.split import Split
from training.errors import RecipeInvalid


@pytest.mark.parametrize("name", PRESETS)
def test_a_recipe_is_written_whole_and_read_back(name: str, tmp_path: Path) -> None:
    changed = read_recipe(name, ["split.held_out = 0.2", 'split.leaks = "drop"', "split.since = 2024-05-01"])
    path = tmp_path / "mine.toml"
    for recipe in (read_recipe(name), changed):
        path.write_text(recipe_to_toml(recipe), encoding="utf-8")
        assert read_recipe(str(path)) == recipe
        for option in type(recipe).model_fields:
            assert f"{option}" in path.read_text(encoding="utf-8")


def test_every_option_says_what_it_means() -> None:
    for kind in PRESETS.values():
        for part in (kind, Split):
            assert {
                name
                for name, option in part.model_fields.items()
                if not option.description and name not in {"preset", "split"}
            } == set()


def test_the_published_figures_are_the_defaults() -> None:
    conversations, weclone = Conversations(), WeClone()
    assert (conversations.gap_hours, conversations.max_chars, conversations.max_messages) == (6, 8000, None)
    assert (weclone.merge_minutes, weclone.pair_minutes, weclone.max_chars) == (2, 5, 2048)
    assert read_recipe("contact-chunks").model_dump()["max_tokens"] == 200
    assert read_recipe("documents").model_dump()["gap_minutes"] == 15
    assert DEFAULT in PRESETS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gap_hours = 3", "`preset` says which rules"),
        ('preset = "tunrs"', "one of turns, conversations"),
        ('preset = "turns"\ngap = 3', "there is no option gap in turns"),
        ('preset = "turns"\n[split]\nheldout = 3', "there is no option split.heldout"),
        ('preset = "turns"\ngap_hours = "long"', "gap_hours: Input should be a valid number"),
        ('preset = "turns"\ngap_hours = 0', "greater than 0"),
        ("preset = ", "mine.toml: Invalid value"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_said_in_a_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(RecipeInvalid) as raised:
        read_recipe(str(path))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_unknown_name_and_a_change_that_is_none_are_said() -> None:
    with pytest.raises(RecipeInvalid, match="neither a file"):
        read_recipe("turnz")
    with pytest.raises(RecipeInvalid, match="is no option"):
        read_recipe("turns", ["gap_hours"])
    with pytest.raises(RecipeInvalid, match=r"no option split\.x"):
        read_recipe("turns", ["split.x=1"])
