"""Recipes by name, and as the small TOML files that are kept with the datasets they made."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import tomli_w
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from training.dataset.presets.contact_chunks import ContactChunks
from training.dataset.presets.conversations import Conversations
from training.dataset.presets.documents import Documents
from training.dataset.presets.pairs import Pairs
from training.dataset.presets.turns import TurnsRecipe
from training.dataset.presets.weclone import WeClone
from training.dataset.recipe import Recipe
from training.errors import RecipeInvalid

DEFAULT: Final = "turns"
PRESETS: Final[Mapping[str, type[Recipe]]] = MappingProxyType(
    {
        "turns": TurnsRecipe,
        "conversations": Conversations,
        "documents": Documents,
        "pairs": Pairs,
        "contact-chunks": ContactChunks,
        "weclone": WeClone,
    }
)


def read_recipe(wanted: str, changes: Sequence[str] = ()) -> Recipe:
    """Give the recipe that is meant: a preset's name, or a TOML file.

    `changes` are lines of TOML that are put over it: `split.leaks = "drop"`. Raises RecipeInvalid.
    """
    table = {"preset": wanted} if wanted in PRESETS else _table(wanted)
    for change in changes:
        try:
            _lay_over(table, tomllib.loads(change))
        except tomllib.TOMLDecodeError:
            raise RecipeInvalid(f"{change!r} is no option: write name=value, a text in quotes") from None
    return _recipe(table, wanted)


def _table(wanted: str) -> dict[str, Any]:
    path = Path(wanted)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        known = ", ".join(PRESETS)
        raise RecipeInvalid(f"{wanted} is neither a file that can be read nor a preset: {known}") from None
    except tomllib.TOMLDecodeError as error:
        raise RecipeInvalid(f"{path}: {error}") from None


def _lay_over(table: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(inner := table.setdefault(key, {}), dict):
            _lay_over(inner, value)
        else:
            table[key] = value


def recipe_to_toml(recipe: Recipe) -> str:
    """Write a recipe with all its options, each with what it means; `read_recipe` reads it back."""
    return "".join(f"{line}\n" for line in _lines(recipe))


def _recipe(table: Mapping[str, Any], name: str) -> Recipe:
    preset = table.get("preset")
    if not isinstance(preset, str) or preset not in PRESETS:
        raise RecipeInvalid(f"{name}: `preset` says which rules it changes, one of {', '.join(PRESETS)}")
    try:
        return PRESETS[preset].model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        said = f"there is no option {key} in {preset}" if first["type"] == "extra_forbidden" else first["msg"]
        raise RecipeInvalid(f"{name}: {key}: {said}") from None


def _lines(recipe: Recipe) -> Iterator[str]:
    yield f"# {type(recipe).source}"
    yield from _options(recipe)
    for name in type(recipe).model_fields:
        inner = getattr(recipe, name)
        if isinstance(inner, BaseModel):
            yield ""
            yield f"[{name}]"
            yield from _options(inner)


def _options(model: BaseModel) -> Iterator[str]:
    values = model.model_dump(mode="json")
    for name, option in type(model).model_fields.items():
        if isinstance(getattr(model, name), BaseModel):
            continue
        yield from _option(name, values[name], option)


def _option(name: str, value: object, option: FieldInfo) -> Iterator[str]:
    if option.description:
        yield f"# {option.description}"
    if value is None:
        yield f"# {name} ="
        return
    value = sorted(value) if isinstance(option.default, frozenset) and isinstance(value, list) else value
    yield tomli_w.dumps({name: value}).rstrip("\n")
