"""A training that is killed and asked for again gives what one that nobody disturbed gives."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.training.datasets import build
from training.checkpoints import SEAL, Work, is_whole, seal
from training.errors import Interrupted
from training.record import Progress, TrainingRecord
from training.settings import Method, TrainSettings

if TYPE_CHECKING:
    from training.base import BaseFolder
    from training.dataset.folder import DatasetFolder

pytestmark = pytest.mark.train

# Dropout, so that the random numbers must go on as well; steps that do not divide into epochs.
SETTINGS = TrainSettings(
    method=Method.QLORA,
    rank=4,
    alpha=8,
    dropout=0.2,
    epochs=3,
    learning_rate=5e-3,
    max_length=256,
    save_steps=3,
)
CHILD = """
import sys, time
from pathlib import Path
from training.base import BaseFolder
from training.dataset.folder import open_dataset
from training.settings import TrainSettings
from training.trainer import Training, train

base, data, folder, settings = sys.argv[1:]

def slowly(progress):
    # As long as a step of a real one, so that a kill can hit it anywhere.
    print(progress.step, flush=True)
    time.sleep(0.05)

training = Training(
    BaseFolder(Path(base)), open_dataset(Path(data)), TrainSettings.model_validate_json(settings), Path(folder) / "work"
)
train(training, Path(folder) / "out", report=slowly)
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    return build(tmp_path_factory.mktemp("dataset") / "turns")


def arguments(base: BaseFolder, dataset: DatasetFolder, folder: Path) -> list[str]:
    own = (str(base.path), str(dataset.path), str(folder), SETTINGS.model_dump_json())
    return [sys.executable, "-W", "ignore", "-c", CHILD, *own]


def train_here(
    base: BaseFolder, dataset: DatasetFolder, folder: Path, settings: TrainSettings = SETTINGS
) -> TrainingRecord:
    from training.trainer import Training, train

    return train(Training(base, dataset, settings, folder / "work"), folder / "out")


def weights(folder: Path) -> dict[str, object]:
    from safetensors.torch import load_file

    return dict(load_file(folder / "out/adapter_model.safetensors"))


def apart(one: Path, other: Path) -> float:
    """How far the two adapters are apart, at the most."""
    first, second = weights(one), weights(other)
    assert set(first) == set(second)
    return max(float((first[name] - second[name]).abs().max()) for name in first)  # type: ignore[operator]


@pytest.fixture(scope="module")
def undisturbed(
    tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    train_here(tiny_base, dataset, folder)
    return folder


@pytest.mark.timeout(400)
def test_killed_twice_and_gone_on_with(
    tiny_base: BaseFolder, dataset: DatasetFolder, undisturbed: Path, tmp_path: Path
) -> None:
    # Within the first epoch, and within the last; wherever the process is then.
    for step in (5, 33):
        process = subprocess.Popen(arguments(tiny_base, dataset, tmp_path), stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= step:
                break
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
        assert Work(tmp_path / "work").last() is not None
        assert not (tmp_path / "out").exists()
    record = train_here(tiny_base, dataset, tmp_path)
    whole = TrainingRecord.read(undisturbed / "out")
    assert len(record.resumed) == 2
    assert record.resumed[0] < record.resumed[1]
    assert record.held_out == pytest.approx(whole.held_out, abs=1e-6)
    assert record.train == pytest.approx(whole.train, abs=1e-6)
    assert record.kept_epoch == whole.kept_epoch
    assert apart(tmp_path, undisturbed) < 1e-6


def test_an_end_at_the_end_of_an_epoch_measures_it_first(
    tiny_base: BaseFolder, dataset: DatasetFolder, undisturbed: Path, tmp_path: Path
) -> None:
    from training.trainer import Training, train

    stop = threading.Event()

    def ask(progress: Progress) -> None:
        if progress.step == 13:
            stop.set()

    training = Training(tiny_base, dataset, SETTINGS, tmp_path / "work")
    with pytest.raises(Interrupted, match="after step 14 of 42"):
        train(training, tmp_path / "out", report=ask, stop=stop)
    record = train_here(tiny_base, dataset, tmp_path)
    assert record.held_out == pytest.approx(TrainingRecord.read(undisturbed / "out").held_out, abs=1e-6)
    assert apart(tmp_path, undisturbed) < 1e-6


def test_a_kill_between_training_and_saving_costs_nothing(
    tiny_base: BaseFolder, dataset: DatasetFolder, undisturbed: Path, tmp_path: Path
) -> None:
    shutil.copytree(undisturbed / "work", tmp_path / "work")
    record = train_here(tiny_base, dataset, tmp_path)
    assert record.held_out == TrainingRecord.read(undisturbed / "out").held_out
    assert apart(tmp_path, undisturbed) == 0


def test_a_checkpoint_that_was_cut_off_is_passed_over(
    tiny_base: BaseFolder, dataset: DatasetFolder, undisturbed: Path, tmp_path: Path
) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        shutil.copytree(undisturbed / "work", folder / "work")
        last = Work(folder / "work").last()
        assert last is not None
        whole = last.name
        if folder.name == "a":
            # As a power failure leaves it: the names are there, and not all of the bytes.
            (last / "optimizer.pt").write_bytes((last / "optimizer.pt").read_bytes()[:-100])
        else:
            (last / SEAL).unlink()
        before = Work(folder / "work").last()
        assert before is not None
        assert before.name != whole
        record = train_here(tiny_base, dataset, folder)
        assert record.resumed == (int(before.name.rpartition("-")[2]),)
        assert apart(folder, undisturbed) < 1e-6


def test_no_whole_checkpoint_means_from_the_beginning(
    tiny_base: BaseFolder, dataset: DatasetFolder, undisturbed: Path, tmp_path: Path
) -> None:
    shutil.copytree(undisturbed / "work", tmp_path / "work")
    for sealed in (tmp_path / "work").glob(f"checkpoint-*/{SEAL}"):
        sealed.write_text("")
    assert train_here(tiny_base, dataset, tmp_path).resumed == ()
    assert apart(tmp_path, undisturbed) == 0


def test_a_seal_tells_every_change(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint-7"
    (folder / "inner").mkdir(parents=True)
    (folder / "weights").write_bytes(b"1234")
    (folder / "inner/state").write_bytes(b"12")
    assert not is_whole(folder)
    seal(folder)
    assert is_whole(folder)
    assert json.loads((folder / SEAL).read_text()) == {"inner/state": 2, "weights": 4}
    for change in (b"123", b""):
        (folder / "weights").write_bytes(change)
        assert not is_whole(folder)
    (folder / "weights").unlink()
    assert not is_whole(folder)


def test_the_newest_is_told_by_number_not_by_name(tmp_path: Path) -> None:
    for step in (9, 10, 100):
        (tmp_path / f"checkpoint-{step}").mkdir()
        seal(tmp_path / f"checkpoint-{step}")
    (tmp_path / f"checkpoint-{step}0").mkdir()
    assert Work(tmp_path).last() == tmp_path / "checkpoint-100"
