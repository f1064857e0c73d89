"""What `understudy train` does, and what it shows."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from rich.console import Console

from bot.cli.screen import say, say_error
from bot.cli.training_bar import TrainingBar
from bot.cli.training_plan import Plan
from bot.errors import SettingsInvalid
from training.checkpoints import Work
from training.gguf import NumberType
from training.memory import GB, Machine, check_memory
from training.model import first_process, processes
from training.package import Package, package_persona
from training.places import note_base, note_persona
from training.plot import PICTURE, draw_plot, write_plot
from training.record import HISTORY, TrainingRecord, read_history
from training.trainer import Training, prepared, quantised_words
from training.trainer import train as run_training

TRAINED = "trained"
"""Where in the work folder the training is saved before it is packaged."""
_ECHO: Final = 3.0
"""Seconds after a Ctrl-C within which it may be heard again without having been pressed again."""


class TrainingRun:
    """One call of the verb. Raises TrainingError and InferenceError."""

    def __init__(self, plan: Plan, state: Path) -> None:
        self._plan = plan
        self._state = state
        self._base, self._dataset, self._settings = plan.base, plan.dataset, plan.settings
        self._training = Training(self._base, self._dataset, self._settings, plan.work, plan.form)

    def run(self, *, fresh: bool, dry_run: bool) -> None:
        """Train and package, or only say what would be."""
        # With several devices each is a process of its own; one speaks for all.
        first = first_process()
        if first:
            say(f"{self._settings.method.value} of {self._base.name} on {self._dataset.path}")
        if dry_run:
            self._tell_plan()
            return
        if first:
            check_writable(self._plan.out)
        if fresh and first:
            with Work(self._plan.work).in_hand():
                Work(self._plan.work).clear()
        record = self._train(shown=first)
        if first:
            with Work(self._plan.work).in_hand():
                self._package(record)

    def _tell_plan(self) -> None:
        plan = prepared(self._training)
        for key, value in self._settings.model_dump(mode="json", exclude_none=True).items():
            say(f"  {key} = {json.dumps(value)}")
        say(
            f"{len(plan.train.rows):,} rows to train on ({plan.train.shortened:,} shortened, "
            f"{plan.train.left_out:,} left out) with {plan.train.learned:,} tokens that count; "
            f"{len(plan.held_out.rows):,} rows held out"
        )
        needed = check_memory(self._base.config, self._settings, Machine.here(), plan.longest)
        if needed is None:
            say("note: how much memory a model of this shape needs is not known here", "yellow")
        else:
            say(f"about {needed.total / GB:.1f} GB of memory; the longest row has {plan.longest:,} tokens")
        for warning in plan.warnings:
            say(f"note: {warning}", "yellow")

    def _train(self, *, shown: bool) -> TrainingRecord:
        console = Console(stderr=True, quiet=not shown)
        stop = threading.Event()
        with stopping(stop, shown=shown), TrainingBar(console) as bar:
            record = run_training(self._training, self._plan.work / TRAINED, report=bar, stop=stop)
        if shown:
            for warning in record.warnings:
                say(f"note: {warning}", "yellow")
            say(
                f"trained {record.trainable_parameters:,} parameters on {quantised_words(record.quantised)}; held-out "
                f"loss {record.loss_before:.3f} before, {record.loss_after:.3f} after epoch {record.kept_epoch}"
            )
        return record

    def _package(self, record: TrainingRecord) -> None:
        trained, out = self._plan.work / TRAINED, self._plan.out
        points = read_history(trained)
        write_plot(points, trained, f"{self._plan.name}, {record.base}")
        if sys.stdout.isatty():
            say(draw_plot(points))
        package = Package.of(
            self._plan.name,
            self._training.layout(),
            self._dataset,
            sampling=self._plan.sampling,
            numbers=NumberType(self._plan.numbers),
            with_base=self._plan.with_base,
        )
        persona = asyncio.run(package_persona(self._base, trained, out, package))
        for file in (HISTORY, PICTURE):
            shutil.copyfile(trained / file, out / file)
        # So that it can be measured without naming its base again.
        note_base(self._state, self._base, record.base_sha256)
        note_persona(self._state, out)
        # Last: until the persona stands, an interrupted packaging goes on from what was trained.
        Work(self._plan.work).clear()
        say(f"{persona.name} stands in {out}, fingerprint {persona.fingerprint[:12]}")


def check_writable(out: Path) -> None:
    """Hours before something is written there. Raises SettingsInvalid."""
    place = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise SettingsInvalid(f"{out} cannot be written to ({error.strerror}): give another --out") from None


@contextmanager
def stopping(stop: threading.Event, *, shown: bool) -> Iterator[None]:
    """Let the first Ctrl-C end the training after its step, with a checkpoint; the second ends it at once."""
    # Of several processes each hears a terminal's Ctrl-C, and once more from whoever launched them.
    echo = _ECHO if processes() > 1 else 0.0
    first = 0.0

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if not stop.is_set():
            stop.set()
            first = time.monotonic()
            if shown:
                say_error(
                    "ending after this step; once more ends at once, and goes on from the last checkpoint"
                )
        elif time.monotonic() - first > echo:
            raise KeyboardInterrupt

    # A shell without job control has its background jobs ignore a Ctrl-C that is meant for another program.
    heard = (
        number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN
    )
    before = {number: signal.signal(number, ask) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
