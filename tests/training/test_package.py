"""Packaging: an adapter or all weights, with GGUF or without, and other numbers afterwards."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inference.canary import check_canary
from inference.client import ModelClient
from inference.engines.llama_cpp import LlamaCpp, LlamaModel, LlamaSettings
from inference.errors import EngineError, FingerprintMismatch, PersonaError
from inference.persona import Persona, Sampling, load_persona, read_manifest, write_persona_toml
from tests.inference.conftest import SAMPLE
from tests.training.conftest import FORM, make_base, talk
from training.errors import NotAsAsked, NotConverted

if TYPE_CHECKING:
    from training.base import BaseFolder
    from training.package import Package

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> BaseFolder:
    """The tiny base, as sure of its next token as a trained one: a random one is so unsure that nothing moves it."""
    from safetensors.torch import load_file, save_file

    from training.base import BaseFolder

    path = tmp_path_factory.mktemp("sure-base")
    make_base(path)
    weights = load_file(path / "model.safetensors")
    weights["model.norm.weight"] *= 3
    save_file(weights, path / "model.safetensors", {"format": "pt"})
    return BaseFolder(path)


@pytest.fixture(scope="module")
def adapter(tiny_base: BaseFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that says something else than its base, with its record."""
    import torch
    from peft import LoraConfig, get_peft_model

    from training.model import Compute, load_model

    folder = tmp_path_factory.mktemp("trained") / "adapter"
    with torch.random.fork_rng():
        torch.manual_seed(3)
        config = LoraConfig(r=4, lora_alpha=16, target_modules=["q_proj", "v_proj", "down_proj"], bias="none")
        model = get_peft_model(load_model(tiny_base, Compute("cpu", "float32")), config)
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.5)
    model.save_pretrained(folder, save_embedding_layers=False)
    write_record(folder, tiny_base, "lora")
    return folder


@pytest.fixture(scope="module")
def weights(tiny_base: BaseFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All weights of the base, moved, as a full fine-tuning saves them: without a tokenizer."""
    import torch

    from training.model import Compute, load_model

    folder = tmp_path_factory.mktemp("trained") / "weights"
    model = load_model(tiny_base, Compute("cpu", "float32"))
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(4)
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    model.save_pretrained(folder)
    write_record(folder, tiny_base, "full")
    return folder


def write_record(folder: Path, base: BaseFolder, method: str) -> None:
    from training.record import TrainingRecord
    from training.settings import read_settings

    TrainingRecord(
        settings=read_settings(fixed={"method": method, "rank": 4}),
        base="tiny",
        base_sha256=base.sha256(),
        base_revision="0123abc",
        base_license="apache-2.0",
        dataset="d" * 64,
        train_examples=9,
        held_out_examples=2,
        learned_tokens=70,
        shortened=0,
        left_out=0,
        repeated=0.0,
        modules={"q_proj": 2, "v_proj": 2, "down_proj": 2},
        trainable_parameters=1000,
        precision="float32",
        device="cpu",
        train=(2.0,),
        held_out=(3.0, 2.5),
        kept_epoch=1,
        seconds=1.0,
        versions={},
    ).write(folder)


def package(**changes: object) -> Package:
    from training.package import Package

    return replace(Package("sam", FORM, sampling=Sampling(temperature=0)), **changes)  # type: ignore[arg-type]


def packaged(base: BaseFolder, trained: Path, out: Path, **changes: object) -> Persona:
    from training.package import package_persona

    return asyncio.run(package_persona(base, trained, out, package(**changes)))


async def test_what_a_persona_is_made_of_stands_in_it(
    tiny_base: BaseFolder, adapter: Path, tmp_path: Path
) -> None:
    from training.package import package_persona

    persona = await package_persona(tiny_base, adapter, tmp_path / "out", package())
    base = persona.base
    assert (base.name, base.revision, base.license, base.trained_from) == (
        "tiny",
        "0123abc",
        "apache-2.0",
        None,
    )
    assert persona.adapter is not None
    assert persona.adapter.modules == {"q_proj": 2, "v_proj": 2, "down_proj": 2}
    assert persona.manifest.made is not None
    assert persona.figures["agreement"]["numbers"] == "f16"
    assert persona.figures["agreement"]["worst"] <= persona.figures["agreement"]["allowed"]["worst"]
    assert persona.figures["training"]["held_out_loss_after"] == 2.5


async def test_all_weights_make_a_persona_without_an_adapter(
    tiny_base: BaseFolder, weights: Path, tmp_path: Path
) -> None:
    from training.package import package_persona

    persona = await package_persona(tiny_base, weights, tmp_path / "out", package())
    assert persona.adapter is None
    assert persona.base.trained_from == tiny_base.sha256() != persona.base.sha256
    assert (persona.folder / "base/tokenizer.json").is_file()
    assert not (persona.folder / "adapter").exists()
    async with LlamaCpp(LlamaModel.of(persona), tmp_path / "l.log", LlamaSettings(slots=1)) as engine:
        await engine.verify(persona)
    # The base that it was trained from does not pass for it.
    from training.gguf import write_base

    write_base(tiny_base, tmp_path / "bare.gguf")
    bare = replace(LlamaModel.of(persona), base=tmp_path / "bare.gguf")
    async with (
        LlamaCpp(bare, tmp_path / "l.log", LlamaSettings(slots=1)) as engine,
        ModelClient(lambda: engine.endpoint) as client,
    ):
        with pytest.raises(EngineError, match="bare base model answers"):
            await check_canary(client, persona.canary)


def test_a_base_that_is_not_converted_here_makes_a_persona_for_vllm(
    adapter: Path, tiny_base: BaseFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import gguf_tokenizer

    def refuse(cutter: object) -> str:
        raise NotConverted("the tokenizer cuts words in a way that is not converted here")

    out = tmp_path / "out"
    packaged(tiny_base, adapter, out)
    monkeypatch.setattr(gguf_tokenizer, "_cut", refuse)
    persona = packaged(tiny_base, adapter, out)
    assert persona.base.gguf is None
    assert "not converted here" in persona.figures["gguf"]
    assert not (out / "gguf").exists(), "no file of the persona that was here before"
    with pytest.raises(PersonaError, match="vLLM"):
        LlamaModel.of(persona)
    with pytest.raises(NotConverted):
        asyncio.run(export(out, "f16", tiny_base))
    # PyTorch's word is what another server's is held against.
    from training.reference import Reference

    reference = Reference.load(tiny_base, adapter, persona.template)
    asyncio.run(check_canary(reference, persona.canary))
    with pytest.raises(EngineError, match="bare base"):
        asyncio.run(check_canary(reference.bare, persona.canary))


async def test_pytorch_gives_the_canary_that_llama_cpp_gave() -> None:
    from training.base import BaseFolder
    from training.reference import Reference

    # The sample: what a random model finds likeliest are halves of characters, which have no name that all share.
    persona = await load_persona(SAMPLE)
    reference = Reference.load(BaseFolder(SAMPLE / "base"), SAMPLE / "adapter", persona.template)
    await check_canary(reference, persona.canary)
    assert reference.render(persona.canary.probes[0].prompt) == persona.canary.probes[0].rendered
    with pytest.raises(EngineError, match="bare base"):
        await check_canary(reference.bare, persona.canary)


async def export(folder: Path, numbers: str, base: BaseFolder | None = None) -> Persona:
    from training.gguf import NumberType
    from training.package import export_gguf

    return await export_gguf(folder, NumberType(numbers), base)


@pytest.mark.parametrize("kind", ["adapter", "weights"])
def test_other_numbers_make_another_persona_that_nobody_has_measured(
    kind: str, tiny_base: BaseFolder, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    out = tmp_path / "out"
    first = packaged(tiny_base, request.getfixturevalue(kind), out, with_base=True)
    write_persona_toml(out, first.manifest.model_copy(update={"evaluation": {"score": 60.0}}))
    size = first.base_gguf.stat().st_size
    second = asyncio.run(export(out, "f32"))
    assert second.base_gguf.stat().st_size > size
    assert second.fingerprint != first.fingerprint
    assert second.manifest.evaluation is None
    assert second.figures["agreement"]["numbers"] == "f32"
    assert second.base.sha256 == first.base.sha256
    assert second.figures["training"] == first.figures["training"]
    assert second.canary.probes[0].base.keys() & first.canary.probes[0].base.keys()


def test_without_the_hugging_face_form_there_is_nothing_to_export_from(
    tiny_base: BaseFolder, adapter: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    packaged(tiny_base, adapter, out)
    assert asyncio.run(export(out, "f32", tiny_base)).figures["agreement"]["numbers"] == "f32"
    make_base(tmp_path / "other", rope={"rope_type": "default", "rope_theta": 5.0})
    from training.base import BaseFolder as Folder

    with pytest.raises(NotAsAsked, match="another base"):
        asyncio.run(export(out, "f16", Folder(tmp_path / "other")))
    shutil.rmtree(out / "adapter")
    with pytest.raises(NotAsAsked, match="lacks adapter_model"):
        asyncio.run(export(out, "f16", tiny_base))


async def test_an_export_that_breaks_off_leaves_the_persona_as_it_was_and_another_makes_it_whole(
    tiny_base: BaseFolder, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import package as packaging

    out = tmp_path / "out"
    made = await packaging.package_persona(tiny_base, adapter, out, package())
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    async def fail(*_: object, **__: object) -> None:
        raise NotAsAsked("the power failed")

    monkeypatch.setattr(packaging, "record_canary", fail)
    with pytest.raises(NotAsAsked):
        await export(out, "f32", tiny_base)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    monkeypatch.undo()
    # Killed between the files and the manifest, it is no persona; the same call makes it one again.
    (out / "gguf/base.gguf").write_bytes(b"GGUF")
    (out / ".gguf-killed").mkdir()
    with pytest.raises(PersonaError):
        await load_persona(out)
    again = await export(out, "f16", tiny_base)
    assert again.fingerprint == made.fingerprint
    assert not list(out.glob(".gguf-*"))


def test_a_dataset_and_its_layout_say_what_a_persona_is(tiny_base: BaseFolder, tmp_path: Path) -> None:
    from training.dataset.build import make_rows, write_dataset
    from training.dataset.cookbook import read_recipe
    from training.dataset.folder import open_dataset
    from training.dataset.pace import pace_of
    from training.layout import form_of, layout_of
    from training.model import load_tokenizer
    from training.package import Package

    recipe = read_recipe("pairs", ["groups = true"])
    chats = [talk(60)]
    write_dataset(make_rows(chats, recipe), recipe, tmp_path / "data", pace=pace_of(chats))
    dataset = open_dataset(tmp_path / "data")
    layout = layout_of(recipe, load_tokenizer(tiny_base), form_of(recipe, "Sam"))
    made = Package.of("sam", layout, dataset, sampling=Sampling.named("narrow", stop=["!!"]))
    assert made.template == layout.template
    assert made.sampling.stop == ("!!", *layout.stop)
    assert layout.stop
    assert made.origin is not None
    assert made.origin.fingerprint == dataset.fingerprint
    assert made.origin.recipe["preset"] == "pairs"
    assert made.style is not None
    assert made.style.bubbles is not None
    assert made.learned
    assert json.loads(json.dumps(dict(made.origin.rows))) == dataset.facts["rows"]


def test_a_persona_that_searches_with_beams_is_packaged_and_is_for_vllm(
    tiny_base: BaseFolder, adapter: Path, tmp_path: Path
) -> None:
    persona = packaged(tiny_base, adapter, tmp_path / "out", sampling=Sampling.named("searched"))
    assert persona.sampling.beams == 4

    async def serve() -> None:
        async with LlamaCpp(LlamaModel.of(persona), tmp_path / "l.log", LlamaSettings(slots=1)) as engine:
            await engine.verify(persona)

    with pytest.raises(EngineError, match="no beam search"):
        asyncio.run(serve())


async def test_the_fingerprint_covers_the_template_that_was_given(
    tiny_base: BaseFolder, adapter: Path, tmp_path: Path
) -> None:
    from tests.training.conftest import TEMPLATE
    from training.package import package_persona

    other = TEMPLATE.replace("message['content']", "message['content'] | trim")
    persona = await package_persona(tiny_base, adapter, tmp_path / "out", package(template=other))
    assert "| trim" in persona.template
    (tmp_path / "out/chat_template.jinja").write_text(persona.template.replace("| trim", ""))
    with pytest.raises((PersonaError, FingerprintMismatch)):
        await load_persona(tmp_path / "out")
    assert read_manifest(tmp_path / "out").fingerprint == persona.fingerprint
