"""What `understudy train` is asked for, checked before any of the heavy libraries is loaded."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

import training.settings as training_settings
from bot.errors import SettingsInvalid
from inference.prompt import PromptFormat
from inference.sampling import Sampling
from training.architecture import Architecture
from training.base import BaseFolder, find_base
from training.dataset.folder import DatasetFolder, open_dataset
from training.dataset.presets.turns import TurnsRecipe
from training.errors import BaseUnusable
from training.layout import form_of
from training.preset import preset_for

NUMBERS: Final = ("f32", "f16", "q8_0", "q4_0")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, as it was written."""

    dataset: Path
    base: str
    out: Path
    work: Path | None = None
    revision: str = ""
    preset: str = ""
    changes: tuple[str, ...] = ()
    method: str = ""
    name: str = ""
    me: str = ""
    numbers: str = "f16"
    sampling: tuple[str, ...] = ()
    with_base: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be trained, from what, and where to."""

    dataset: DatasetFolder
    base: BaseFolder
    settings: training_settings.TrainSettings
    form: PromptFormat
    name: str
    out: Path
    work: Path
    numbers: str
    sampling: Sampling
    with_base: bool


def plan_of(asked: Asked) -> Plan:
    """Open and check all that is asked for. Raises SettingsInvalid and TrainingError."""
    for value, known, what in (
        (asked.method, ("", *training_settings.Method), "method"),
        (asked.numbers, NUMBERS, "way to store numbers"),
    ):
        if value not in known:
            raise SettingsInvalid(
                f"there is no {what} {value!r}: choose one of {', '.join(filter(None, known))}"
            )
    dataset = open_dataset(asked.dataset)
    base = find_base(asked.base, asked.revision)
    form = form_of(dataset.recipe, owner_of(dataset, asked.me))
    return Plan(
        dataset=dataset,
        base=base,
        settings=_settings(asked, base),
        form=form,
        name=asked.name or model_name(form.name),
        out=asked.out,
        work=asked.work or asked.out.with_name(f"{asked.out.name}.training"),
        numbers=asked.numbers,
        sampling=sampling_of(asked.sampling),
        with_base=asked.with_base,
    )


def model_name(name: str) -> str:
    """Make a model name of a person's: `Ann-Marie K.` gives `ann-marie-k`, and no letters `persona`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", plain).strip("-")[:40].rstrip("-") or "persona"


def sampling_of(words: Sequence[str]) -> Sampling:
    """Give the sampling that is meant: a published starting point's name, `key=value` over it, or both.

    Raises SettingsInvalid.
    """
    name, changes = "", dict[str, Any]()
    try:
        for word in words:
            if "=" in word:
                changes |= tomllib.loads(word)
            else:
                name = word
        return Sampling.named(name, **changes) if name else Sampling.model_validate(changes)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise SettingsInvalid(f"sampling: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except tomllib.TOMLDecodeError:
        raise SettingsInvalid("sampling is a name or key=value, such as temperature=0.4") from None
    except ValueError as error:
        raise SettingsInvalid(str(error)) from None


def _settings(asked: Asked, base: BaseFolder) -> training_settings.TrainSettings:
    """Those of the preset that was named, or was made for such a base, with the changes."""
    return training_settings.read_settings(
        asked.preset or preset_made_for(base),
        asked.changes,
        {"method": asked.method} if asked.method else None,
    )


def preset_made_for(base: BaseFolder) -> str:
    """The name of the preset for a base of this shape; empty where there is none."""
    try:
        made_for = preset_for(Architecture.of(base.config))
    except BaseUnusable:
        return ""
    return made_for.name if made_for else ""


def owner_of(dataset: DatasetFolder, me: str) -> str:
    """Who the model is told it is. Raises SettingsInvalid where the chats know the owner by several names."""
    owners = tuple(dataset.facts.get("owners") or ())
    if me or (isinstance(dataset.recipe, TurnsRecipe) and dataset.recipe.name):
        return me
    if len(owners) != 1:
        names = " and ".join(owners) or "nobody"
        raise SettingsInvalid(f"the chats know you as {names}: say with --me who the model is told it is")
    return str(owners[0])
