"""A persona: who the model speaks as, in one folder that is checked as a whole before anybody answers.

The folder, and what each key of persona.toml means, stand in `docs/personas.md`:

    persona.toml            what belongs together, with sizes and hashes
    chat_template.jinja     the chat template that training used; a host has its own
    gguf/base.gguf          what llama.cpp serves; only of bases that it is converted for
    gguf/adapter.gguf
    base/                   Hugging Face form, for training and vLLM; may be left out
    adapter/                PEFT form, for vLLM; may be left out
    shingles.bin            hashes of the training text, so that it is not recited; may be left out

A persona is a base with an adapter; where all weights were trained, a base alone; or a model at a host.

The packager in `training/` builds a `PersonaManifest` and writes it with `write_persona_toml`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, Self

import tomli_w
from pydantic import Field, ValidationError, model_validator

from inference.errors import AdapterMismatch, FingerprintMismatch, PersonaError
from inference.frozen import Frozen
from inference.pace import Quantiles, StyleProfile, TypingProfile
from inference.prompt import PromptFormat, PromptMessage
from inference.sampling import Sampling
from inference.weights import Adapter, Base, Hosted, Sha256, Weights, WeightsFile, unreadable

__all__ = [
    "HOSTED", "MANIFEST", "Adapter", "Base", "Canary", "Hosted", "Origin", "Persona", "PersonaManifest", "Probe",
    "Quantiles", "Sampling", "StyleProfile", "TypingProfile", "Weights", "WeightsFile", "fingerprint_of",
    "load_persona", "read_manifest", "resampled", "write_persona_toml",
]  # fmt: skip

MANIFEST = "persona.toml"
FORMAT: Final = 2
"""Of the persona.toml that is written here; 1 is read as well."""
HOSTED: Final = "hosted.json"
"""What hosted training writes about a model; a persona is made of it."""

_LATER: Final[Mapping[str, Any]] = {"banned_tokens": [], "banned_words": [], "beams": 1}
"""Sampling's fields that format 1 had not, with their neutral values: a persona of then keeps its fingerprint."""


class Probe(Frozen):
    """One fixed prompt, and what comes next according to the adapter and to the bare base.

    `adapter` and `base` map the likeliest first tokens to their natural log-probabilities. `rendered` is
    the prompt as the tokenizer of the training wrote it, by which a server's template is checked.
    """

    prompt: tuple[PromptMessage, ...] = Field(min_length=1)
    rendered: str = ""
    adapter: dict[str, float] = Field(min_length=1)
    base: dict[str, float] = Field(min_length=1)


class Canary(Frozen):
    """Proof that the adapter which answers is the one that was trained; see `inference.canary`.

    `tolerance` is the mean distance of log-probabilities, in nats, that another CPU or number format may
    cause.
    """

    probes: tuple[Probe, ...] = Field(min_length=1)
    tolerance: float = Field(gt=0)


class Origin(Frozen):
    """The dataset that a persona was trained on: its fingerprint, its recipe as in recipe.toml, and rows a side."""

    fingerprint: str = Field(min_length=1)
    recipe: Mapping[str, Any] = {}
    rows: Mapping[str, int] = {}


class PersonaManifest(Frozen):
    """What persona.toml holds. Raises pydantic's ValidationError (a ValueError) when it makes no sense.

    What decides an answer has no default, and `figures` come last: so a file that was cut off is noticed. A
    file of format 1 has none of what may be left out but `shingles`, and always an adapter.
    """

    format: Literal[1, 2] = FORMAT
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    fingerprint: Sha256
    made: date | None = None
    prompt: PromptFormat
    sampling: Sampling
    style: StyleProfile | None = None
    typing: TypingProfile
    template: WeightsFile | None = None
    base: Base
    adapter: Adapter | None = None
    shingles: WeightsFile | None = None
    dataset: Origin | None = None
    consent: dict[str, Any] | None = None
    canary: Canary
    evaluation: dict[str, Any] | None = None
    figures: dict[str, Any]

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = (self.adapter, self.base.trained_from, self.base.hosted)
        if sum(way is not None for way in ways) != 1:
            raise ValueError("a persona has an adapter, a base that was trained further itself, or a host")
        if (self.template is None) != (self.base.hosted is not None):
            raise ValueError("a persona has the template that its training used, unless its host has one")
        return self


@dataclass(frozen=True, slots=True)
class Persona:
    """A persona whose folder was checked: everything in it is what was packaged."""

    folder: Path
    name: str
    fingerprint: str
    prompt: PromptFormat
    sampling: Sampling
    typing: TypingProfile
    template: str
    base: Base
    adapter: Adapter | None
    canary: Canary
    manifest: PersonaManifest
    """All that persona.toml says."""

    @property
    def figures(self) -> Mapping[str, Any]:
        """Of training and packaging, for people."""
        return MappingProxyType(self.manifest.figures)

    @property
    def base_gguf(self) -> Path:
        """The base for llama.cpp. Raises PersonaError when this persona has none."""
        return self._gguf(self.base)

    @property
    def adapter_gguf(self) -> Path | None:
        """The adapter for llama.cpp; None where all weights were trained. Raises as `base_gguf`."""
        return None if self.adapter is None else self._gguf(self.adapter)

    def _gguf(self, weights: Weights) -> Path:
        if weights.gguf is None:
            raise PersonaError(
                f"persona {self.name} has no GGUF: serve it with vLLM, or package it again with GGUF"
            )
        return self.folder / weights.gguf.file


def fingerprint_of(
    *, base: Base, adapter: Adapter | None, template: str, prompt: PromptFormat, sampling: Sampling
) -> str:
    """Sixty-four hex digits over everything that decides what the persona answers.

    Typing, style, canary, what it was made of, figures and file names are not part of it: they change no answer. Of
    what a host has it covers the names alone.
    """
    drawn = sampling.model_dump(mode="json")
    parts = {
        "base": _hashes(base),
        "adapter": adapter and {**_hashes(adapter), "rank": adapter.rank, "base": adapter.base_sha256},
        "template": template,
        "prompt": asdict(prompt),
        "sampling": {key: value for key, value in drawn.items() if key not in _LATER or value != _LATER[key]},
    }
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write_persona_toml(folder: Path, manifest: PersonaManifest) -> Path:
    """Write persona.toml, replacing one that is there in a single step; gives its path."""
    path = folder / MANIFEST
    fresh = path.with_suffix(".toml.new")
    fresh.write_text(tomli_w.dumps(_said(manifest.model_dump(mode="json"))), encoding="utf-8")
    return fresh.replace(path)


def _said(table: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is None at any depth: TOML has no word for it, and not to name it says the same."""
    return {
        key: _said(value) if isinstance(value, Mapping) else value
        for key, value in table.items()
        if value is not None
    }


def resampled(folder: Path, sampling: Sampling) -> PersonaManifest:
    """Give a persona another sampling, and with that another fingerprint; it loses its evaluation.

    Raises PersonaError, FingerprintMismatch when the persona was none already.
    """
    manifest = read_manifest(folder)
    template = _template(folder, manifest)
    if _fingerprint(manifest, template) != manifest.fingerprint:
        # Else a change to anything else would get a fingerprint that fits, by the way.
        raise _mismatch(manifest, template)
    changed = manifest.model_copy(update={"sampling": sampling})
    changes = {"format": FORMAT, "fingerprint": _fingerprint(changed, template), "evaluation": None}
    changed = changed.model_copy(update=changes)
    write_persona_toml(folder, changed)
    return changed


async def load_persona(folder: Path, *, thorough: bool = False, gguf: bool = True) -> Persona:
    """Read and check a persona folder.

    Raises PersonaError when a file is missing, truncated, changed or unreadable; AdapterMismatch when
    the adapter was trained on another base; FingerprintMismatch when the parts are not those that were
    packaged together. The large files are hashed in a thread. Of a base's Hugging Face folder only the sizes are
    looked at, unless `thorough`: it is many gigabytes, and the canary covers it. Without `gguf`, its GGUF files are
    not looked at: for whoever writes them anew.
    """
    return await asyncio.to_thread(_load, folder, thorough, gguf)


def _load(folder: Path, thorough: bool, gguf: bool) -> Persona:
    manifest = read_manifest(folder)
    if manifest.adapter is not None and manifest.adapter.base_sha256 != manifest.base.sha256:
        raise AdapterMismatch(
            f"persona {manifest.name}: the adapter was trained on base {manifest.adapter.base_sha256[:12]}, and the "
            f"folder holds {manifest.base.sha256[:12]}; package the persona again with the base it was trained on"
        )
    template = _template(folder, manifest)
    if manifest.shingles is not None:
        manifest.shingles.check(folder)
    for weights in filter(None, (manifest.base, manifest.adapter)):
        if gguf and weights.gguf is not None:
            weights.gguf.check(folder)
        for part in weights.safetensors:
            # What ships may leave out the Hugging Face folders; a folder that is there must be whole.
            if (folder / part.file).parent.is_dir():
                part.check(folder, hashed=thorough or weights is manifest.adapter)
    if _fingerprint(manifest, template) != manifest.fingerprint:
        raise _mismatch(manifest, template)
    return Persona(
        folder=folder,
        name=manifest.name,
        fingerprint=manifest.fingerprint,
        prompt=manifest.prompt,
        sampling=manifest.sampling,
        typing=manifest.typing,
        template=template,
        base=manifest.base,
        adapter=manifest.adapter,
        canary=manifest.canary,
        manifest=manifest,
    )


def _template(folder: Path, manifest: PersonaManifest) -> str:
    if manifest.template is None:
        return ""
    manifest.template.check(folder)
    return _read_text(folder / manifest.template.file)


def _fingerprint(manifest: PersonaManifest, template: str) -> str:
    return fingerprint_of(
        base=manifest.base,
        adapter=manifest.adapter,
        template=template,
        prompt=manifest.prompt,
        sampling=manifest.sampling,
    )


def _mismatch(manifest: PersonaManifest, template: str) -> FingerprintMismatch:
    found = _fingerprint(manifest, template)
    return FingerprintMismatch(
        f"persona {manifest.name}: its parts give fingerprint {found[:12]}, and {manifest.fingerprint[:12]} "
        f"is on record; undo the change to the folder, or evaluate and package the persona again"
    )


def read_manifest(folder: Path) -> PersonaManifest:
    """Read what persona.toml says, without a look at the files that it names. Raises PersonaError."""
    path = folder / MANIFEST
    if (folder / HOSTED).is_file() and not path.exists():
        raise PersonaError(
            f"{folder} tells of a model at a host, and is no persona: `understudy hosted persona {folder.name}` "
            "makes one of it"
        )
    text = _read_text(path)
    try:
        table = tomllib.loads(text)
        if isinstance(table.get("format"), int) and table["format"] > FORMAT:
            raise PersonaError(
                f"{path} is of format {table['format']}, which a later version wrote: update Understudy"
            )
        return PersonaManifest.model_validate(table)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line \d+", str(error))
        raise PersonaError(
            f"{path} is no TOML ({place.group() if place else 'cut off'}): copy the persona's folder again"
        ) from None
    except ValidationError as error:
        # Only where and what kind: the values may be texts.
        first = error.errors(include_input=False, include_url=False)[0]
        place_in_file = ".".join(str(part) for part in first["loc"]) or "the file"
        raise PersonaError(
            f"{path}: {place_in_file} cannot be used ({first['type']}); package the persona again with this version"
        ) from None


def _read_text(path: Path) -> str:
    try:
        # Bytes, not text mode: the fingerprint covers line ends.
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from None


def _hashes(weights: Weights) -> dict[str, Any]:
    if isinstance(weights, Base) and weights.hosted is not None:
        # Names alone: that they still stand for what was trained, the canary proves, and it alone.
        return {"base": weights.name, **weights.hosted.model_dump(include={"base_url", "model"})}
    return {
        "gguf": weights.gguf.sha256 if weights.gguf else None,
        "safetensors": [part.sha256 for part in weights.safetensors],
    }
