"""One trial of a search: train as suggested, let the model answer held-out prompts, and score the answers."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch

from inference.sampling import Sampling
from training.base import BaseFolder
from training.dataset.folder import DatasetFolder, Side, open_dataset
from training.evaluation.bench import QUICK, Bench
from training.evaluation.estimate import Estimate
from training.evaluation.perplexity import Likelihood, Perplexity, likelihood
from training.evaluation.speaker import Said
from training.evaluation.torch_speaker import TorchSpeaker
from training.layout import Tokens, form_of
from training.model import Compute, load_model, with_adapter
from training.record import Progress
from training.settings import Loss, Method, read_settings
from training.space import Suggestion
from training.trainer import Training, train
from training.tune import Heard

BEFORE: Final = "held_out_before"
"""The file in a trial's folder that keeps the bare base's held-out loss over an interruption."""


@dataclass(frozen=True, slots=True)
class Bare:
    """What the bare base made of a dataset: its answers, and what it thinks of the person's own words."""

    said: tuple[Said, ...]
    likelihood: Likelihood


@dataclass(frozen=True, slots=True)
class Trials:
    """What all trials of a search have in common.

    `name` is who the model is told it is; `fixed` are settings over the preset's, beside what is suggested.
    `rebuild` makes the dataset anew in a folder, with changed recipe options. `answers` is how many a score is made
    of: those of a quick look, for trials are many. `report` hears how each training goes.
    """

    base: BaseFolder
    dataset: DatasetFolder
    name: str
    preset: str = ""
    fixed: tuple[str, ...] = ()
    rebuild: Callable[[Sequence[str], Path], None] | None = None
    answers: int = QUICK
    sampling: Sampling = field(default_factory=Sampling)
    report: Callable[[Progress], None] = lambda _: None
    _bare: dict[tuple[str, Method], Bare] = field(default_factory=dict, repr=False)

    def measure(self, suggestion: Suggestion, work: Path, heard: Heard) -> Estimate:
        """Train in that folder, and give the persona score. Raises TrainingError, InferenceError and ChatError."""
        settings = read_settings(self.preset, (*self.fixed, *suggestion.settings))
        dataset = self.dataset
        if suggestion.recipe and self.rebuild is not None:
            self.rebuild(suggestion.recipe, work / "dataset")
            dataset = open_dataset(work / "dataset")
        form = form_of(dataset.recipe, self.name)
        training = Training(self.base, dataset, settings, work / "training", form)
        try:
            train(training, work / "trained", report=self._listening(work, settings.epochs, heard))
            return self._score(training, work / "trained")
        finally:
            # The next trial needs the card to itself, also after one that ran out of memory.
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _listening(self, work: Path, epochs: int, heard: Heard) -> Callable[[Progress], None]:
        kept = work / BEFORE

        def listen(progress: Progress) -> None:
            self.report(progress)
            if progress.held_out is None:
                return
            if progress.step == 0:
                kept.write_text(repr(progress.held_out), encoding="ascii")
            else:
                before = float(kept.read_text(encoding="ascii"))
                heard(round(epochs * progress.step / progress.steps), progress.held_out / before)

        return listen

    def _score(self, training: Training, trained: Path) -> Estimate:
        layout = training.layout()
        # The rows to evaluate the persona on at the end stay unseen.
        side: Side = "valid" if training.dataset.rows("valid") else "test"
        bench = Bench(training.dataset, layout, side=side, generations=self.answers)
        rows = layout.encode_all(bench.held_out, Loss.OWN, training.settings.max_length).rows
        bare = self._bare_base(training, bench, rows)
        model = _loaded(training, trained)
        said = self._said(model, bench)
        own = likelihood(model, rows)
        return bench.measure(
            said, bare.said, Perplexity(own, bare.likelihood), each_contact=False
        ).score.value

    def _bare_base(self, training: Training, bench: Bench, rows: Sequence[Tokens]) -> Bare:
        """The same for all trials on the same rows in the same numbers: asked once a process."""
        key = (f"{training.dataset.fingerprint} {training.settings.max_length}", training.settings.method)
        if key not in self._bare:
            model = _loaded(training)
            self._bare[key] = Bare(self._said(model, bench), likelihood(model, rows))
        return self._bare[key]

    def _said(self, model: Any, bench: Bench) -> tuple[Said, ...]:  # noqa: ANN401 - torch is untyped here
        speaker = TorchSpeaker(model, bench.layout.tokenizer)
        return asyncio.run(bench.say(speaker, self.sampling))


def _loaded(training: Training, trained: Path | None = None) -> Any:  # noqa: ANN401 - torch is untyped here
    """The base in the numbers it is trained in, with what was trained on it."""
    method, compute = training.settings.method, Compute.best(training.settings.precision)
    if trained is not None and method is Method.FULL:
        return load_model(BaseFolder(trained), compute)
    model = load_model(training.base, compute, quantised=method is Method.QLORA)
    return model if trained is None else with_adapter(model, trained)
