"""Who is measured, and on what: a persona, the dataset it was trained on, and everybody who speaks for the two."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from inference.canary import check_canary
from inference.client import Endpoint, ModelClient
from inference.dialect import Dialect
from inference.engines.llama_cpp import LlamaCpp, LlamaModel, LlamaSettings
from inference.errors import EngineError, ModelError
from inference.persona import Persona
from training.base import BaseFolder
from training.dataset.folder import DatasetFolder, open_dataset
from training.errors import BaseUnusable, DatasetUnreadable, WrongDataset
from training.evaluation.bench import Bench
from training.evaluation.perplexity import Perplexity, likelihood
from training.evaluation.speaker import ServedSpeaker, Speaker
from training.evaluation.torch_speaker import TorchSpeaker
from training.layout import Layout, layout_of
from training.model import Compute, load_model, load_tokenizer, with_adapter
from training.record import RECORD, TrainingRecord
from training.settings import Loss

_CONTEXT = 4096
"""Tokens of prompt and answer that llama.cpp is given room for, unless the base has less."""


@dataclass(frozen=True, slots=True)
class Speakers:
    """The persona, and its base without the adapter; None where nobody can speak for it.

    `engine` says what they speak through, and `every_filter` whether that knows min_p and the repetition penalty.
    """

    persona: Speaker
    base: Speaker | None
    engine: str
    every_filter: bool = True


class Subject:
    """A persona with the dataset that it was trained on, and its base's folder.

    `notes` say in plain words what could not be made sure of. Raises WrongDataset and BaseUnusable.
    """

    def __init__(self, persona: Persona, dataset: DatasetFolder, base: Path | None = None) -> None:
        self.persona = persona
        self.dataset = dataset
        self._base = _whole(BaseFolder(base or persona.folder / "base"), persona)
        # Of a persona whose weights were all trained, --base may be what they were before: then there is a base to
        # compare with, and it speaks in this process, for no server has it.
        self._before: BaseFolder | None = None
        if persona.adapter is None and base is not None and self._base.sha256() == persona.base.trained_from:
            self._before, self._base = self._base, _whole(BaseFolder(persona.folder / "base"), persona)
        elif base is not None:
            _same_base(self._base, persona)
        self.notes = tuple(_notes(persona, dataset))
        self._tokenizer = load_tokenizer(self._base)
        self.layout: Layout = layout_of(dataset.recipe, self._tokenizer, persona.prompt)

    @property
    def compared(self) -> bool:
        """Whether there is a base to compare with; without one nothing can be scored."""
        return self.persona.adapter is not None or self._before is not None

    @cached_property
    def model(self) -> Any:  # noqa: ANN401 - torch is untyped here
        """Base and adapter in this process. Blocks. Raises BaseUnusable when one of the two is not there."""
        if self.persona.adapter is not None and not (self.persona.folder / "adapter").is_dir():
            raise BaseUnusable(f"{self.persona.folder} has no adapter for PyTorch: copy the whole persona")
        model = load_model(self._base, Compute.best())
        if self.persona.adapter is not None:
            model = with_adapter(model, self.persona.folder / "adapter")
        return model.eval()

    @cached_property
    def _model_before(self) -> Any:  # noqa: ANN401 - torch is untyped here
        """The weights before all of them were trained. Blocks. Raises BaseUnusable where nobody named them."""
        if self._before is None:
            raise BaseUnusable("nothing is known of the weights before: give them with --base")
        return load_model(self._before, Compute.best()).eval()

    def perplexity(self, bench: Bench) -> Perplexity | None:
        """Ask persona and base about the held-out rows, own words only. Blocks. None where there is no base to compare.

        Raises BaseUnusable.
        """
        if not self.compared:
            return None
        # Beyond its context a model guesses, or has no place to look up at all.
        longest = getattr(self.model.config, "max_position_embeddings", None) or _CONTEXT
        rows = bench.layout.encode_all(bench.held_out, Loss.OWN, min(longest, _CONTEXT)).rows
        if self._before is not None:
            return Perplexity(likelihood(self.model, rows), likelihood(self._model_before, rows))
        return Perplexity(likelihood(self.model, rows), likelihood(self.model, rows, bare=True))

    @asynccontextmanager
    async def speakers(
        self, server: Endpoint | None = None, *, here: bool = False, abreast: int = 4
    ) -> AsyncIterator[Speakers]:
        """Open who speaks: a server that runs, llama.cpp where the persona has GGUF, or PyTorch in this process.

        Whoever it is must be the persona: servers are asked the canary first. `here` takes PyTorch in any case.
        Raises InferenceError and BaseUnusable.
        """
        async with AsyncExitStack() as stack:
            if server is not None:
                found = await self._served(stack, server, abreast)
            elif here or self.persona.base.gguf is None:
                model = await asyncio.to_thread(lambda: self.model)
                bare = TorchSpeaker(model, self._tokenizer, bare=True) if self.persona.adapter else None
                found = Speakers(TorchSpeaker(model, self._tokenizer), bare, "PyTorch")
            else:
                found = await self._embedded(stack, abreast)
            if self._before is not None:
                before = await asyncio.to_thread(lambda: self._model_before)
                found = replace(found, base=TorchSpeaker(before, self._tokenizer))
            yield found

    async def _served(self, stack: AsyncExitStack, server: Endpoint, abreast: int) -> Speakers:
        client = await stack.enter_async_context(ModelClient(server))
        try:
            models = {model.id: model for model in await client.models()}
        except ModelError as error:
            raise EngineError(f"the model server cannot be used: {error}") from error
        if server.model not in models:
            raise EngineError(f"the model server serves no {server.model}: load the adapter under that name")
        dialect = Dialect.of(models[server.model].owned_by)
        adapted = await self._client(stack, server, server.model, dialect)
        await check_canary(adapted, self.persona.canary)
        base = None
        # vLLM says on which model an adapter lies; elsewhere the base's own name must do.
        below = models[server.model].parent or self.persona.base.name
        if self.persona.adapter is not None and below in models:
            bare = await self._client(stack, server, below, dialect)
            base = ServedSpeaker(bare, self.layout.marks, abreast)
        speaker = ServedSpeaker(adapted, self.layout.marks, abreast)
        return Speakers(speaker, base, dialect.value, dialect is not Dialect.OPENAI)

    async def _client(
        self, stack: AsyncExitStack, server: Endpoint, name: str, dialect: Dialect
    ) -> ModelClient:
        endpoint = Endpoint(server.base_url, name, server.api_key, server.extra_body, dialect)
        return await stack.enter_async_context(ModelClient(endpoint))

    async def _embedded(self, stack: AsyncExitStack, abreast: int) -> Speakers:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        longest = self._base.config.get("max_position_embeddings") or _CONTEXT
        settings = LlamaSettings(slots=abreast, context_tokens=min(longest, _CONTEXT))
        engine = await stack.enter_async_context(
            LlamaCpp(LlamaModel.of(self.persona), folder / "llama.log", settings)
        )
        await engine.verify(self.persona)
        adapted = await stack.enter_async_context(ModelClient(lambda: engine.endpoint))
        base = None
        if self.persona.adapter is not None:
            bare = await stack.enter_async_context(ModelClient(lambda: engine.base_endpoint))
            base = ServedSpeaker(bare, self.layout.marks, abreast)
        return Speakers(ServedSpeaker(adapted, self.layout.marks, abreast), base, "llama.cpp")


def find_dataset(persona: Persona, folders: Iterable[Path]) -> DatasetFolder:
    """Find the dataset that a persona was trained on among folders, by its fingerprint. Raises WrongDataset."""
    wanted = persona.manifest.dataset
    if wanted is None:
        raise WrongDataset(
            f"persona {persona.name} has no record of its dataset: name the folder with --dataset"
        )
    for folder in folders:
        try:
            found = open_dataset(folder)
        except DatasetUnreadable:
            continue
        if _same(persona, found):
            return found
    raise WrongDataset(
        f"the dataset {wanted.fingerprint[:12]} that persona {persona.name} was trained on is not in the state folder: "
        "name its folder with --dataset"
    )


def _same(persona: Persona, dataset: DatasetFolder) -> bool:
    wanted = persona.manifest.dataset
    # A dataset that somebody was taken out of since is still the one: nothing came in.
    known = (dataset.fingerprint, *dataset.facts.get("forgotten", ()))
    return wanted is not None and wanted.fingerprint in known


def _whole(base: BaseFolder, persona: Persona) -> BaseFolder:
    if not (base.path / "tokenizer.json").is_file():
        raise BaseUnusable(
            f"{base.path} is no base model's folder: give that of {persona.base.name} with --base"
        )
    return base


def _same_base(base: BaseFolder, persona: Persona) -> None:
    """See that somebody named the base that the persona lies on. Raises BaseUnusable."""
    if persona.base.safetensors and base.sha256() != persona.base.sha256:
        raise BaseUnusable(
            f"{base.path} is not the base that persona {persona.name} was trained on: give that of "
            f"{persona.base.name} with --base"
        )


def _notes(persona: Persona, dataset: DatasetFolder) -> Iterable[str]:
    for part in ("adapter", "base"):
        if (persona.folder / part / RECORD).is_file():
            # Such as a pairing of base and recipe that failed for others: figures below may be due to it.
            yield from (
                f"From its training: {warning}."
                for warning in TrainingRecord.read(persona.folder / part).warnings
            )
    if persona.manifest.dataset is None:
        yield (
            "The persona has no record of its dataset: nobody knows whether what is held out here was trained on, and "
            "then every figure is too good."
        )
    elif not _same(persona, dataset):
        raise WrongDataset(
            f"persona {persona.name} was trained on dataset {persona.manifest.dataset.fingerprint[:12]}, and this is "
            f"{dataset.fingerprint[:12]}: what is held out here may have been trained on; give the other dataset"
        )
    elif persona.manifest.dataset.fingerprint != dataset.fingerprint:
        yield (
            "Somebody was taken out of the dataset after the training: memory is looked for in what is left of it."
        )
