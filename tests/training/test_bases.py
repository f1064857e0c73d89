"""Where a base lies is noted outside the persona's folder, and is a help alone."""

from __future__ import annotations

from pathlib import Path

from inference.persona import PersonaManifest, read_manifest
from tests.inference.conftest import SAMPLE
from training.base import BaseFolder
from training.bases import FILE, note_base, noted_base


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
    assert (state / FILE).stat().st_mode & 0o077 == 0
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
        (tmp_path / FILE).write_text(text)
        assert noted_base(tmp_path, _sam()) is None
    note_base(tmp_path, base := _base(tmp_path / "base"), _sam().base.sha256)
    assert noted_base(tmp_path, _sam()) == base.path
