"""Where the bases and personas of trainings lie: a persona's own folder names no folder of this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from chat.private_file import write_private
from inference.persona import MANIFEST, PersonaManifest
from training.base import BaseFolder

BASES: Final = "bases.json"
PERSONAS: Final = "personas.json"


def note_base(state: Path, base: BaseFolder, sha256: str) -> None:
    """Note where a base lies, by the identity of its weights. Raises OSError."""
    _note(state, BASES, _bases(state) | {sha256: str(base.path.resolve())})


def noted_base(state: Path, persona: PersonaManifest) -> Path | None:
    """The folder of the base that a persona was trained on, where it still lies where it was trained on."""
    wanted = persona.base.trained_from or persona.base.sha256
    path = Path(_bases(state).get(wanted, ""))
    return path if (path / "config.json").is_file() and path.is_absolute() else None


def note_persona(state: Path, folder: Path) -> None:
    """Note where a persona lies: whoever is forgotten is looked for there, too. Raises OSError."""
    _note(state, PERSONAS, sorted({*map(str, noted_personas(state)), str(folder.resolve())}))


def noted_personas(state: Path) -> tuple[Path, ...]:
    """The personas that were made here and still lie there."""
    known = _read(state / PERSONAS)
    paths = [Path(path) for path in known if isinstance(path, str)] if isinstance(known, list) else []
    return tuple(path for path in paths if (path / MANIFEST).is_file())


def _bases(state: Path) -> dict[str, str]:
    known = _read(state / BASES)
    return {str(key): str(path) for key, path in known.items()} if isinstance(known, dict) else {}


def _read(path: Path) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        # A help alone: --base and --persona do without it.
        return None


def _note(state: Path, name: str, content: object) -> None:
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(state / name, json.dumps(content, indent=1).encode())
