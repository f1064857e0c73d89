"""Presets: bases that are known to fit, each with settings to begin with. One TOML file each, in `presets/`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from training.architecture import Architecture
from training.settings import preset_names, read_preset


class Preset(BaseModel):
    """A family member by its hub ids, and how to train it.

    `templates` names which of the two, `instruct` or `base`, brings a chat template; the other is laid out in the
    project's own. `source` is where the numbers of the architecture were read. `settings` holds what differs from
    the defaults of the training settings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    about: str
    instruct: str
    base: str
    license: str
    templates: tuple[Literal["instruct", "base"], ...]
    source: str
    architecture: Architecture
    settings: Mapping[str, Any]


def presets() -> Mapping[str, Preset]:
    """All presets by name, the smallest first."""
    found = [Preset.model_validate({"name": name, **read_preset(name)}) for name in preset_names()]
    found.sort(key=lambda preset: preset.architecture.parameters)
    return MappingProxyType({preset.name: preset for preset in found})


def preset_for(architecture: Architecture) -> Preset | None:
    """The preset made for a base of exactly this shape, where there is one: nobody need name it."""
    return next((preset for preset in presets().values() if preset.architecture == architecture), None)
