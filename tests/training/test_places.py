"""Where bases and personas lie is noted outside the persona's folder, and is a help alone."""

from __future__ import annotations

from pathlib import Path

from inference.persona import PersonaManifest, read_manifest
from tests.inference.conftest import SAMPLE
from training.base import BaseFolder
from training.places import BASES, note_base, note_persona, noted_base, noted_personas


def _base(folder: Path) -> BaseFolder:
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return BaseFolder(folder)


def _sam() -> PersonaManifest:
    return read_manifest(SAMPLE)


def test_a_base_is_found_by_what_it_is_as_long_as_it_lies_there(tmp_path: Path) -> None:
    state, sam = tmp_path / "state", _sam()
    assert noted_base(state, sam) is None
    note_base(state, _base(tmp_path / "other"), "0" * 64)
    assert noted_base(state, sam) is None
    note_base(state, base := _base(tmp_path / "base"), sam.base.sha256)
    assert noted_base(state, sam) == base.path
    assert (state / BASES).stat().st_mode & 0o077 == 0
    (base.path / "config.json").unlink()
    assert noted_base(state, sam) is None


def test_of_weights_that_were_all_trained_the_base_before_is_found(tmp_path: Path) -> None:
    sam = _sam()
    trained = sam.model_copy(update={"base": sam.base.model_copy(update={"trained_from": "1" * 64})})
    note_base(tmp_path, base := _base(tmp_path / "before"), "1" * 64)
    assert noted_base(tmp_path, trained) == base.path
    assert noted_base(tmp_path, sam) is None


def test_a_damaged_note_is_none(tmp_path: Path) -> None:
    for text in ("{", "[]", "7"):
        (tmp_path / BASES).write_text(text)
        assert noted_base(tmp_path, _sam()) is None
    note_base(tmp_path, base := _base(tmp_path / "base"), _sam().base.sha256)
    assert noted_base(tmp_path, _sam()) == base.path


def test_personas_are_found_where_they_were_made_as_long_as_they_lie_there(tmp_path: Path) -> None:
    assert noted_personas(tmp_path) == ()
    for name in ("b", "a", "a"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "persona.toml").touch()
        note_persona(tmp_path, tmp_path / name)
    assert noted_personas(tmp_path) == (tmp_path / "a", tmp_path / "b")
    (tmp_path / "a" / "persona.toml").unlink()
    assert noted_personas(tmp_path) == (tmp_path / "b",)
    (tmp_path / "personas.json").write_text("{")
    assert noted_personas(tmp_path) == ()
