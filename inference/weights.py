"""The weights of a persona: files by size and hash, the base, and the adapter on it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from inference.errors import PersonaError
from inference.frozen import Frozen

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def _inside(file: str) -> str:
    path = PurePosixPath(file)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in file or ":" in file:
        # A persona may come from somebody else: it must not name files outside its folder.
        raise ValueError("a path inside the persona's folder, with forward slashes")
    return file


class WeightsFile(Frozen):
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
        return cls(file=file, bytes=size, sha256=sha256_of(path))

    def check(self, folder: Path, *, hashed: bool = True) -> None:
        """See that the file is the one that was packaged; without `hashed`, by its size alone. Raises PersonaError."""
        path = folder / self.file
        try:
            size = path.stat().st_size
        except OSError as error:
            raise unreadable(path, error) from None
        if size < self.bytes:
            raise PersonaError(
                f"{path} is truncated ({size} of {self.bytes} bytes): copy the persona's folder again"
            )
        if size > self.bytes or (hashed and sha256_of(path) != self.sha256):
            raise PersonaError(f"{path} is not the file that was packaged: copy the persona's folder again")


class Weights(Frozen):
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
        """The identity: of the safetensors where there are some, because training read those.

        Raises PersonaError where a host has the weights: nobody here can tell which those are.
        """
        if not self.files:
            raise PersonaError("a host has the weights of this persona, and no hash of them is known")
        hashes = [part.sha256 for part in self.safetensors] or [part.sha256 for part in (self.gguf,) if part]
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()

    @property
    def files(self) -> tuple[WeightsFile, ...]:
        """All files of both forms."""
        return (*((self.gguf,) if self.gguf else ()), *self.safetensors)


class Hosted(Frozen):
    """Where a model is that was trained at a host. Of its weights nothing is here, not even a hash.

    `model` is its name there, `base_url` the API's address, `job` the host's id of the training.
    """

    base_url: str = Field(min_length=1)
    model: str = Field(min_length=1)
    job: str = ""
    top_logprobs: int = Field(default=20, ge=5, le=20)
    """How many likeliest tokens the host gives; some give no more than 5."""


class Base(Weights):
    """The base model. `name` is what people call it, and under which a server serves it bare."""

    name: str = Field(min_length=1)
    revision: str = ""
    """The commit of the hub it was taken from; empty where it never stood there."""
    license: str = ""
    """As the base's own card names it; empty where that says nothing."""
    trained_from: Sha256 | None = None
    """The identity of the weights that all were trained further from. Then there is no adapter."""
    hosted: Hosted | None = None
    """Set where base and trained model are at a host. Then no weights are here, and there is no adapter."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if bool(self.files) == (self.hosted is not None):
            raise ValueError("a base names a gguf file, safetensors files, or both; or a host")
        return self


class Adapter(Weights):
    """The LoRA adapter. `base_sha256` is `Base.sha256` of the base that it was trained on."""

    rank: int = Field(ge=1)
    base_sha256: Sha256
    modules: Mapping[str, int] = {}
    """How many layers of each name carry it."""


def sha256_of(path: Path) -> str:
    """Hash a file's content. Blocks; raises PersonaError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> PersonaError:
    """The error for a file that is missing, or that this user may not read."""
    what = "is missing" if isinstance(error, FileNotFoundError | NotADirectoryError) else "cannot be read"
    return PersonaError(f"{path} {what}: give a complete persona folder that this user may read")
