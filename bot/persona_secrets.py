"""What a persona must not recite, out of its folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from inference.persona import MANIFEST, read_manifest
from safety.rules.leak import Secrets
from safety.shingles import Shingles


def secrets_in(folder: Path) -> Callable[[], Secrets]:
    """What reads the secrets of the persona in a folder, once, and raises what stands in the way.

    Where there is no persona (a person decides on drafts on another machine than the one that wrote them), there are
    none, and the rule says that it had none. It raises PersonaError, OSError and ValueError.
    """

    @cache
    def read() -> Secrets:
        if not (folder / MANIFEST).exists():
            return Secrets()
        manifest = read_manifest(folder)
        training = Shingles.read(folder / manifest.shingles.file) if manifest.shingles else None
        return Secrets(manifest.prompt.system, manifest.prompt.name, training)

    return read
