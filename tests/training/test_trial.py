"""One trial: trained as suggested, heard of after each epoch, scored on rows that training did not see."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.training.datasets import build
from training.errors import MemoryTooSmall, TuningFailed
from training.record import Progress
from training.settings import TrainSettings
from training.space import Space, Suggestion

if TYPE_CHECKING:
    from training.base import BaseFolder
    from training.trial import Trials
    from training.tune import Tuning

pytestmark = pytest.mark.train

QUICK = ("method=lora", "learning_rate=0.02", "batch=16", "max_length=256")


def trials(base: BaseFolder, folder: Path, **changes: object) -> Trials:
    from inference.sampling import Sampling
    from training.trial import Trials

    options: dict[str, object] = {
        "base": base,
        "dataset": build(folder / "data"),
        "name": "Sam",
        "fixed": QUICK,
        "answers": 24,
        "sampling": Sampling(temperature=0, max_tokens=12),
    }
    return Trials(**{**options, **changes})  # type: ignore[arg-type]


def test_a_trial_tells_of_each_epoch_and_scores_above_a_trial_that_learns_nothing(
    tiny_base: BaseFolder, tmp_path: Path
) -> None:
    bench = trials(tiny_base, tmp_path)
    heard: list[tuple[int, float]] = []

    def hear(epoch: int, share: float) -> None:
        heard.append((epoch, share))

    good = bench.measure(Suggestion(("rank=8", "epochs=3"), ()), tmp_path / "good", hear)
    assert [epoch for epoch, _ in heard] == [1, 2, 3]
    assert heard[-1][1] < heard[0][1] < 1, "a share of the bare base's loss"
    heard.clear()
    idle = bench.measure(
        Suggestion(("rank=8", "epochs=1", "learning_rate=1e-9"), ()), tmp_path / "idle", hear
    )
    assert heard[0][1] == pytest.approx(1, abs=0.01)
    assert good.value > idle.high
    assert good.low <= good.value <= good.high <= 100
    assert bench.dataset.rows("test")
    asked = {one.case.row for bare in bench._bare.values() for one in bare.said}
    assert asked <= set(bench.dataset.rows("valid")), "the test rows stay unseen for the evaluation"


def test_recipe_options_build_the_dataset_anew(tiny_base: BaseFolder, tmp_path: Path) -> None:
    asked: list[tuple[str, ...]] = []

    def rebuild(changes: Sequence[str], out: Path) -> None:
        asked.append(tuple(changes))
        build(out, changes=changes)

    bench = trials(tiny_base, tmp_path, rebuild=rebuild)
    work = tmp_path / "work"
    bench.measure(Suggestion(("epochs=1",), ("history_messages=2",)), work, lambda epoch, share: None)
    assert asked == [("history_messages=2",)]
    assert "history_messages = 2" in (work / "dataset" / "recipe.toml").read_text()


def test_a_trial_that_would_not_fit_is_not_begun(tiny_base: BaseFolder, tmp_path: Path) -> None:
    bench = trials(tiny_base, tmp_path, fixed=("method=lora",))
    with pytest.raises(MemoryTooSmall):
        bench.measure(Suggestion(("batch=4000000",), ()), tmp_path / "work", lambda epoch, share: None)


def study(bench: Trials, folder: Path) -> Tuning:
    from training.tune import Tuning

    return Tuning(
        folder / "study.db", Space.read(["rank=4,8"]), TrainSettings(), {}, bench.measure, seed=1, heartbeat=1
    )


CHILD = """
    import sys
    from pathlib import Path
    from tests.training.test_trial import QUICK, study, trials
    from training.base import BaseFolder

    base, folder = map(Path, sys.argv[1:])
    slow = (*QUICK, "epochs=400", "save_steps=2")
    study(trials(BaseFolder(base), folder, fixed=slow), folder).run(1)
"""


def test_a_training_that_was_killed_in_a_search_goes_on_from_its_checkpoint(
    tiny_base: BaseFolder, tmp_path: Path
) -> None:
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        textwrap.dedent(CHILD),
        str(tiny_base.path),
        str(tmp_path),
    ]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    work = tmp_path / "study.trials" / "0"
    while len(list(work.glob("training/checkpoint-*"))) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    heard: list[Progress] = []

    class Enough(Exception):
        """It was seen to go on: 400 epochs are for a kill to hit, not for a test to wait for."""

    def report(progress: Progress) -> None:
        heard.append(progress)
        if len(heard) == 3:
            raise Enough

    slow = (*QUICK, "epochs=400", "save_steps=2")
    bench = trials(tiny_base, tmp_path, fixed=slow, report=report)
    again = study(bench, tmp_path)
    with pytest.raises(TuningFailed, match="Enough"):
        again.run(1)
    assert heard[0].step > 2, "it did not begin anew"
    assert heard[0].steps > 400
