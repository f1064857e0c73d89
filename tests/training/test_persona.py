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

if TYPE_CHECKING:
    from training.base import BaseFolder

pytestmark = pytest.mark.train

OPTIONS = ["--rank", "4", "--alpha", "8", "--epochs", "8", "--learning-rate", "1e-2", "--name", "little-sam"]


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "WhatsApp Chat with Friday five.txt"
    lines = [f"{m.sent_at:%d/%m/%Y, %H:%M} - {m.author.name}: {m.text}\n" for m in talk(80).messages]
    path.write_text("".join(lines))
    return path


@pytest.fixture(scope="module")
def folder(tiny_base: BaseFolder, export: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from training.command import main

    out = tmp_path_factory.mktemp("persona")
    (out / "notes.txt").write_text("not the persona's")
    call = [
        "persona",
        "--export",
        str(export),
        "--owner",
        "Sam",
        "--base",
        str(tiny_base.path),
        "--out",
        str(out),
    ]
    assert main([*call, *OPTIONS, "--with-base"]) == 0
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


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"--owner": "Sven"}, "one of Leo, Mia, Sam"),
        ({"--export": "nowhere.txt"}, "there is no such file"),
        ({"--base": "nowhere"}, "download the base again"),
        ({"--max-length": "20"}, "max_length"),
        ({"--held-out-since": "2030-01-01"}, "another day"),
        ({"--epochs": "0"}, "at least 1"),
    ],
)
def test_mistakes_are_told_in_one_line(
    change: dict[str, str],
    says: str,
    tiny_base: BaseFolder,
    export: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from training.command import main

    call = {
        "--export": str(export),
        "--owner": "Sam",
        "--base": str(tiny_base.path),
        "--out": str(tmp_path / "out"),
    }
    arguments = [part for pair in (call | change).items() for part in pair]
    assert main(["persona", *arguments]) == 1
    told = [
        line
        for line in capsys.readouterr().err.splitlines()
        if line.strip() and not line.startswith("training")
    ]
    assert len(told) == 1
    assert says in told[0]
    assert not (tmp_path / "out").exists()


def test_the_record_says_what_was_trained(folder: Path) -> None:
    record = json.loads((folder / "adapter/training.json").read_text())
    assert record["settings"]["rank"] == 4
    assert record["modules"]["q_proj"] == 2
    assert len(record["held_out"]) == 1 + record["settings"]["epochs"]


def test_names_for_models() -> None:
    from training.apprentice import slug

    assert [slug(name) for name in ("Sam", "Zoë O’Neil", "山", "--")] == [
        "sam",
        "zoe-oneil",
        "persona",
        "persona",
    ]
