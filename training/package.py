"""Putting a persona's folder together: weights, GGUF, chat template, canary and the manifest, checked as a whole."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from inference.canary import Asked, record_canary
from inference.client import ModelClient
from inference.engines.llama_cpp import LlamaCpp, LlamaModel, LlamaSettings
from inference.pace import StyleProfile
from inference.persona import (
    Adapter,
    Base,
    Canary,
    Origin,
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
from training.dataset.folder import DatasetFolder
from training.dataset.pace import style_of, typing_of
from training.errors import NotAsAsked, NotConverted
from training.gguf import (
    ADAPTER_WEIGHTS,
    NumberType,
    check_convertible,
    write_adapter,
    write_base,
)
from training.gguf_tokenizer import plain_template
from training.layout import Layout, begun
from training.model import load_tokenizer
from training.record import RECORD, TrainingRecord
from training.reference import Reference
from training.settings import Method

TEMPLATE = "chat_template.jinja"
BASE_GGUF = "gguf/base.gguf"
ADAPTER_GGUF = "gguf/adapter.gguf"
ADAPTER = "adapter"
BASE = "base"
_STAGE: Final = ".gguf-"
"""How the names of folders begin in which GGUF is made."""

_W = TypeVar("_W", Base, Adapter)
_ADAPTER_FILES = (ADAPTER_WEIGHTS, "adapter_config.json", RECORD)
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    TEMPLATE,
)
_BASE_FILES = ("config.json", "generation_config.json", "model.safetensors.index.json", *_TOKENIZER_FILES)


@dataclass(frozen=True, slots=True)
class Package:
    """What a persona is besides its weights.

    `name` is the model name it is served under. `template` is the chat template, by default the base's. `numbers` is
    how the base's GGUF stores matrices; a base that is not converted here gets none, and the persona says so.
    `with_base` also copies the base's Hugging Face folder; its hashes are recorded either way. `learned` are the texts
    that were trained on: hashes of their runs of words go along, by which reciting is noticed.
    """

    name: str
    prompt: PromptFormat
    template: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    style: StyleProfile | None = None
    typing: TypingProfile = field(default_factory=TypingProfile)
    numbers: NumberType = NumberType.F16
    with_base: bool = False
    origin: Origin | None = None
    consent: Mapping[str, Any] | None = None
    learned: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(
        cls,
        name: str,
        layout: Layout,
        dataset: DatasetFolder,
        *,
        sampling: Sampling | None = None,
        numbers: NumberType = NumberType.F16,
        with_base: bool = False,
    ) -> Self:
        """What a dataset and its layout say of a persona. Raises DatasetUnreadable."""
        sampling = sampling or Sampling()
        stops = dict.fromkeys((*sampling.stop, *layout.stop))
        style = style_of(dataset.facts)
        return cls(
            name=name,
            prompt=layout.form,
            template=layout.template,
            sampling=sampling.model_copy(update={"stop": tuple(stops)}),
            style=style,
            typing=typing_of(style),
            numbers=numbers,
            with_base=with_base,
            origin=Origin(
                fingerprint=dataset.fingerprint,
                recipe=dataset.recipe.model_dump(mode="json", exclude_none=True),
                rows=dataset.facts.get("rows") or {},
            ),
            consent=dataset.facts.get("consent"),
            learned=tuple(text for row in dataset.rows("train") for text in row.answers),
        )


@dataclass(frozen=True, slots=True)
class Material:
    """What GGUF and canary are made of: the base that is served, and the adapter on it.

    Where all weights were trained, `base` are those and `before` is the base they were trained from, or what is on
    record of its answers.
    """

    name: str
    base: BaseFolder
    adapter: Path | None
    before: BaseFolder | Canary | None
    prompt: PromptFormat
    template: str


async def package_persona(base: BaseFolder, trained: Path, out: Path, package: Package) -> Persona:
    """Make the persona's folder `out` from a base and what a training saved in `trained`: an adapter, or all weights.

    Files that are not the persona's own stay in `out`. The manifest is written last: a folder that was
    left half-way does not load. Raises TrainingError when the GGUF files do not compute what PyTorch does
    or the training was of another base, InferenceError when llama.cpp does not serve them.
    """
    record = TrainingRecord.read(trained)
    if record.base_sha256 != base.sha256():
        raise NotAsAsked(
            f"what lies in {trained} was trained on another base than {base.path}: give that base"
        )
    full = record.settings.method is Method.FULL
    served, adapter = base, None if full else trained
    if full:
        _copy(base.path, out / BASE, _TOKENIZER_FILES)
        _copy(trained, out / BASE, (*BaseFolder(trained).shards(), *_BASE_FILES, RECORD))
        served = BaseFolder(out / BASE)
    else:
        _copy(trained, out / ADAPTER, _ADAPTER_FILES)
        if package.with_base:
            _copy(base.path, out / BASE, (*base.shards(), *_BASE_FILES))
    Shingles.of(package.learned).write(out / SHINGLES)
    tokenizer = load_tokenizer(base)
    template = plain_template(package.template or begun(tokenizer, str(tokenizer.chat_template)))
    (out / TEMPLATE).write_bytes(template.encode())
    shards = tuple(
        WeightsFile.of(served.path, shard).model_copy(update={"file": f"{BASE}/{shard}"})
        for shard in served.shards()
    )
    facts: dict[str, Any] = {
        "name": package.name,
        "made": _today(),
        "prompt": package.prompt,
        "sampling": package.sampling,
        "style": package.style,
        "typing": package.typing,
        "template": WeightsFile.of(out, TEMPLATE),
        "base": Base(
            name=record.base,
            revision=record.base_revision,
            license=record.base_license,
            trained_from=record.base_sha256 if full else None,
            safetensors=shards,
        ),
        "adapter": None
        if full
        else Adapter(
            rank=record.settings.rank,
            base_sha256=record.base_sha256,
            modules=record.modules,
            safetensors=(WeightsFile.of(out, f"{ADAPTER}/{ADAPTER_WEIGHTS}"),),
        ),
        "shingles": WeightsFile.of(out, SHINGLES),
        "dataset": package.origin,
        "consent": None if package.consent is None else dict(package.consent),
        "figures": {"training": _training(record)},
    }
    material = Material(package.name, served, adapter, base if full else None, package.prompt, template)
    return await seal(out, facts, material, package.numbers)


async def export_gguf(folder: Path, numbers: NumberType, base: BaseFolder | None = None) -> Persona:
    """Write a persona's GGUF files anew, with other numbers, or for the first time; give it as it is then.

    The Hugging Face form must be at hand: of the adapter in the folder, of the base there or in `base`. Its fingerprint
    is another one afterwards, and its evaluation is gone: others than those who were measured answer. Raises
    TrainingError and InferenceError; a base of a kind that is not converted here is an error. Where it ends before its
    time the persona is as before, or the same call makes it whole.
    """
    # What is written anew may be what an earlier call left half-way.
    persona = await load_persona(folder, thorough=True, gguf=False)
    manifest = persona.manifest
    source = base or BaseFolder(folder / BASE)
    if source.sha256() != manifest.base.sha256:
        raise NotAsAsked(
            f"{source.path} is another base than persona {persona.name}'s: give {manifest.base.name}"
        )
    adapter = None if persona.adapter is None else folder / ADAPTER
    if adapter is not None and not (adapter / ADAPTER_WEIGHTS).is_file():
        raise NotAsAsked(
            f"{adapter} lacks {ADAPTER_WEIGHTS}: GGUF is made of the adapter's Hugging Face form"
        )
    check_convertible(source)
    facts = {key: getattr(manifest, key) for key in PersonaManifest.model_fields}
    for key in ("format", "fingerprint", "canary", "evaluation"):
        del facts[key]
    before = manifest.canary if adapter is None else None
    material = Material(persona.name, source, adapter, before, persona.prompt, persona.template)
    return await seal(folder, facts, material, numbers)


async def seal(out: Path, facts: Mapping[str, Any], material: Material, numbers: NumberType) -> Persona:
    """Add GGUF where the base is converted here, record the canary, write persona.toml, and ask it all again.

    `facts` are the manifest's fields but for those. What is in `out` stays as it is until all of this has passed.
    Raises as `package_persona` does.
    """
    _sweep(out)
    with tempfile.TemporaryDirectory(prefix=_STAGE, dir=out) as name:
        stage = Path(name)
        for part in filter(None, (facts["template"], facts["shingles"])):
            shutil.copyfile(out / part.file, stage / part.file)
        manifest = await _sealed(stage, facts, material, numbers)
        _put(stage, out, manifest)
    return await load_persona(out)


async def _sealed(
    stage: Path, facts: Mapping[str, Any], material: Material, numbers: NumberType
) -> PersonaManifest:
    """Make a persona of what is served alone, in a folder of its own."""
    reference = Reference.load(material.base, material.adapter, material.template)
    base, adapter = facts["base"], facts["adapter"]
    figures = {key: value for key, value in facts["figures"].items() if key not in {"agreement", "gguf"}}
    async with AsyncExitStack() as stack:
        engine: LlamaCpp | None = None
        adapted: Asked = reference
        bare: Asked = reference.bare
        try:
            files = _write_gguf(stage, material, numbers)
        except NotConverted as why:
            figures["gguf"] = f"none: {why}"
            base, adapter = _with_gguf(base, None), adapter and _with_gguf(adapter, None)
        else:
            tolerance = TOLERANCES[numbers]
            agreement = await check_agreement(reference, *files, form=material.prompt, tolerance=tolerance)
            figures["agreement"] = {
                "numbers": numbers.value,
                **asdict(agreement),
                "allowed": asdict(tolerance),
            }
            base = _with_gguf(base, WeightsFile.of(stage, BASE_GGUF))
            adapter = adapter and _with_gguf(adapter, WeightsFile.of(stage, ADAPTER_GGUF))
            log = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "llama.log"
            model = LlamaModel(material.name, *files, material.template)
            engine = await stack.enter_async_context(LlamaCpp(model, log, LlamaSettings(slots=1)))
            running = engine
            adapted = await stack.enter_async_context(ModelClient(lambda: running.endpoint))
            bare = await stack.enter_async_context(ModelClient(lambda: running.base_endpoint))
        if isinstance(material.before, BaseFolder):
            bare = Reference.load(material.before, template=material.template)
        elif material.before is not None:
            bare = _Recorded(material.before)
        canary = await record_canary(adapted, bare, material.prompt, render=reference.render)
        manifest = PersonaManifest.model_validate(
            {
                **facts,
                "fingerprint": fingerprint_of(
                    base=base,
                    adapter=adapter,
                    template=material.template,
                    prompt=material.prompt,
                    sampling=facts["sampling"],
                ),
                "base": base,
                "adapter": adapter,
                "canary": canary,
                "figures": figures,
            }
        )
        write_persona_toml(stage, manifest)
        # Read back and asked again, as every start of the service will.
        persona = await load_persona(stage)
        if engine is not None:
            # Whether it can draw as the persona asks is another question: with beams the persona is for vLLM alone.
            await engine.verify(replace(persona, sampling=Sampling()))
    return manifest


def _put(stage: Path, out: Path, manifest: PersonaManifest) -> None:
    """Put what was made in the place of what was there; the manifest last."""
    shutil.rmtree((out / BASE_GGUF).parent, ignore_errors=True)
    if (stage / BASE_GGUF).exists():
        (stage / BASE_GGUF).parent.rename((out / BASE_GGUF).parent)
    write_persona_toml(out, manifest)


def _sweep(out: Path) -> None:
    """Remove what a call that was killed has left."""
    for left in out.glob(f"{_STAGE}*"):
        shutil.rmtree(left)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """The base of before, as far as a canary has kept its answers."""

    canary: Canary

    async def first_tokens(self, prompt: Any) -> dict[str, float]:  # noqa: ANN401 - only compared
        """What the base of before said to this prompt; nothing when it was not asked."""
        return next((dict(probe.base) for probe in self.canary.probes if probe.prompt == tuple(prompt)), {})


def _write_gguf(out: Path, material: Material, numbers: NumberType) -> tuple[Path, Path | None]:
    """Write the GGUF files and give their paths."""
    (out / BASE_GGUF).parent.mkdir(parents=True, exist_ok=True)
    adapter = out / ADAPTER_GGUF if material.adapter is not None else None
    try:
        write_base(material.base, out / BASE_GGUF, numbers, material.template)
        if material.adapter is not None and adapter is not None:
            write_adapter(material.base, material.adapter, adapter, numbers)
    except NotConverted:
        shutil.rmtree((out / BASE_GGUF).parent)
        raise
    return out / BASE_GGUF, adapter


def _with_gguf(weights: _W, file: WeightsFile | None) -> _W:
    return weights.model_copy(update={"gguf": file})


def _training(record: TrainingRecord) -> dict[str, Any]:
    """What of the record people look at first; all of it stands beside the weights."""
    return {
        "method": record.settings.method.value,
        "dataset": record.dataset,
        "train_examples": record.train_examples,
        "held_out_examples": record.held_out_examples,
        "learned_tokens": record.learned_tokens,
        "repeated": record.repeated,
        "held_out_loss_before": round(record.loss_before, 4),
        "held_out_loss_after": round(record.loss_after, 4),
        "epochs": record.kept_epoch,
        "trainable_parameters": record.trainable_parameters,
    }


def _today() -> date:
    return datetime.now(UTC).date()


def _copy(source: Path, target: Path, names: tuple[str, ...]) -> None:
    """Copy the files of these names that there are, unless they are there already."""
    if source.resolve() == target.resolve():
        return
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (source / name).is_file():
            (target / name).unlink(missing_ok=True)
            shutil.copyfile(source / name, target / name)
