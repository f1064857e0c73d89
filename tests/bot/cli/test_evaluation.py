"""`understudy evaluate` and `understudy ask` with the sample persona, in a process of its own."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from inference.persona import Origin, load_persona, read_manifest, write_persona_toml
from tests.bot.cli.command import ROOT, CommandLine
from tests.training.conftest import needs_torch

SAMPLE = ROOT / "personas" / "sample"


@pytest.fixture
async def sam(understudy: CommandLine, tmp_path: Path) -> Path:
    """Sam, and in the state folder the dataset that he is said to be trained on."""
    needs_torch()
    lines = (SAMPLE / "sam_export.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    export = tmp_path / "WhatsApp Chat with Friday five.txt"
    export.write_text("".join(lines[-2600:]), encoding="utf-8")
    built = await understudy(
        *("dataset", "build", str(export), "--me", "Sam", "--as-it-is"),
        *("--set", 'split.since="2024-05-07"', "--set", "split.test=0.5"),
    )
    assert built.code == 0, built.err
    from training.dataset.folder import open_dataset

    folder = tmp_path / "sam"
    shutil.copytree(SAMPLE, folder)
    origin = Origin(fingerprint=open_dataset(understudy.state_dir / "datasets" / "turns").fingerprint)
    manifest = read_manifest(folder).model_copy(update={"format": 2, "dataset": origin})
    write_persona_toml(folder, manifest)
    return folder


@pytest.mark.train
async def test_evaluate_finds_the_dataset_searches_measures_and_writes_it_down(
    understudy: CommandLine, sam: Path
) -> None:
    before = await load_persona(sam)
    ended = await understudy(
        "evaluate", str(sam), "--generations", "24", "--sweep", "--trials", "3", "--json", "--abreast", "1"
    )
    assert ended.code == 0, ended.err
    assert ended.err == ""
    figures = ended.json()
    persona = await load_persona(sam)
    assert figures["persona"] == persona.fingerprint
    assert (persona.fingerprint == before.fingerprint) == (persona.sampling == before.sampling)
    assert persona.manifest.evaluation is not None
    assert persona.manifest.evaluation["generations"] == 24
    folder = understudy.state_dir / "evaluations" / f"sam-{persona.fingerprint[:12]}"
    assert (folder / "report.html").is_file()
    assert (folder / "evaluation.json").read_text() == ended.out

    # Whoever is forgotten is looked for in the report as well.
    assert "Nora" in (folder / "report.html").read_text()
    forgotten = await understudy("forget", "Nora")
    assert forgotten.code == 0, forgotten.err
    assert not (folder / "report.html").exists()
    assert "Nora" not in "".join(path.read_text() for path in folder.iterdir())


@pytest.mark.train
async def test_another_dataset_is_refused_in_one_line(understudy: CommandLine, sam: Path) -> None:
    manifest = read_manifest(sam)
    other = Origin(fingerprint="0" * 64)
    write_persona_toml(sam, manifest.model_copy(update={"dataset": other}))
    for options in ((), ("--dataset", str(understudy.state_dir / "datasets" / "turns"))):
        ended = await understudy("evaluate", str(sam), *options)
        assert ended.code == 1
        assert len(ended.err.splitlines()) == 1
        assert "000000000000" in ended.err


@pytest.mark.train
async def test_ask_shows_both_answers_and_what_they_are(understudy: CommandLine, sam: Path) -> None:
    ended = await understudy("ask", str(sam), "Who is the funniest here?")
    assert ended.code == 0, ended.err
    assert "what a model guesses" in ended.out
    assert "Who is the funniest here?" in ended.out
    assert "personality" not in ended.out
    assert "the bare base" in ended.out
    # By its name on the shelf; and a key in the environment is for servers, and no reason to refuse.
    shutil.copytree(sam, understudy.state_dir / "personas" / "sam")
    everything = await understudy("ask", "sam", "--about", "published", model__api_key="hunter2")
    assert "What is the personality of the one who wrote the prompts?" in everything.out
    wrong = await understudy("ask", str(sam), "--about", "me")
    assert wrong.code == 2
    assert "--about published" in wrong.err


async def test_without_the_extra_it_says_what_to_install(understudy: CommandLine, tmp_path: Path) -> None:
    # A Python in which torch is not to be found.
    blocked = tmp_path / "blocked"
    (blocked / "torch").mkdir(parents=True)
    (blocked / "torch" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')"
    )
    ended = await CommandLine(
        understudy.state_dir, {"PYTHONPATH": f"{blocked}:{ROOT}"}, python=sys.executable
    )("evaluate", str(SAMPLE))
    assert ended.code == 2
    assert "understudy[train]" in ended.err
    assert len(ended.err.splitlines()) == 1
