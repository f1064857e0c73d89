"""Search for the settings and recipe options that give the best persona score, with Optuna.

A study lives in one SQLite file. A trial trains with drawn settings and is scored; one that is clearly worse than the
others after an epoch is pruned. Whatever kills the process, the next run goes on: a trial whose process is gone is
marked failed and tried again, from its last checkpoint.
"""

from __future__ import annotations

import contextlib
import shutil
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import optuna
from sqlalchemy.exc import SQLAlchemyError

from training.errors import NotAsAsked, TrainingError, TuningFailed
from training.evaluation.estimate import Estimate
from training.settings import TrainSettings
from training.space import Space, Suggestion

STUDY: Final = "understudy"
"""What a study is called in its file: a file holds one."""

HEARTBEAT: Final = 15
"""Seconds between a running trial's signs of life; after four of them without one its process is taken for dead."""

RETRIES: Final = 2
"""How often a trial is tried again whose process died under it: perhaps it was the trial that killed it."""

FIRST: Final = 5
"""Trials that are drawn at random, and never pruned, before what they gave guides the rest."""

HOUSE: Final = frozenset({"bot", "chat", "inference", "safety", "training"})
"""The packages whose errors are one line each that holds no message's text."""

OPENINGS: Final = 5
"""How often a study's file is tried to be opened, half a second apart."""

Heard = Callable[[int, float], None]
"""Told after each epoch: its number, and the held-out loss as a share of the bare base's. It may raise."""

Measure = Callable[[Suggestion, Path, Heard], Estimate]
"""Trains as suggested, in a folder for the work, and gives the score. Raises TrainingError."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a trial: its score where it came to its end, else why it did not."""

    number: int
    state: Literal["complete", "pruned", "failed"]
    score: Estimate | None
    suggestion: Suggestion
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tuning:
    """A study. `asked` is what all its trials have in common; a study of something else is refused.

    `settings` are what each trial begins with. `seed` makes the draws the same each time, as long as one process
    works on the study.
    """

    file: Path
    space: Space
    settings: TrainSettings
    asked: Mapping[str, Any]
    measure: Measure
    seed: int | None = None
    heartbeat: int = HEARTBEAT

    @property
    def work(self) -> Path:
        """Where trials work: checkpoints and adapters of those under way."""
        return self.file.with_name(f"{self.file.stem}.trials")

    def run(self, trials: int, report: Callable[[Result], None] = lambda _: None) -> None:
        """Try until the study has that many results, failures and those of other processes among them.

        Waits for what other processes are at. Raises NotAsAsked for a study of something else, and TuningFailed
        when nothing came to its end.
        """
        with _quiet():
            study = self._open()
            told = {result.number for result in results(study)}
            while len(known := results(study)) < trials:
                # Marks what died as failed, and puts it where the next trial is taken from.
                optuna.storages.fail_stale_trials(study)
                running = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))
                if len(known) + len(running) < trials:
                    study.optimize(self._try, n_trials=1, catch=(TrialFailed,))
                else:
                    # The last ones are in other hands; or in dead ones, and that shows in a while.
                    time.sleep(min(1.0, self.heartbeat))
                for result in results(study):
                    if result.number not in told:
                        told.add(result.number)
                        report(result)
            found = results(study)
            self._sweep(study)
        if not any(result.state == "complete" for result in found):
            reasons = Counter(result.reason for result in found if result.state == "failed")
            often = f"; most often: {reasons.most_common(1)[0][0]}" if reasons else ""
            raise TuningFailed(f"none of {len(found)} trials came to its end{often}")

    def results(self) -> tuple[Result, ...]:
        """What became of the trials so far, in their order."""
        with _quiet():
            return results(self._open())

    def importance(self) -> Mapping[str, float]:
        """How much of the score's variance each setting explains, by fANOVA; sums to 1. Empty below four results."""
        with _quiet():
            study = self._open()
            scores = {
                trial.value for trial in study.trials if trial.state is optuna.trial.TrialState.COMPLETE
            }
            if len(scores) < 4:
                return {}
            evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
            return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))

    def _open(self) -> optuna.Study:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        for left in reversed(range(OPENINGS)):
            try:
                study = self._create()
                break
            except (SQLAlchemyError, optuna.exceptions.StorageInternalError):
                # Another process makes the same tables at this moment; a file that is no study stays none.
                if not left:
                    raise NotAsAsked(
                        f"{self.file} is no study that can be opened: name another file"
                    ) from None
                time.sleep(0.5)
        # A run that goes on must not draw again what the last one began with.
        seed = None if self.seed is None else self.seed + len(study.get_trials(deepcopy=False))
        study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=FIRST, multivariate=True)
        if not study.user_attrs:
            study.set_user_attr("asked", dict(self.asked))
        elif study.user_attrs["asked"] != dict(self.asked):
            raise NotAsAsked(
                f"{self.file} searches something else: with other data, base, settings or ranges. Name another file"
            )
        return study

    def _sweep(self, study: optuna.Study) -> None:
        """Remove the checkpoints of trials whose process was killed too often for another try."""
        trials = study.get_trials(deepcopy=False)
        under_way = {
            _folder(trial)
            for trial in trials
            if trial.state in {optuna.trial.TrialState.RUNNING, optuna.trial.TrialState.WAITING}
        }
        for number in {trial.number for trial in trials} - under_way:
            shutil.rmtree(self.work / str(number), ignore_errors=True)

    def _create(self) -> optuna.Study:
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{self.file.resolve()}",
            # Two processes write to the file: one waits for the other.
            engine_kwargs={"connect_args": {"timeout": 60}},
            heartbeat_interval=self.heartbeat,
            grace_period=4 * self.heartbeat,
            heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(RETRIES),
        )
        return optuna.create_study(
            storage=storage,
            study_name=STUDY,
            direction="maximize",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=FIRST),
        )

    def _try(self, trial: optuna.Trial) -> float:
        suggestion = self.space.draw(trial, self.settings)
        trial.set_user_attr("settings", list(suggestion.settings))
        trial.set_user_attr("recipe", list(suggestion.recipe))
        if (score := _known(trial.study, suggestion)) is not None:
            # Trained with the same seed it would give the same again.
            return self._scored(trial, score)
        frozen = trial.study.trials[trial.number]
        work = self.work / str(_folder(frozen))

        def heard(epoch: int, share: float) -> None:
            # The score is the higher the better, and so is what a pruner compares.
            trial.report(-share, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        try:
            work.mkdir(parents=True, exist_ok=True)
            score = self.measure(suggestion, work, heard)
        except optuna.TrialPruned:
            raise
        except Exception as error:
            trial.set_user_attr("error", _told(error))
            raise TrialFailed from error
        except BaseException:
            # Interrupted by a person: tried again by the next run, from the last checkpoint.
            optuna.storages.RetryHeartbeatStaleTrialCallback(RETRIES)(trial.study, frozen)
            work = self.work / "nothing"
            raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return self._scored(trial, score)

    def _scored(self, trial: optuna.Trial, score: Estimate) -> float:
        trial.set_user_attr("low", score.low)
        trial.set_user_attr("high", score.high)
        return score.value


class TrialFailed(TrainingError):
    """One trial came to nothing; the study goes on."""


def best(found: Sequence[Result]) -> Result | None:
    """The result with the highest score; the earliest of equals."""
    scored = [(result.score.value, -result.number, result) for result in found if result.score is not None]
    return max(scored)[2] if scored else None


def results(study: optuna.Study) -> tuple[Result, ...]:
    """What became of a study's trials. Those that are running, waiting or tried again elsewhere are none."""
    return tuple(_results(study))


def _folder(trial: optuna.trial.FrozenTrial) -> int:
    """By which number its folder is called: the first's of those that were tried again, for its checkpoints."""
    original = optuna.storages.RetryHeartbeatStaleTrialCallback.retried_trial_number(trial)
    return int(trial.number if original is None else original)


def _known(study: optuna.Study, suggestion: Suggestion) -> Estimate | None:
    """The score of a trial that tried exactly this."""
    return next(
        (result.score for result in _results(study) if result.suggestion == suggestion and result.score), None
    )


def _results(study: optuna.Study) -> Iterator[Result]:
    for trial in study.get_trials(deepcopy=False):
        told = trial.user_attrs
        suggestion = Suggestion(tuple(told.get("settings", ())), tuple(told.get("recipe", ())))
        match trial.state:
            case optuna.trial.TrialState.COMPLETE:
                score = Estimate(float(trial.value), told["low"], told["high"])
                yield Result(trial.number, "complete", score, suggestion)
            case optuna.trial.TrialState.PRUNED:
                step = trial.last_step
                yield Result(trial.number, "pruned", None, suggestion, f"worse than most after epoch {step}")
            case optuna.trial.TrialState.FAIL if "error" in told:
                yield Result(trial.number, "failed", None, suggestion, str(told["error"]))


def _told(error: Exception) -> str:
    """One line on what went wrong. Only our own errors' words: others' may quote a message's text."""
    ours = type(error).__module__.partition(".")[0] in HOUSE
    return " ".join(str(error).split()) if ours else type(error).__name__


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Heartbeats and multivariate draws have been called experimental since Optuna 2; a line a trial is shown by us."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
