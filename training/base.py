"""A base model on disk: a Hugging Face folder, before any of it is loaded."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from inference.errors import PersonaError
from inference.persona import Base, WeightsFile
from training.errors import BaseUnusable

_PATTERNS: Final = ("*.json", "*.safetensors", "*.jinja", "tokenizer.model", "README.md", "LICENSE*")


@dataclass(frozen=True, slots=True)
class BaseFolder:
    """The folder of a base model: config.json, tokenizer.json and safetensors, in one file or in shards."""

    path: Path
    hub: str = ""
    """Its name on the hub, where it came from there."""
    revision: str = ""
    """Which commit of that."""

    @property
    def config(self) -> dict[str, Any]:
        """What config.json says. Raises BaseUnusable."""
        return self.json("config.json")

    @property
    def name(self) -> str:
        """What people call it: its name on the hub, or the folder's, unless that is merely `base`."""
        if self.hub:
            return self.hub
        folder = self.path.resolve()
        return folder.parent.name if folder.name == "base" else folder.name

    @property
    def license(self) -> str:
        """The licence that its model card names, or nothing."""
        try:
            card = (self.path / "README.md").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ""
        head = card.split("---")[1] if card.startswith("---") else ""
        found = re.search(r"^license(_name)?:\s*(\S+)", head, re.MULTILINE)
        return found[2].strip("\"'") if found else ""

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
        if missing and any(self.path.glob("pytorch_model*.bin")):
            raise BaseUnusable(
                f"{self.path} has its weights as pickles, which may run code as they are read: give it as safetensors"
            )
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


def find_base(wanted: str, revision: str = "") -> BaseFolder:
    """Give the base that is meant: a folder, or a name on the hub, which is downloaded, or found as downloaded.

    `revision` is a commit, branch or tag on the hub. Raises BaseUnusable.
    """
    if (path := Path(wanted)).is_dir() or wanted.count("/") != 1 or wanted.startswith((".", "/", "~")):
        if not path.is_dir():
            raise BaseUnusable(f"{wanted} is no folder: give a base model's folder, or its name on the hub")
        if not (path / "config.json").is_file():
            raise BaseUnusable(
                f"{wanted} has no config.json: give a base model's folder as it comes from the hub"
            )
        return BaseFolder(path)
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - the extra may be missing
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError  # noqa: PLC0415

    try:
        found = snapshot_download(wanted, revision=revision or None, allow_patterns=list(_PATTERNS))
    except HFValidationError:
        raise BaseUnusable(f"{wanted} is neither a folder nor a name on the hub") from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise BaseUnusable(
            f"{wanted} is no folder here, and cannot be had from the hub ({type(error).__name__}): check the name, "
            "the network, and whether its licence has to be agreed to there"
        ) from None
    # A snapshot's folder is named after its commit.
    return BaseFolder(Path(found), wanted, Path(found).name)
