"""A persona: who the model speaks as, in one folder that is checked as a whole before anybody answers.

The folder:

    persona.toml            what belongs together, with sizes and hashes
    chat_template.jinja     the chat template that training used
    gguf/base.gguf          what llama.cpp serves
    gguf/adapter.gguf
    base/                   Hugging Face form, for training and vLLM; may be left out
    adapter/                PEFT form, for vLLM; may be left out
    shingles.bin            hashes of the training text, so that it is not recited; may be left out

persona.toml:

    format = 1
    name = "sam"                        # also the model name that a server serves the adapter under
    fingerprint = "64 hex digits"       # see `fingerprint_of`

    [prompt]                            # PromptFormat
    name = "Sam"
    system = "You are {name}. Group chat with {others}."
    history_messages = 16
    control_tokens = ["<|user|>", "<|end|>"]

    [sampling]                          # Sampling
    temperature = 0.5
    ...

    [typing]                            # TypingProfile
    characters_per_second = 7.0
    ...

    [template]                          # a file: path in the folder, bytes, sha256
    file = "chat_template.jinja"
    bytes = 180
    sha256 = "..."

    [base]
    name = "understudy-sample"
    [base.gguf]
    file = "gguf/base.gguf"
    bytes = 6500000
    sha256 = "..."
    [[base.safetensors]]                # one for each shard
    file = "base/model.safetensors"
    ...

    [adapter]
    rank = 16
    base_sha256 = "..."                 # Base.sha256 of the base it was trained on
    [adapter.gguf]
    ...
    [[adapter.safetensors]]
    ...

    [shingles]                          # a file, too; decides no answer, so it is not in the fingerprint
    ...

    [canary]                            # see `inference.canary`
    ...

    [figures]                           # free: data set and evaluation figures, for people
    ...

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
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from inference.errors import AdapterMismatch, FingerprintMismatch, PersonaError
from inference.prompt import PromptFormat, PromptMessage

MANIFEST = "persona.toml"

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Frozen(BaseModel):
    # Infinities and NaN are written by TOML and would disable a limit.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Sampling(_Frozen):
    """How the next token is drawn; neutral values switch a filter off."""

    temperature: float = Field(default=0.5, ge=0, le=5)
    """0 takes the likeliest token."""
    top_p: float = Field(default=0.9, gt=0, le=1)
    min_p: float = Field(default=0.0, ge=0, le=1)
    repeat_penalty: float = Field(default=1.0, gt=0, le=5)
    max_tokens: int = Field(default=128, ge=1, le=8192)
    """The longest answer, in tokens."""
    stop: tuple[str, ...] = ()
    """Texts that end the answer and are not part of it."""


class TypingProfile(_Frozen):
    """How fast the person types, so that bubbles do not arrive at a machine's pace."""

    characters_per_second: float = Field(default=12.0, gt=0)
    reading_seconds: float = Field(default=1.0, ge=0)
    """From the message to be answered to the first key stroke."""
    pause_seconds: float = Field(default=0.5, ge=0)
    """Between one bubble and the first key stroke of the next."""
    jitter: float = Field(default=0.3, ge=0, lt=1)
    """How far a wait may stray from the mean, as a share of it."""
    longest_seconds: float = Field(default=20.0, gt=0)
    """No single wait is longer."""

    def seconds_before(self, bubble_id: str, text: str, *, first: bool) -> float:
        """How many seconds to wait before this bubble is sent.

        `bubble_id` seeds the jitter, so that a retry waits as long as the first try did. `first` says
        that nothing of the same draft was sent before it.
        """
        digest = hashlib.sha256(b"typing\0" + bubble_id.encode()).digest()
        stray = int.from_bytes(digest[:8], "big") / 2**63 - 1
        mean = (self.reading_seconds if first else self.pause_seconds) + len(
            text
        ) / self.characters_per_second
        return min(mean * (1 + stray * self.jitter), self.longest_seconds)


def _inside(file: str) -> str:
    path = PurePosixPath(file)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in file or ":" in file:
        # A persona may come from somebody else: it must not name files outside its folder.
        raise ValueError("a path inside the persona's folder, with forward slashes")
    return file


class WeightsFile(_Frozen):
    """One file of the folder, as it was when the persona was packaged."""

    file: Annotated[str, AfterValidator(_inside)]
    bytes: int = Field(ge=1)
    sha256: Sha256

    @classmethod
    def of(cls, folder: Path, file: str) -> Self:
        """Measure a file. Blocks while it is read; raises PersonaError when that fails."""
        path = folder / file
        try:
            size = path.stat().st_size
        except OSError:
            raise PersonaError(f"{path} cannot be read: write it before the persona is packaged") from None
        return cls(file=file, bytes=size, sha256=_sha256(path))


class Weights(_Frozen):
    """The same weights in one or both forms."""

    gguf: WeightsFile | None = None
    """For llama.cpp."""
    safetensors: tuple[WeightsFile, ...] = ()
    """For transformers and vLLM; the files need not be in the folder."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.gguf is None and not self.safetensors:
            raise ValueError("weights name a gguf file, safetensors files, or both")
        return self

    @property
    def sha256(self) -> str:
        """The identity: of the safetensors where there are some, because training read those."""
        hashes = [part.sha256 for part in self.safetensors] or [part.sha256 for part in (self.gguf,) if part]
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


class Base(Weights):
    """The base model. `name` is what people call it, and under which a server serves it bare."""

    name: str = Field(min_length=1)


class Adapter(Weights):
    """The LoRA adapter. `base_sha256` is `Base.sha256` of the base that it was trained on."""

    rank: int = Field(ge=1)
    base_sha256: Sha256


class Probe(_Frozen):
    """One fixed prompt, and what comes next according to the adapter and to the bare base.

    `adapter` and `base` map the likeliest first tokens to their natural log-probabilities. `rendered` is
    the prompt as the tokenizer of the training wrote it, by which a server's template is checked.
    """

    prompt: tuple[PromptMessage, ...] = Field(min_length=1)
    rendered: str = ""
    adapter: dict[str, float] = Field(min_length=1)
    base: dict[str, float] = Field(min_length=1)


class Canary(_Frozen):
    """Proof that the adapter which answers is the one that was trained; see `inference.canary`.

    `tolerance` is the mean distance of log-probabilities, in nats, that another CPU or number format may
    cause.
    """

    probes: tuple[Probe, ...] = Field(min_length=1)
    tolerance: float = Field(gt=0)


class PersonaManifest(_Frozen):
    """What persona.toml holds. Raises pydantic's ValidationError (a ValueError) when it makes no sense.

    Nothing but `shingles` has a default, and `figures` come last: so a file that was cut off is noticed.
    """

    format: Literal[1] = 1
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    fingerprint: Sha256
    prompt: PromptFormat
    sampling: Sampling
    typing: TypingProfile
    template: WeightsFile
    base: Base
    adapter: Adapter
    shingles: WeightsFile | None = None
    canary: Canary
    figures: dict[str, Any]


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
    adapter: Adapter
    canary: Canary
    figures: Mapping[str, Any]

    @property
    def base_gguf(self) -> Path:
        """The base for llama.cpp. Raises PersonaError when this persona has none."""
        return self._gguf(self.base)

    @property
    def adapter_gguf(self) -> Path:
        """The adapter for llama.cpp. Raises PersonaError when this persona has none."""
        return self._gguf(self.adapter)

    def _gguf(self, weights: Weights) -> Path:
        if weights.gguf is None:
            raise PersonaError(
                f"persona {self.name} has no GGUF: serve it with vLLM, or package it again with GGUF"
            )
        return self.folder / weights.gguf.file


def fingerprint_of(
    *, base: Base, adapter: Adapter, template: str, prompt: PromptFormat, sampling: Sampling
) -> str:
    """Sixty-four hex digits over everything that decides what the persona answers.

    Typing, canary, figures and file names are not part of it: they change no answer.
    """
    parts = {
        "base": _hashes(base),
        "adapter": {**_hashes(adapter), "rank": adapter.rank, "base": adapter.base_sha256},
        "template": template,
        "prompt": asdict(prompt),
        "sampling": sampling.model_dump(mode="json"),
    }
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def write_persona_toml(folder: Path, manifest: PersonaManifest) -> Path:
    """Write persona.toml, replacing one that is there in a single step; gives its path."""
    path = folder / MANIFEST
    fresh = path.with_suffix(".toml.new")
    # tomli-w knows no None; leaving it out says the same.
    fresh.write_text(tomli_w.dumps(manifest.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
    return fresh.replace(path)


async def load_persona(folder: Path) -> Persona:
    """Read and check a persona folder.

    Raises PersonaError when a file is missing, truncated, changed or unreadable; AdapterMismatch when
    the adapter was trained on another base; FingerprintMismatch when the parts are not those that were
    packaged together. The large files are hashed in a thread.
    """
    return await asyncio.to_thread(_load, folder)


def _load(folder: Path) -> Persona:
    manifest = read_manifest(folder)
    if manifest.adapter.base_sha256 != manifest.base.sha256:
        raise AdapterMismatch(
            f"persona {manifest.name}: the adapter was trained on base {manifest.adapter.base_sha256[:12]}, and the "
            f"folder holds {manifest.base.sha256[:12]}; package the persona again with the base it was trained on"
        )
    _check(folder, manifest.template)
    if manifest.shingles is not None:
        _check(folder, manifest.shingles)
    template = _read_text(folder / manifest.template.file)
    for weights in (manifest.base, manifest.adapter):
        if weights.gguf is not None:
            _check(folder, weights.gguf)
        for part in weights.safetensors:
            # What ships may leave out the Hugging Face folders; a folder that is there must be whole. The
            # base alone is not hashed there: it is many gigabytes, and vLLM's canary covers it.
            if (folder / part.file).parent.is_dir():
                _check(folder, part, hashed=weights is manifest.adapter)
    fingerprint = fingerprint_of(
        base=manifest.base,
        adapter=manifest.adapter,
        template=template,
        prompt=manifest.prompt,
        sampling=manifest.sampling,
    )
    if fingerprint != manifest.fingerprint:
        raise FingerprintMismatch(
            f"persona {manifest.name}: its parts give fingerprint {fingerprint[:12]}, and {manifest.fingerprint[:12]} "
            f"is on record; undo the change to the folder, or evaluate and package the persona again"
        )
    return Persona(
        folder=folder,
        name=manifest.name,
        fingerprint=fingerprint,
        prompt=manifest.prompt,
        sampling=manifest.sampling,
        typing=manifest.typing,
        template=template,
        base=manifest.base,
        adapter=manifest.adapter,
        canary=manifest.canary,
        figures=MappingProxyType(manifest.figures),
    )


def read_manifest(folder: Path) -> PersonaManifest:
    """Read what persona.toml says, without a look at the files that it names. Raises PersonaError."""
    path = folder / MANIFEST
    text = _read_text(path)
    try:
        return PersonaManifest.model_validate(tomllib.loads(text))
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
        raise _unreadable(path, error) from None


def _check(folder: Path, part: WeightsFile, *, hashed: bool = True) -> None:
    path = folder / part.file
    try:
        size = path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from None
    if size < part.bytes:
        raise PersonaError(
            f"{path} is truncated ({size} of {part.bytes} bytes): copy the persona's folder again"
        )
    if size > part.bytes or (hashed and _sha256(path) != part.sha256):
        raise PersonaError(f"{path} is not the file that was packaged: copy the persona's folder again")


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> PersonaError:
    what = "is missing" if isinstance(error, FileNotFoundError | NotADirectoryError) else "cannot be read"
    return PersonaError(f"{path} {what}: give a complete persona folder that this user may read")


def _hashes(weights: Weights) -> dict[str, Any]:
    return {
        "gguf": weights.gguf.sha256 if weights.gguf else None,
        "safetensors": [part.sha256 for part in weights.safetensors],
    }
