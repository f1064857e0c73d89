"""What a search varies: read as it is typed, drawn as it was read, and written as `--set` takes it."""

from __future__ import annotations

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FixedTrial

from training.errors import SettingsUnusable
from training.settings import LINEAR_LAYERS, TrainSettings, read_settings
from training.space import TARGETS, USUAL, Axis, Space

pytestmark = pytest.mark.train

USUAL_DRAW = {
    "rank": 32,
    "alpha_over_rank": 0.5,
    "dropout": 0.1,
    "learning_rate": 0.00005,
    "epochs": 3,
    "targets": "attention",
    "packing": True,
}


def test_what_is_drawn_can_be_set() -> None:
    suggestion = Space.read(()).draw(FixedTrial(USUAL_DRAW), TrainSettings())
    settings = read_settings(changes=suggestion.settings)
    assert (settings.rank, settings.alpha, settings.dropout) == (32, 16, 0.1)
    assert (settings.learning_rate, settings.epochs, settings.packing) == (0.00005, 3, True)
    assert settings.targets == TARGETS["attention"]
    assert suggestion.recipe == ()


def test_alpha_follows_the_rank_that_is_fixed() -> None:
    space = Space.read((), ["rank=4"])
    assert [axis.name for axis in space.axes] == [
        "alpha_over_rank",
        "dropout",
        "learning_rate",
        "epochs",
        "targets",
        "packing",
    ]
    changes = space.draw(FixedTrial(USUAL_DRAW), TrainSettings(rank=4)).settings
    assert read_settings(changes=["rank=4", *changes]).alpha == 2
    assert "alpha_over_rank" not in [axis.name for axis in Space.read((), ["alpha=8"]).axes]


def test_ranges_are_whole_where_their_ends_are_and_by_magnitude_where_they_are_wide() -> None:
    trial = FixedTrial({"epochs": 2, "dropout": 0.15, "learning_rate": 1e-4, "rank": 8})
    for text in ("epochs=1..4", "dropout=0.1..0.2", "learning_rate=1e-5..1e-3", "rank=8,16"):
        Axis.read(text).draw(trial)
    assert trial.distributions == {
        "epochs": IntDistribution(1, 4),
        "dropout": FloatDistribution(0.1, 0.2),
        "learning_rate": FloatDistribution(1e-5, 1e-3, log=True),
        "rank": CategoricalDistribution((8, 16)),
    }


def test_recipe_options_come_on_top_and_settings_instead_of_the_usual_ones() -> None:
    recipe = Space.read(["recipe.gap_hours=3,6.5"])
    assert [axis.name for axis in recipe.axes] == [
        *(Axis.read(text).name for text in USUAL),
        "recipe.gap_hours",
    ]
    assert recipe.of_recipe
    drawn = recipe.draw(FixedTrial({**USUAL_DRAW, "recipe.gap_hours": 6.5}), TrainSettings())
    assert drawn.recipe == ("gap_hours=6.5",)
    only = Space.read(["rank=8,16", 'recipe.split.leaks="drop","keep"'])
    assert [axis.name for axis in only.axes] == ["rank", "recipe.split.leaks"]
    assert not Space.read(["rank=8,16"]).of_recipe
    drawn = only.draw(FixedTrial({"rank": 8, "recipe.split.leaks": "drop"}), TrainSettings())
    assert drawn.recipe == ('split.leaks="drop"',)


@pytest.mark.parametrize(
    "text",
    ["rank", "rank=", "colour=1,2", "rank=8..8", "rank=a..b", "dropout=0.3..0.1", "targets=all,none", "=3"],
)
def test_what_cannot_be_searched_is_refused(text: str) -> None:
    with pytest.raises(SettingsUnusable):
        Axis.read(text)


def test_nothing_left_to_search_is_refused() -> None:
    with pytest.raises(SettingsUnusable, match="nothing is left"):
        Space.read(["rank=8,16"], ["rank=8"])


def test_every_target_is_a_linear_layer() -> None:
    assert all(set(layers) <= set(LINEAR_LAYERS) for layers in TARGETS.values())
