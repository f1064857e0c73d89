"""The study: it ends with as many results as asked, whatever fails, dies or works beside it."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path

import optuna
import pytest

from training.errors import NotAsAsked, TrainingError, TuningFailed
from training.evaluation.estimate import Estimate
from training.settings import TrainSettings, read_settings
from training.space import Space, Suggestion
from training.tune import STUDY, Heard, Result, Tuning, best

pytestmark = pytest.mark.train

SPACE = Space.read(["rank=2,4,8,16", "learning_rate=1e-5..1e-1", "epochs=1..3"])


def peak(suggestion: Suggestion, work: Path, heard: Heard) -> Estimate:
    """A score with its top at rank 8 and a learning rate of 1e-3."""
    settings = read_settings(changes=suggestion.settings)
    value = 100 - 5 * abs(math.log2(settings.rank / 8)) - 10 * abs(math.log10(settings.learning_rate) + 3)
    return Estimate(value, value - 2, value + 2)


def tuning(folder: Path, measure: object = peak, **changes: object) -> Tuning:
    options: dict[str, object] = {
        "file": folder / "study.db",
        "space": SPACE,
        "settings": TrainSettings(),
        "asked": {"dataset": "abc"},
        "measure": measure,
        "seed": 1,
        "heartbeat": 1,
        **changes,
    }
    return Tuning(**options)  # type: ignore[arg-type]


def test_the_best_of_a_study_is_found_and_explained(tmp_path: Path) -> None:
    heard: list[Result] = []
    study = tuning(tmp_path)
    study.run(20, heard.append)
    found = study.results()
    assert list(found) == heard
    assert [result.number for result in found] == list(range(20))
    top = best(found)
    assert top is not None
    assert top.score is not None
    assert top.score.value == max(result.score.value for result in found if result.score is not None)
    assert top.score.value > 92, "it learned where to look"
    assert (top.score.low, top.score.high) == (top.score.value - 2, top.score.value + 2)
    importance = study.importance()
    assert sum(importance.values()) == pytest.approx(1)
    assert max(importance, key=lambda name: importance[name]) == "learning_rate"
    assert importance["epochs"] < 0.2, "the score does not look at the epochs"


def test_a_run_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    tuning(tmp_path).run(3)
    tuning(tmp_path).run(3)
    assert len(tuning(tmp_path).results()) == 3
    tuning(tmp_path).run(5)
    assert len(tuning(tmp_path).results()) == 5


def test_a_study_of_something_else_is_refused(tmp_path: Path) -> None:
    tuning(tmp_path).run(1)
    with pytest.raises(NotAsAsked, match="searches something else"):
        tuning(tmp_path, asked={"dataset": "other"}).run(2)


def test_what_was_tried_already_is_not_trained_again(tmp_path: Path) -> None:
    trained: list[Suggestion] = []

    def measure(suggestion: Suggestion, work: Path, heard: Heard) -> Estimate:
        trained.append(suggestion)
        return Estimate(float(len(trained)), 0, 10)

    study = tuning(tmp_path, measure, space=Space.read(["rank=2,4"]))
    study.run(6)
    assert len(trained) == 2
    scores = {result.suggestion: result.score for result in study.results()}
    assert len(study.results()) == 6
    assert [scores[suggestion] for suggestion in trained] == [Estimate(1, 0, 10), Estimate(2, 0, 10)]


def test_a_file_that_is_no_study_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text("something else entirely, and long enough to be read as a header")
    with pytest.raises(NotAsAsked, match="is no study"):
        tuning(tmp_path).run(1)


def test_what_falls_behind_is_pruned_by_its_held_out_loss(tmp_path: Path) -> None:
    finished: list[float] = []

    def measure(suggestion: Suggestion, work: Path, heard: Heard) -> Estimate:
        rate = read_settings(changes=suggestion.settings).learning_rate
        for epoch in range(1, 4):
            # The larger, the worse, from the first epoch on.
            heard(epoch, rate * 10)
        finished.append(rate)
        return Estimate(1 - rate, 0.0, 1.0)

    study = tuning(tmp_path, measure)
    study.run(14)
    pruned = [result for result in study.results() if result.state == "pruned"]
    assert pruned
    assert len(finished) + len(pruned) == 14
    rates = [read_settings(changes=result.suggestion.settings).learning_rate for result in pruned]
    assert min(rates) > min(finished)
    assert all("after epoch" in result.reason for result in pruned)


def test_trials_that_fail_do_not_end_a_study(tmp_path: Path) -> None:
    def measure(suggestion: Suggestion, work: Path, heard: Heard) -> Estimate:
        (work / "checkpoint").write_bytes(b"x")
        rank = read_settings(changes=suggestion.settings).rank
        if rank == 16:
            raise TrainingError("out of memory: lower the batch")
        if rank == 2:
            raise ValueError("'a message that somebody wrote'")
        return peak(suggestion, work, heard)

    study = tuning(tmp_path, measure)
    study.run(12)
    found = study.results()
    assert len(found) == 12
    reasons = {result.reason for result in found if result.state == "failed"}
    assert reasons == {"out of memory: lower the batch", "ValueError"}
    assert best(found) is not None
    assert list(study.work.iterdir()) == [], "nothing of a trial stays"


def test_a_study_of_which_nothing_came_says_why(tmp_path: Path) -> None:
    def measure(suggestion: Suggestion, work: Path, heard: Heard) -> Estimate:
        raise TrainingError("the loss is no number any more")

    with pytest.raises(TuningFailed, match=r"none of 3 trials came to its end.*no number"):
        tuning(tmp_path, measure).run(3)


CHILD = """
    import sys, time
    from pathlib import Path
    from tests.training.test_tune import peak, tuning
    folder, trials, slow = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

    def measure(suggestion, work, heard):
        if slow == "hang":
            (work / "checkpoint").write_text("from the one that died")
            (folder / "hangs").touch()
            time.sleep(600)
        time.sleep(float(slow))
        return peak(suggestion, work, heard)

    # Only where it hangs is it to be taken for dead soon.
    tuning(folder, measure, seed=None, heartbeat=1 if slow == "hang" else 30).run(trials)
"""


def child(folder: Path, trials: int, slow: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(CHILD), str(folder), str(trials), slow])


def test_a_trial_that_was_killed_is_tried_again_from_its_checkpoint(tmp_path: Path) -> None:
    tuning(tmp_path).run(2)
    process = child(tmp_path, 4, "hang")
    while not (tmp_path / "hangs").exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    found: list[tuple[Suggestion, str]] = []

    def measure(suggestion: Suggestion, work: Path, heard: Heard) -> Estimate:
        kept = work / "checkpoint"
        found.append((suggestion, kept.read_text() if kept.exists() else ""))
        return peak(suggestion, work, heard)

    study = tuning(tmp_path, measure)
    study.run(5)
    assert len(study.results()) == 5
    again = [suggestion for suggestion, checkpoint in found if checkpoint]
    assert len(again) == 1, "tried again once, in the folder of the one that died"
    assert again[0].settings in [result.suggestion.settings for result in study.results()]
    assert not any(study.work.iterdir())


def test_an_interrupted_trial_is_tried_again_by_the_next_run(tmp_path: Path) -> None:
    met: list[tuple[str, ...]] = []

    def interrupted(suggestion: Suggestion, work: Path, heard: Heard) -> Estimate:
        met.append(suggestion.settings)
        (work / "checkpoint").write_text("so far")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tuning(tmp_path, interrupted).run(2)

    def measure(suggestion: Suggestion, work: Path, heard: Heard) -> Estimate:
        met.append(suggestion.settings)
        assert (work / "checkpoint").exists() == (len(met) == 2)
        return peak(suggestion, work, heard)

    study = tuning(tmp_path, measure)
    study.run(2)
    assert met[0] == met[1] != met[2]
    assert len(study.results()) == 2


def test_what_a_trial_left_that_is_not_tried_again_goes_with_the_end(tmp_path: Path) -> None:
    study = tuning(tmp_path)
    study.run(2)
    for number in (1, 2):
        (study.work / str(number)).mkdir()
    study.run(2)
    # The third would be another process's, begun a moment ago.
    assert [folder.name for folder in study.work.iterdir()] == ["2"]


def test_what_another_process_tries_at_the_moment_keeps_its_checkpoints(tmp_path: Path) -> None:
    study = tuning(tmp_path)
    study.run(1)
    # A trial that somebody has begun and not ended.
    other = optuna.load_study(study_name=STUDY, storage=f"sqlite:///{study.file.resolve()}").ask()
    (study.work / str(other.number)).mkdir()
    (study.work / "0").mkdir()
    study.run(1)
    assert [folder.name for folder in study.work.iterdir()] == [str(other.number)]


def test_two_processes_share_one_study(tmp_path: Path) -> None:
    processes = [child(tmp_path, 12, "0.3") for _ in range(2)]
    assert [process.wait(90) for process in processes] == [0, 0]
    found = tuning(tmp_path).results()
    # Both may take the last one on at the same moment.
    assert len(found) in {12, 13}
    assert Counter(result.state for result in found) == {"complete": len(found)}
    assert len({result.suggestion.settings for result in found}) > 6, "they do not draw the same"
