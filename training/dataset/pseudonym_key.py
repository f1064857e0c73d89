"""The key to a dataset's pseudonyms: a small file that only its owner can read, and never lies in the dataset."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from cryptography.fernet import Fernet, InvalidToken

from chat.private_file import write_private
from training.errors import KeyUnusable

_BYTES: Final = 32
_MINE_ALONE: Final = 0o600


@dataclass(frozen=True, slots=True)
class PseudonymKey:
    """Draws pseudonyms, and seals the table of what stands for what. Not shown by `repr`."""

    secret: bytes = field(repr=False)

    @classmethod
    def at(cls, path: Path, dataset: Path) -> Self:
        """Read the key, or make it where there is none, readable by nobody else.

        Raises KeyUnusable when it would lie in the dataset's folder, where it would travel with what it opens,
        when others may read it, or when it is none.
        """
        if path.resolve().is_relative_to(dataset.resolve()):
            raise KeyUnusable(
                f"{path} lies in the dataset's folder and would travel with it: keep the key elsewhere"
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
            made = os.open(path, flags, _MINE_ALONE)
        except FileExistsError:
            return cls.read(path)
        except OSError as error:
            raise KeyUnusable(
                f"{path} cannot be written ({type(error).__name__}): choose another place"
            ) from None
        with os.fdopen(made, "wb") as file:
            secret = secrets.token_bytes(_BYTES)
            file.write(base64.urlsafe_b64encode(secret) + b"\n")
        return cls(secret)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a key that is there. Raises KeyUnusable."""
        try:
            with path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                content = file.read(1_000)
        except OSError as error:
            raise KeyUnusable(
                f"{path} cannot be read ({type(error).__name__}): give the dataset's key"
            ) from None
        if mode & 0o077:
            raise KeyUnusable(f"{path} may be read by others: chmod 600 {path}")
        try:
            secret = base64.urlsafe_b64decode(content.strip())
        except binascii.Error:
            secret = b""
        if len(secret) != _BYTES:
            raise KeyUnusable(f"{path} is no key: give the file that was made with the dataset")
        return cls(secret)

    def digest(self, kind: str, text: str) -> bytes:
        """Thirty-two bytes that hang on the key, the kind and the text."""
        message = f"{kind}\0{text}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._part(b"draw"), message, "sha256")

    def mark(self, id_: str) -> str:
        """What stands for a messenger's id: sixteen hex digits."""
        return self.digest("id", id_).hex()[:16]

    def write_sealed(self, path: Path, content: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        """Write something that only this key opens, whole or not at all. Raises OSError."""
        sealed = self._fernet().encrypt(json.dumps(content).encode())
        write_private(path, sealed)

    def read_sealed(self, path: Path) -> Any:  # noqa: ANN401
        """Read what this key sealed. Raises KeyUnusable when another did, and OSError."""
        try:
            return json.loads(self._fernet().decrypt(path.read_bytes()))
        except InvalidToken:
            raise KeyUnusable(
                f"{path} was sealed with another key, or was changed: give the key it was made with"
            ) from None

    def _fernet(self) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(self._part(b"seal")))

    def _part(self, use: bytes) -> bytes:
        # One key for each use, so that nothing is learned about one from the other.
        return hashlib.blake2b(use, key=self.secret, digest_size=32).digest()
