"""Where the bases lie that were trained on here: a persona's folder names none of this machine's folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from chat.private_file import write_private
from inference.persona import PersonaManifest
from training.base import BaseFolder

FILE: Final = "bases.json"


def note_base(state: Path, base: BaseFolder, sha256: str) -> None:
    """Note where a base lies, by the identity of its weights. Raises OSError."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = _noted(state) | {sha256: str(base.path.resolve())}
    write_private(state / FILE, json.dumps(known, indent=1).encode())


def noted_base(state: Path, persona: PersonaManifest) -> Path | None:
    """The folder of the base that a persona was trained on, where it still lies where it was trained on."""
    wanted = persona.base.trained_from or persona.base.sha256
    path = Path(_noted(state).get(wanted, ""))
    return path if (path / "config.json").is_file() and path.is_absolute() else None


def _noted(state: Path) -> dict[str, str]:
    try:
        known = json.loads((state / FILE).read_bytes())
    except (OSError, ValueError):
        # It is a help, and --base does without it.
        return {}
    return {str(key): str(path) for key, path in known.items()} if isinstance(known, dict) else {}
