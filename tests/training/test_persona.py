"""From an export to a persona that llama.cpp serves: the whole way, with a tiny base."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inference.canary import check_canary
from inference.client import ModelClient
from inference.engines.llama_cpp import LlamaCpp, LlamaModel, LlamaSettings
from inference.errors import PersonaError
from inference.persona import Persona, Sampling, load_persona, read_manifest
from inference.prompt import PromptFormat, PromptMessage
from safety.shingles import Shingles
from tests.training.conftest import MARKS, talk
from tests.training.datasets import build

if TYPE_CHECKING:
    from training.base import BaseFolder

pytestmark = pytest.mark.train

SETTINGS = ("rank=4", "alpha=8", "epochs=8", "learning_rate=1e-2", "max_length=256")


@pytest.fixture(scope="module")
def folder(tiny_base: BaseFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from bot.cli.training_plan import Asked, plan_of
    from bot.cli.training_run import TrainingRun

    out = tmp_path_factory.mktemp("persona")
    (out / "notes.txt").write_text("not the persona's")
    dataset = build(tmp_path_factory.mktemp("data") / "turns", "turns", ("silences = 0",), [talk(80)])
    asked = Asked(
        dataset=dataset.path,
        base=str(tiny_base.path),
        out=out,
        changes=SETTINGS,
        method="lora",
        name="little-sam",
        with_base=True,
    )
    TrainingRun(plan_of(asked), out.parent / "state").run(fresh=False, dry_run=False)
    return out


async def test_the_folder_is_a_persona(folder: Path, tiny_base: BaseFolder) -> None:
    persona = await load_persona(folder)
    assert persona.name == "little-sam"
    assert persona.prompt == PromptFormat("Sam", control_tokens=tuple(sorted(MARKS)))
    assert persona.adapter is not None
    assert persona.adapter.rank == 4
    assert persona.adapter.base_sha256 == persona.base.sha256 == tiny_base.sha256()
    training = persona.figures["training"]
    assert training["held_out_loss_after"] < training["held_out_loss_before"]
    assert persona.figures["agreement"]["worst"] < 0.02
    assert "generation %}" not in persona.template


def test_what_is_in_the_folder(folder: Path) -> None:
    parts = {"persona.toml", "chat_template.jinja", "gguf", "adapter", "base", "shingles.bin", "notes.txt"}
    parts |= {"history.json", "loss.png"}
    assert {path.name for path in folder.iterdir()} == parts
    files = {"adapter_model.safetensors", "adapter_config.json", "training.json"}
    assert {path.name for path in (folder / "adapter").iterdir()} == files


def test_no_path_of_this_machine_is_in_it(folder: Path, tiny_base: BaseFolder) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            assert str(tiny_base.path.parent).encode() not in path.read_bytes(), path.name


def test_it_knows_what_it_must_not_recite(folder: Path) -> None:
    known = Shingles.read(folder / "shingles.bin")
    assert known.words == 12
    assert read_manifest(folder).shingles is not None


async def test_it_answers_as_it_was_taught(folder: Path, tmp_path: Path) -> None:
    persona: Persona = await load_persona(folder)
    settings = LlamaSettings(slots=1, threads=1)
    async with (
        LlamaCpp(LlamaModel.of(persona), tmp_path / "llama.log", settings) as engine,
        ModelClient(lambda: engine.endpoint) as client,
    ):
        await check_canary(client, persona.canary)
        prompt = (
            PromptMessage("system", "You are Sam. Group chat with Leo and Mia."),
            PromptMessage("user", "Mia: sushi or ramen?"),
        )
        answer = await client.complete(prompt, Sampling(temperature=0, max_tokens=16))
    assert (answer.text, answer.finish_reason) == ("ramen", "stop")


def test_an_adapter_of_another_base_is_refused(folder: Path, tiny_base: BaseFolder, tmp_path: Path) -> None:
    import asyncio

    from safetensors.torch import load_file, save_file

    from training.base import BaseFolder
    from training.errors import NotAsAsked
    from training.package import Package, package_persona

    shutil.copytree(tiny_base.path, tmp_path / "base")
    weights = load_file(tmp_path / "base/model.safetensors")
    weights["model.norm.weight"] += 0.5
    save_file(weights, tmp_path / "base/model.safetensors", {"format": "pt"})
    package = Package("sam", PromptFormat("Sam"))
    with pytest.raises(NotAsAsked, match="another base"):
        asyncio.run(
            package_persona(BaseFolder(tmp_path / "base"), folder / "adapter", tmp_path / "out", package)
        )
    assert not (tmp_path / "out").exists()


async def test_a_folder_left_half_way_does_not_load(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "persona")
    gguf = tmp_path / "persona/gguf/adapter.gguf"
    gguf.write_bytes(gguf.read_bytes()[:-8] + bytes(8))
    with pytest.raises(PersonaError):
        await load_persona(tmp_path / "persona")


def test_the_record_says_what_was_trained(folder: Path) -> None:
    record = json.loads((folder / "adapter/training.json").read_text())
    assert record["settings"]["rank"] == 4
    assert record["modules"]["q_proj"] == 2
    assert len(record["held_out"]) == 1 + record["settings"]["epochs"]
