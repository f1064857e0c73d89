"""How an adapter is trained: what is asked for, from a preset, a file and the command line."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from training.errors import SettingsUnusable

LINEAR_LAYERS: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Every linear layer of a Llama's blocks, and of most others'."""


class Method(StrEnum):
    """What of the model is trained."""

    QLORA = "qlora"
    """An adapter, on a base whose weights are kept in 4 bits (Dettmers et al. 2023)."""
    LORA = "lora"
    """An adapter, on the base as it is."""
    FULL = "full"
    """All weights of the base; there is no adapter afterwards, but another base."""


class Loss(StrEnum):
    """Which tokens count."""

    OWN = "own"
    """The persona's own words, and the mark that ends them."""
    EVERYTHING = "everything"
    """Every token of a row, its prompt and what the others wrote too."""


class TrainSettings(BaseModel):
    """What is asked for. The defaults suit a base of billions of parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    method: Method = Field(Method.QLORA, description="qlora, lora or full")
    rank: int = Field(16, ge=1, description="of the adapter's matrices; most servers take up to 16, 32 or 64")
    alpha: float = Field(
        32, gt=0, description="over the rank (over its root with rslora): the adapter's weight"
    )
    dropout: float = Field(0.05, ge=0, lt=1, description="share of the adapter's inputs left out by chance")
    targets: tuple[str, ...] = Field(LINEAR_LAYERS, min_length=1, description="layers that carry the adapter")
    rslora: bool = Field(False, description="weigh by the root of the rank (Kalajdzievski 2023)")
    epochs: int = Field(3, ge=1, description="times that each row is seen; the best one is kept")
    batch: int = Field(8, ge=1, description="rows (or packs) at once, on each device")
    accumulate: int = Field(1, ge=1, description="batches a step of the optimizer")
    learning_rate: float = Field(2e-4, gt=0, description="at its peak; it falls along a cosine to nothing")
    warmup: float = Field(0.05, ge=0, le=1, description="share of the steps in which it rises to the peak")
    clip: float = Field(1.0, gt=0, description="the longest a step's gradient may be")
    decay: float = Field(0.0, ge=0, description="weight decay; on an adapter it pulls towards the bare base")
    max_length: int = Field(1024, ge=8, description="tokens of a row or pack; a longer chat loses its oldest")
    seed: int = Field(0, ge=0, description="of dropout, order and the untrained adapter")
    loss: Literal["auto", "own", "everything"] = Field(
        "auto", description="what counts: own words, everything, or what the recipe is made for"
    )
    packing: bool = Field(False, description="several rows in one sequence, none of which sees another")
    gradient_checkpointing: bool | Literal["auto"] = Field(
        "auto", description="compute twice, keep less; auto: on a GPU"
    )
    precision: Literal["auto", "bf16", "fp16", "fp32"] = Field(
        "auto", description="auto: bf16 or fp16 on a GPU, by what it can, and fp32 on a CPU"
    )
    save_steps: int = Field(100, ge=1, description="steps between checkpoints; each epoch ends with one, too")
    steps: int | None = Field(
        None, ge=1, description="end after so many steps, whatever the epochs; unset: not"
    )

    @field_validator("targets", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        """Names with commas between them, which a shell leaves as they are."""
        return tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value

    @property
    def scale(self) -> float:
        """What the adapter's product is multiplied by before it is added to the base's."""
        return self.alpha / (math.sqrt(self.rank) if self.rslora else self.rank)


def read_settings(
    preset: str = "", changes: Sequence[str] = (), fixed: Mapping[str, Any] | None = None
) -> TrainSettings:
    """Give the settings of a preset (a name, or a TOML file with a table `settings`), with changes over it.

    `changes` are `key=value`, the value as TOML writes it; a bare word is a text. `fixed` are put over all.
    Raises SettingsUnusable.
    """
    table = dict(read_preset(preset).get("settings", {})) if preset else {}
    for change in changes:
        table.update(_change(change))
    table.update(fixed or {})
    try:
        return TrainSettings.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"][:1])
        if first["type"] == "extra_forbidden":
            known = ", ".join(TrainSettings.model_fields)
            raise SettingsUnusable(f"there is no setting {key}; there are {known}") from None
        raise SettingsUnusable(f"{key}: {first['msg']}") from None


def preset_names() -> tuple[str, ...]:
    """The presets that come with the package."""
    folder = files("training").joinpath("presets")
    names = (entry.name for entry in folder.iterdir()) if folder.is_dir() else ()
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def read_preset(preset: str) -> Mapping[str, Any]:
    """Read a preset's file: its table `settings`, and what else is known of it. Raises SettingsUnusable."""
    try:
        if preset in preset_names():
            text = files("training").joinpath("presets", f"{preset}.toml").read_text(encoding="utf-8")
        else:
            text = Path(preset).read_text(encoding="utf-8")
        return tomllib.loads(text)
    except (OSError, UnicodeDecodeError):
        known = ", ".join(preset_names()) or "none"
        raise SettingsUnusable(
            f"{preset} is neither a preset nor a file that can be read; presets: {known}"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsUnusable(f"{preset}: {error}") from None


def _change(change: str) -> dict[str, Any]:
    key, equals, value = change.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise SettingsUnusable(f"{change!r} is no setting: write key=value")
    try:
        return {key.strip(): tomllib.loads(f"value = {value}")["value"]}
    except tomllib.TOMLDecodeError:
        # `method=lora` reads better than `method="lora"`, and a shell eats the quotes.
        return {key.strip(): value.strip()}
