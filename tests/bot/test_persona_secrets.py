from __future__ import annotations

from pathlib import Path

import pytest

from bot.persona_secrets import secrets_in
from bot.settings import SAMPLE_PERSONA
from inference.errors import PersonaError
from inference.persona import MANIFEST, WeightsFile, load_persona, read_manifest, write_persona_toml
from safety.shingles import FILE, Shingles
from tests.fakes.persona import write_persona


async def test_the_secrets_of_a_persona_are_its_instructions_and_its_training_text(tmp_path: Path) -> None:
    folder = write_persona(tmp_path)
    assert secrets_in(folder)().training is None
    Shingles.of(["a b c d"], words=3).write(folder / FILE)
    manifest = read_manifest(folder).model_copy(update={"shingles": WeightsFile.of(folder, FILE)})
    write_persona_toml(folder, manifest)
    found = secrets_in(folder)()
    assert (found.name, found.system) == ("Sam", "You are {name}. Group chat with {others}.")
    assert found.training is not None
    assert len(found.training) == 2
    # It decides no answer, so the fingerprint is the same; but it is part of what is checked.
    assert (await load_persona(folder)).fingerprint == manifest.fingerprint
    (folder / FILE).unlink()
    with pytest.raises(PersonaError, match=r"shingles\.bin is missing"):
        await load_persona(folder)
    with pytest.raises(OSError, match=r"shingles\.bin"):
        secrets_in(folder)()


def test_no_persona_has_no_secrets_and_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    assert secrets_in(tmp_path)().training is None
    (tmp_path / MANIFEST).write_text("format = 1")
    with pytest.raises(PersonaError):
        secrets_in(tmp_path)()


def test_sams_own_training_text_is_known() -> None:
    found = secrets_in(SAMPLE_PERSONA)()
    assert found.training is not None
    assert found.training.words == 12
