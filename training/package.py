"""Putting a persona's folder together: GGUF, chat template, canary and the manifest, checked as a whole."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from inference.canary import record_canary
from inference.client import ModelClient
from inference.engines.llama_cpp import LlamaCpp, LlamaModel, LlamaSettings
from inference.persona import (
    Adapter,
    Base,
    Canary,
    Persona,
    PersonaManifest,
    Sampling,
    TypingProfile,
    WeightsFile,
    fingerprint_of,
    load_persona,
    write_persona_toml,
)
from inference.prompt import PromptFormat
from safety.shingles import FILE as SHINGLES
from safety.shingles import Shingles
from training.agreement import TOLERANCES, check_agreement
from training.base import BaseFolder
from training.errors import NotAsAsked
from training.gguf import ADAPTER_WEIGHTS, NumberType, plain_template, write_adapter, write_base
from training.lora import RECORD, TrainingRecord, load_tokenizer
from training.tokens import Encoder

TEMPLATE = "chat_template.jinja"
BASE_GGUF = "gguf/base.gguf"
ADAPTER_GGUF = "gguf/adapter.gguf"
ADAPTER = "adapter"
BASE = "base"

_ADAPTER_FILES = (ADAPTER_WEIGHTS, "adapter_config.json", RECORD)
_BASE_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    TEMPLATE,
    "model.safetensors.index.json",
)


@dataclass(frozen=True, slots=True)
class Package:
    """What a persona is besides its weights.

    `name` is the model name it is served under. `numbers` is how both GGUF files store matrices.
    `with_base` also copies the base's Hugging Face folder; its hashes are recorded either way. `learned` are the texts
    that the adapter was trained to write: hashes of their runs of words go along, by which reciting is noticed.
    """

    name: str
    prompt: PromptFormat
    sampling: Sampling = field(default_factory=Sampling)
    typing: TypingProfile = field(default_factory=TypingProfile)
    numbers: NumberType = NumberType.F16
    with_base: bool = False
    learned: tuple[str, ...] = field(default=(), repr=False)


async def package_persona(base: BaseFolder, adapter: Path, out: Path, package: Package) -> Persona:
    """Make the persona's folder `out` from a base and the adapter that `train_lora` saved.

    Files that are not the persona's own stay in `out`. The manifest is written last: a folder that was
    left half-way does not load. Raises TrainingError when the GGUF files do not compute what PyTorch does
    or the adapter was trained on another base, InferenceError when llama.cpp does not serve them.
    """
    record = TrainingRecord.read(adapter)
    if record.base_sha256 != base.sha256():
        raise NotAsAsked(
            f"the adapter in {adapter} was trained on another base than {base.path}: give that base"
        )
    (out / "gguf").mkdir(parents=True, exist_ok=True)
    _copy(adapter, out / ADAPTER, _ADAPTER_FILES)
    if package.with_base:
        _copy(base.path, out / BASE, (*base.shards(), *_BASE_FILES))
    Shingles.of(package.learned).write(out / SHINGLES)
    encoder = Encoder(tokenizer := load_tokenizer(base))
    template = plain_template(tokenizer.chat_template)
    (out / TEMPLATE).write_bytes(template.encode())
    write_base(base, out / BASE_GGUF, package.numbers)
    write_adapter(base, adapter, out / ADAPTER_GGUF, package.numbers)
    agreement = await check_agreement(
        base,
        out / BASE_GGUF,
        adapter,
        out / ADAPTER_GGUF,
        form=package.prompt,
        tolerance=TOLERANCES[package.numbers],
    )
    model = LlamaModel(package.name, out / BASE_GGUF, out / ADAPTER_GGUF, template)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            LlamaCpp(model, Path(folder) / "llama.log", LlamaSettings(slots=1)) as engine,
            ModelClient(lambda: engine.endpoint) as adapted,
            ModelClient(lambda: engine.base_endpoint) as bare,
        ):
            canary = await record_canary(adapted, bare, package.prompt, render=encoder.render)
            figures = {"agreement": asdict(agreement)}
            write_persona_toml(out, _manifest(base, out, package, template, record, canary, figures))
            # Read back and asked again, as every start of the service will.
            persona = await load_persona(out)
            await engine.verify(persona)
    return persona


def _manifest(
    base: BaseFolder,
    out: Path,
    package: Package,
    template: str,
    record: TrainingRecord,
    canary: Canary,
    figures: Mapping[str, Any],
) -> PersonaManifest:
    shards = tuple(
        WeightsFile.of(base.path, shard).model_copy(update={"file": f"{BASE}/{shard}"})
        for shard in base.shards()
    )
    base_weights = Base(name=record.base, gguf=WeightsFile.of(out, BASE_GGUF), safetensors=shards)
    adapter_weights = Adapter(
        rank=record.settings.rank,
        base_sha256=record.base_sha256,
        gguf=WeightsFile.of(out, ADAPTER_GGUF),
        safetensors=(WeightsFile.of(out, f"{ADAPTER}/{ADAPTER_WEIGHTS}"),),
    )
    training = {
        "dataset": record.dataset,
        "train_examples": record.train_examples,
        "held_out_examples": record.held_out_examples,
        "learned_tokens": record.learned_tokens,
        "repeated": record.repeated,
        "held_out_loss_before": round(record.loss_before, 4),
        "held_out_loss_after": round(record.loss_after, 4),
        "epochs": record.kept_epoch,
    }
    return PersonaManifest(
        name=package.name,
        fingerprint=fingerprint_of(
            base=base_weights,
            adapter=adapter_weights,
            template=template,
            prompt=package.prompt,
            sampling=package.sampling,
        ),
        prompt=package.prompt,
        sampling=package.sampling,
        typing=package.typing,
        template=WeightsFile.of(out, TEMPLATE),
        base=base_weights,
        adapter=adapter_weights,
        shingles=WeightsFile.of(out, SHINGLES),
        canary=canary,
        figures={"training": training, **figures},
    )


def _copy(source: Path, target: Path, names: tuple[str, ...]) -> None:
    """Copy the files of these names that there are, unless they are there already."""
    if source.resolve() == target.resolve():
        return
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
