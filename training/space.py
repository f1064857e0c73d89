"""What a search may vary, and between which values."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol

from training.errors import SettingsUnusable
from training.settings import LINEAR_LAYERS, TrainSettings

RECIPE: Final = "recipe."
"""What an option of the dataset's recipe is called in a search begins so: `recipe.gap_hours`."""

ALPHA: Final = "alpha_over_rank"
"""Alpha is searched as a multiple of the rank: by itself it says nothing."""

TARGETS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"all": LINEAR_LAYERS, "attention": ("q_proj", "k_proj", "v_proj", "o_proj"), "qv": ("q_proj", "v_proj")}
)
"""Layers that a search puts the adapter on, by the name it has for them."""

USUAL: Final = (
    "rank=8,16,32,64",
    f"{ALPHA}=0.5,1,2,4",
    "dropout=0.0..0.2",
    "learning_rate=2e-5..2e-3",
    "epochs=1..5",
    "targets=all,attention,qv",
    "packing=true,false",
)
"""What is varied where nobody says otherwise."""

WIDE: Final = 20.0
"""A range whose end is so many times its begin is searched by orders of magnitude."""


class Draws(Protocol):
    """What draws values; an Optuna trial is one."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:  # noqa: ANN401 - any TOML value
        """One of these."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number from low to high."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """A whole number from low to high."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One thing that is varied: among `choices`, or from `low` to `high`, whole numbers if both are."""

    name: str
    choices: tuple[bool | int | float | str, ...] = ()
    low: float = 0
    high: float = 0

    @classmethod
    def read(cls, text: str) -> Axis:
        """Read `rank=8,16,32`, `learning_rate=1e-5..1e-3` or `recipe.gap_hours=3,6`. Raises SettingsUnusable."""
        name, _, values = (part.strip() for part in text.partition("="))
        known = {*TrainSettings.model_fields, ALPHA}
        if not values or not (name in known or name.startswith(RECIPE)):
            raise SettingsUnusable(
                f"{text!r} cannot be searched: write rank=8,16, dropout=0..0.2 or recipe.OPTION=3,6"
            )
        if ".." in values:
            low, high = (_value(part) for part in values.split("..", 1))
            if not _number(low) or not _number(high) or not low < high:
                raise SettingsUnusable(f"{text!r}: a range goes from a number to a larger one")
            return cls(name, low=low, high=high)
        choices = tuple(_value(part) for part in values.split(","))
        if name == "targets" and not set(choices) <= set(TARGETS):
            raise SettingsUnusable(f"{text!r}: targets are searched among {', '.join(TARGETS)}")
        return cls(name, choices)

    def draw(self, trial: Draws) -> bool | float | str:
        """A value of it."""
        if self.choices:
            value: bool | float | str = trial.suggest_categorical(self.name, self.choices)
            return value
        log = self.low > 0 and self.high / self.low >= WIDE
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(self.name, self.low, self.high, log=log)
        return trial.suggest_float(self.name, float(self.low), float(self.high), log=log)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a trial is to try: changes to the training settings and to the recipe, as `--set` takes them."""

    settings: tuple[str, ...]
    recipe: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Space:
    """All that is varied."""

    axes: tuple[Axis, ...]

    @classmethod
    def read(cls, searched: Sequence[str], fixed: Sequence[str] = ()) -> Space:
        """The usual axes, those of `searched` instead or besides, without what `fixed` settles.

        Where `searched` names any, only recipe options of it leave the usual ones as they are. Raises SettingsUnusable.
        """
        settled = {change.partition("=")[0].strip() for change in fixed}
        if "alpha" in settled:
            settled.add(ALPHA)
        asked = [Axis.read(text) for text in searched]
        usual = () if any(not axis.name.startswith(RECIPE) for axis in asked) else map(Axis.read, USUAL)
        axes = {axis.name: axis for axis in (*usual, *asked) if axis.name not in settled}
        if not axes:
            raise SettingsUnusable("nothing is left to search: fix less, or say what may vary (--search)")
        return cls(tuple(axes.values()))

    @property
    def of_recipe(self) -> bool:
        """Whether the dataset is built anew for a trial."""
        return any(axis.name.startswith(RECIPE) for axis in self.axes)

    def draw(self, trial: Draws, settings: TrainSettings) -> Suggestion:
        """Draw one of each axis. `settings` are what the trial begins with; alpha follows their rank."""
        drawn = {axis.name: axis.draw(trial) for axis in self.axes}
        changes: dict[str, object] = {
            name: value for name, value in drawn.items() if not name.startswith(RECIPE) and name != ALPHA
        }
        if ALPHA in drawn:
            changes["alpha"] = float(drawn[ALPHA]) * float(changes.get("rank", settings.rank))  # type: ignore[arg-type]
        if "targets" in changes:
            changes["targets"] = TARGETS[str(changes["targets"])]
        return Suggestion(
            tuple(f"{name}={_toml(value)}" for name, value in changes.items()),
            tuple(
                f"{name.removeprefix(RECIPE)}={_toml(value)}"
                for name, value in drawn.items()
                if name.startswith(RECIPE)
            ),
        )


def _value(text: str) -> Any:  # noqa: ANN401 - what TOML may hold
    try:
        return tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _toml(value: object) -> str:
    # JSON writes these as TOML does: numbers, texts, truth, and lists of texts.
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
