"""What `understudy tune` does, and what it shows."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

import training.settings as training_settings
from bot.cli.building import Building
from bot.cli.screen import say, show_table
from bot.cli.training_bar import TrainingBar
from bot.cli.training_plan import owner_of, preset_made_for, sampling_of
from bot.settings import Settings
from training.base import find_base
from training.dataset.folder import RECIPE, open_dataset
from training.record import Progress
from training.space import Space
from training.trial import Trials
from training.tune import Result, Tuning, best


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, as it was written."""

    dataset: Path
    base: str
    revision: str
    study: Path
    space: Space
    fixed: tuple[str, ...]
    preset: str
    answers: int
    sampling: tuple[str, ...]
    seed: int | None
    me: str


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """How the dataset was built, so that it can be built again with other recipe options."""

    settings: Settings
    exports: tuple[Path, ...]
    me: str
    learned: str
    prepare: Path | None
    as_it_is: bool

    def run(self, recipe: Path, changes: Sequence[str], out: Path) -> None:
        """Build it in a folder. Raises ChatError, TrainingError and SettingsInvalid."""
        building = Building(self.settings, self.exports, self.me if self.exports else "", self.learned)
        building.run(str(recipe), changes, out, (), self.prepare, as_it_is=self.as_it_is)

    def words(self, recipe: Path, changes: Sequence[str], out: Path) -> tuple[str, ...]:
        """The command that does the same."""
        return (
            *("understudy", "dataset", "build", *map(str, self.exports), "--recipe", str(recipe)),
            *_each("--set", changes),
            *(("--me", self.me) if self.me and self.exports else ()),
            *(("--as", self.learned) if self.learned else ()),
            *(("--prepare", str(self.prepare)) if self.prepare else ()),
            *(("--as-it-is",) if self.as_it_is else ()),
            *("--out", str(out)),
        )


class TuningRun:
    """One call of the verb. Raises TrainingError, InferenceError, ChatError and SettingsInvalid."""

    def __init__(self, asked: Asked, rebuilding: Rebuilding) -> None:
        self._asked = asked
        self._rebuilding = rebuilding
        self._dataset = open_dataset(asked.dataset)
        self._base = find_base(asked.base, asked.revision)
        self._preset = asked.preset or preset_made_for(self._base)
        self._space = asked.space
        settings = training_settings.read_settings(self._preset, asked.fixed)
        trials = Trials(
            base=self._base,
            dataset=self._dataset,
            name=owner_of(self._dataset, asked.me),
            preset=self._preset,
            fixed=asked.fixed,
            rebuild=self._rebuild,
            answers=asked.answers,
            sampling=sampling_of(asked.sampling),
            report=self._heard,
        )
        self._tuning = Tuning(
            asked.study, self._space, settings, self._in_common(), trials.measure, seed=asked.seed
        )
        self._console = Console(stderr=True)
        self._bar: TrainingBar | None = None

    def run(self, trials: int) -> None:
        """Search, and show what was found, with the command for the best."""
        say(
            f"searching {', '.join(axis.name for axis in self._space.axes)}: {trials} trials in {self._asked.study}"
        )
        try:
            self._tuning.run(trials, self._tell)
        finally:
            self._end_bar()
        self._show(self._tuning.results())

    def _in_common(self) -> Mapping[str, object]:
        return {
            "dataset": self._dataset.fingerprint,
            "base": [self._base.name, self._base.sha256()],
            "preset": self._preset,
            "set": sorted(self._asked.fixed),
            "search": [repr(axis) for axis in self._space.axes],
            "answers": self._asked.answers,
            "sampling": list(self._asked.sampling),
            "me": self._asked.me,
        }

    def _rebuild(self, changes: Sequence[str], out: Path) -> None:
        self._rebuilding.run(self._dataset.path / RECIPE, changes, out)

    def _heard(self, progress: Progress) -> None:
        if self._bar is None:
            self._bar = TrainingBar(self._console, "a trial").__enter__()
        self._bar(progress)
        if progress.step >= progress.steps:
            self._end_bar()

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None

    def _tell(self, result: Result) -> None:
        self._end_bar()
        words = " ".join((*result.suggestion.settings, *result.suggestion.recipe))
        say(f"trial {result.number}: {_told(result)}; {words}")

    def _show(self, found: Sequence[Result]) -> None:
        ranked = sorted(found, key=lambda result: -result.score.value if result.score else 1.0)
        show_table(
            ("trial", "score", "settings"),
            [
                (
                    str(result.number),
                    _told(result),
                    " ".join((*result.suggestion.settings, *result.suggestion.recipe)),
                )
                for result in ranked
            ],
        )
        if importance := self._tuning.importance():
            shown = [(name, f"{share:.0%}") for name, share in importance.items()]
            show_table(("setting", "share of the score's variance"), shown)
        top = best(found)
        if top is not None:
            say(f"the best is trial {top.number}; train with its settings:")
            for command in self._commands(top):
                say(shlex.join(command))

    def _commands(self, result: Result) -> Iterator[tuple[str, ...]]:
        """What makes this result's persona: where the recipe varied, its dataset first."""
        asked, stem = self._asked, self._asked.study.with_suffix("")
        dataset = asked.dataset
        if result.suggestion.recipe:
            dataset = stem.with_name(f"{stem.name}.dataset")
            yield self._rebuilding.words(asked.dataset / RECIPE, result.suggestion.recipe, dataset)
        yield (
            *("understudy", "train", str(dataset), "--base", asked.base),
            *(("--revision", asked.revision) if asked.revision else ()),
            *(("--preset", self._preset) if self._preset else ()),
            *_each("--set", (*asked.fixed, *result.suggestion.settings)),
            *_each("--sampling", asked.sampling),
            *(("--me", asked.me) if asked.me else ()),
            *("--out", str(stem.with_name(f"{stem.name}.persona"))),
        )


def _told(result: Result) -> str:
    if result.score is None:
        return f"{result.state}: {result.reason}"
    score = result.score
    return f"{score.value:.1f} ({score.low:.1f} to {score.high:.1f})"


def _each(option: str, values: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for value in values for word in (option, value))
