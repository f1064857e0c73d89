"""A base model on disk: a Hugging Face folder, before any of it is loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.errors import PersonaError
from inference.persona import Base, WeightsFile
from training.errors import BaseUnusable


@dataclass(frozen=True, slots=True)
class BaseFolder:
    """The folder of a base model: config.json, tokenizer.json and safetensors, in one file or in shards."""

    path: Path

    @property
    def config(self) -> dict[str, Any]:
        """What config.json says. Raises BaseUnusable."""
        return self.json("config.json")

    @property
    def name(self) -> str:
        """What people call it: the folder's name, unless that is merely `base`."""
        folder = self.path.resolve()
        return folder.parent.name if folder.name == "base" else folder.name

    def json(self, file: str) -> dict[str, Any]:
        """Read a JSON object of the folder. Raises BaseUnusable."""
        try:
            content = json.loads((self.path / file).read_bytes())
        except (OSError, ValueError) as error:
            raise BaseUnusable(
                f"{self.path / file} cannot be read ({type(error).__name__}): download the base again"
            ) from None
        if not isinstance(content, dict):
            raise BaseUnusable(f"{self.path / file} is no JSON object: download the base again")
        return content

    def shards(self) -> tuple[str, ...]:
        """The names of the weight files, sorted. Raises BaseUnusable when there are none."""
        if (self.path / "model.safetensors.index.json").exists():
            names = set(self.json("model.safetensors.index.json").get("weight_map", {}).values())
        else:
            names = {"model.safetensors"}
        missing = [name for name in sorted(names) if not (self.path / name).is_file()]
        if missing or not names:
            raise BaseUnusable(
                f"{self.path} lacks {', '.join(missing) or 'its weights'}: download the base again"
            )
        return tuple(sorted(names))

    def sha256(self) -> str:
        """The identity of the weights, as `inference.persona.Base.sha256` gives it. Reads them all.

        Raises BaseUnusable.
        """
        try:
            shards = tuple(WeightsFile.of(self.path, name) for name in self.shards())
        except PersonaError as error:
            raise BaseUnusable(str(error)) from None
        return Base(name=self.name, safetensors=shards).sha256
