"""The search for the sampling that sounds most like the person: style decides, and faults rule out."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import optuna

from inference.sampling import PUBLISHED, Sampling
from training.evaluation.bench import Bench
from training.evaluation.estimate import Estimate
from training.evaluation.faults import faults
from training.evaluation.speaker import Speaker

TRIALS: Final = 24
FAULTY: Final = 0.02
"""The share of answers with a fault that is borne with; where no sampling has so few, as many as the best has."""
_WORST: Final = 1.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One sampling, how far its answers are from the person beyond the person's own floor, and their faults.

    `distance` is None where it said nothing that could be compared.
    """

    sampling: Sampling
    distance: Estimate | None
    beyond: float
    faults: Estimate


@dataclass(frozen=True, slots=True)
class Sweep:
    """All trials, those that are borne with first, of these the nearest to the person; `packaged` is one of them."""

    trials: tuple[Trial, ...]
    packaged: Trial

    @classmethod
    def of(cls, tried: Sequence[Trial]) -> Self:
        """Order trials, of which the first had the packaged sampling."""
        allowed = _allowed(tried)
        return cls(tuple(sorted(tried, key=lambda one: (one.faults.value > allowed, one.beyond))), tried[0])

    @property
    def best(self) -> Trial:
        """The nearest to the person of those whose faults are borne with; the packaged one where none is nearer."""
        first = self.trials[0]
        nearer = first.beyond < self.packaged.beyond or not self.borne(self.packaged)
        return first if nearer else self.packaged

    def borne(self, trial: Trial) -> bool:
        """Whether a trial has no more faults than can be borne with."""
        return trial.faults.value <= _allowed(self.trials)


async def sweep(
    bench: Bench,
    speaker: Speaker,
    packaged: Sampling,
    *,
    trials: int = TRIALS,
    seed: int = 0,
    every_filter: bool = True,
    heard: Callable[[int, int], None] = lambda _done, _of: None,
) -> Sweep:
    """Try samplings: the packaged one, the published ones, then what a tree of Parzen estimators draws from those.

    Temperature, top_p, min_p and the repetition penalty are searched; everything else stays as packaged. All trials
    answer the same cases with the same seeds. Without `every_filter` the server knows temperature and top_p alone.
    Raises InferenceError.
    """
    logs = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=8))
        for start in _starts(packaged, known=every_filter):
            study.enqueue_trial(start)
        found: list[Trial] = []
        for number in range(max(trials, 1)):
            asked = study.ask()
            sampling = packaged.model_copy(update=_drawn(asked, known=every_filter)) if number else packaged
            if not number:
                _drawn(asked, known=every_filter)
            trial = await _tried(bench, speaker, sampling)
            found.append(trial)
            # Faults push away as strongly as they are many; what is borne with does not.
            study.tell(asked, trial.beyond + max(0.0, trial.faults.value - FAULTY))
            heard(number + 1, trials)
    finally:
        optuna.logging.set_verbosity(logs)
    return Sweep.of(found)


async def _tried(bench: Bench, speaker: Speaker, sampling: Sampling) -> Trial:
    said = await bench.say(speaker, sampling)
    wrong = faults(said, bench.layout.marks, bench.languages).any
    found = await asyncio.to_thread(bench.style, said)
    if found is None:
        return Trial(sampling, None, _WORST, wrong)
    # Beyond the floor, for a sampling that keeps silent more often is measured on fewer texts.
    beyond = found.persona.mean.value - found.floor.mean.value
    return Trial(sampling, found.persona.mean, beyond, wrong)


def _allowed(tried: Sequence[Trial]) -> float:
    return max(FAULTY, min(trial.faults.value for trial in tried))


def _starts(packaged: Sampling, *, known: bool) -> Sequence[dict[str, float]]:
    starts = [
        packaged,
        *(Sampling.named(name) for name, fields in PUBLISHED.items() if "beams" not in fields),
    ]
    names = ("temperature", "top_p", "min_p", "repeat_penalty") if known else ("temperature", "top_p")
    found = []
    for start in starts:
        told = {name: float(getattr(start, name)) for name in names}
        inside = all(low <= told[name] <= high for name, (low, high) in _SPACE.items() if name in told)
        if inside and told not in found:
            found.append(told)
    return found


_SPACE: Final = {
    "temperature": (0.0, 1.4),
    "top_p": (0.1, 1.0),
    "min_p": (0.0, 0.3),
    "repeat_penalty": (1.0, 1.4),
}


def _drawn(trial: Any, *, known: bool) -> dict[str, float]:  # noqa: ANN401 - optuna is untyped here
    """Values with two decimals: finer ones nobody hears."""
    with warnings.catch_warnings():
        # A value of the packaged sampling may lie between the steps.
        warnings.simplefilter("ignore")
        return {
            name: round(trial.suggest_float(name, low, high), 2)
            for name, (low, high) in _SPACE.items()
            if known or name in {"temperature", "top_p"}
        }
