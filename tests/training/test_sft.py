"""Packing keeps conversations apart, the order can be gone on with, and two devices do what one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.training.datasets import build
from training.record import TrainingRecord
from training.settings import Method, TrainSettings

if TYPE_CHECKING:
    from training.base import BaseFolder
    from training.dataset.folder import DatasetFolder
    from training.sft import Sft

pytestmark = pytest.mark.train

SETTINGS = TrainSettings(
    method=Method.LORA, rank=4, alpha=8, dropout=0, epochs=1, learning_rate=1e-2, max_length=256, packing=True
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    return build(tmp_path_factory.mktemp("dataset") / "turns")


@pytest.fixture
def trainer(
    tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Sft:
    """The trainer of a real training, after it ran."""
    import training.sft as module
    from training.trainer import Training, train

    made: list[Sft] = []
    begun = module.Sft.__init__

    def watched(self: Any, *args: Any, **options: Any) -> None:  # noqa: ANN401
        begun(self, *args, **options)
        made.append(self)

    monkeypatch.setattr(module.Sft, "__init__", watched)
    train(Training(tiny_base, dataset, SETTINGS, tmp_path / "work"), tmp_path / "out")
    return made[0]


def test_an_example_in_a_pack_reads_as_alone(
    trainer: Sft, tiny_base: BaseFolder, dataset: DatasetFolder
) -> None:
    import torch

    from training.trainer import Training, prepared

    alone = {
        row.ids: row for row in prepared(Training(tiny_base, dataset, SETTINGS, tiny_base.path)).train.rows
    }
    model = trainer.model.eval()
    seen, most = 0, 0
    for batch in trainer.get_train_dataloader():
        with torch.no_grad():
            packed = model(**batch, fused_lm_head=True)
        starts = (batch["position_ids"][0] == 0).nonzero().flatten().tolist()
        ends = [*starts[1:], batch["input_ids"].shape[1]]
        most = max(most, len(starts))
        for start, end in zip(starts, ends, strict=True):
            row = alone[tuple(batch["input_ids"][0, start:end].tolist())]
            ids, labels = torch.tensor([row.ids]), torch.tensor([row.labels])
            with torch.no_grad():
                single = model(
                    input_ids=ids, labels=labels, attention_mask=torch.ones_like(ids), fused_lm_head=True
                )
            there = packed.log_probs[0, start : end - 1]
            assert torch.allclose(there, single.log_probs[0], atol=1e-5)
            # What is learned in the pack is what is learned alone, no more at the seams.
            assert (packed.label_mask[0, start : end - 1] == single.label_mask[0]).all()
            assert end == batch["input_ids"].shape[1] or not packed.label_mask[0, end - 1]
            seen += 1
    assert seen == len(dataset.rows("train"))
    assert most > 8


def test_a_pack_that_is_read_as_one_text_reads_otherwise(trainer: Sft) -> None:
    """The test above can fail: without the marks of where rows begin, the same pack gives other figures."""
    import torch

    model = trainer.model.eval()
    batch = next(iter(trainer.get_train_dataloader()))
    with torch.no_grad():
        apart = model(**batch, fused_lm_head=True).log_probs
        joined = model(
            input_ids=batch["input_ids"],
            labels=batch["labels"],
            attention_mask=torch.ones_like(batch["input_ids"]),
            fused_lm_head=True,
        ).log_probs
    assert not torch.allclose(apart, joined, atol=1e-2)


def test_a_pack_is_never_longer_than_asked_and_no_row_is_cut(
    trainer: Sft, tiny_base: BaseFolder, dataset: DatasetFolder
) -> None:
    from training.trainer import Training, prepared

    rows = prepared(Training(tiny_base, dataset, SETTINGS, tiny_base.path)).train.rows
    packs = trainer.train_dataset
    assert all(len(pack["input_ids"]) <= SETTINGS.max_length for pack in packs)
    lengths = sorted(length for pack in packs for length in pack["seq_lengths"])
    assert lengths == sorted(len(row.ids) for row in rows)
    assert len(packs) < len(rows) / 3


def test_the_order_hangs_on_seed_and_epoch_alone() -> None:
    from training.sft import Order

    lengths = [5, 9, 7, 30, 2, 8, 8, 1, 12, 4, 4] * 6
    orders = []
    for seed, epoch in ((1, 0), (1, 1), (2, 0), (1, 0)):
        order = Order(lengths, 4, seed)
        order.set_epoch(epoch)
        orders.append(list(order))
        assert sorted(orders[-1]) == list(range(len(lengths)))
    assert orders[0] == orders[3]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    # Not only when a step comes, but who is in it.
    assert set(orders[0][:4]) not in [set(orders[1][begin : begin + 4]) for begin in range(0, 64, 4)]


def test_rows_of_like_length_meet() -> None:
    from training.sft import Order

    lengths = [length for length in range(1, 33) for _ in range(16)]
    steps = list(Order(lengths, 8, 0))
    spread = [
        max(lengths[row] for row in steps[begin : begin + 8])
        - min(lengths[row] for row in steps[begin : begin + 8])
        for begin in range(0, len(steps), 8)
    ]
    assert max(spread) <= 4


CHILD = """
import sys
from pathlib import Path
from training.base import BaseFolder
from training.dataset.folder import open_dataset
from training.settings import TrainSettings
from training.trainer import Training, train

base, data, folder, settings = sys.argv[1:]
training = Training(
    BaseFolder(Path(base)), open_dataset(Path(data)), TrainSettings.model_validate_json(settings), Path(folder) / "work"
)
train(training, Path(folder) / "out")
"""


@pytest.mark.timeout(400)
def test_two_processes_train_what_one_trains(
    tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    from training.trainer import Training, train

    (tmp_path / "child.py").write_text(CHILD)
    # Up to the epoch's last step, which is no whole one: two devices fill it up with rows from the beginning.
    steps = {"packing": False, "epochs": 1, "steps": 13}
    one = SETTINGS.model_copy(update={**steps, "batch": 8})
    two = SETTINGS.model_copy(update={**steps, "batch": 4})
    # What `accelerate launch` starts for several cards; on CPUs it would want MPI.
    own = (str(tiny_base.path), str(dataset.path), str(tmp_path / "two"), two.model_dump_json())
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"),
            *(str(tmp_path / "child.py"), *own),
        ],
        env={**os.environ, "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    record = train(Training(tiny_base, dataset, one, tmp_path / "one/work"), tmp_path / "one/out")
    shared = TrainingRecord.read(tmp_path / "two/out")
    assert (record.devices, shared.devices) == (1, 2)
    assert shared.held_out == pytest.approx(record.held_out, abs=1e-5)
    assert shared.train == pytest.approx(record.train, abs=1e-5)
    first, second = (load_file(tmp_path / name / "out/adapter_model.safetensors") for name in ("one", "two"))
    assert max(float((first[name] - second[name]).abs().max()) for name in first) < 1e-5
