"""The trainer: what is asked is what runs; the best epoch is kept; what breaks is told in one line."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.training.datasets import build
from training.errors import (
    DatasetTooSmall,
    DiskFull,
    Diverged,
    Interrupted,
    NotAsAsked,
    OutOfMemory,
    WorkTaken,
)
from training.settings import LINEAR_LAYERS, Loss, Method, TrainSettings

if TYPE_CHECKING:
    from training.base import BaseFolder
    from training.dataset.folder import DatasetFolder
    from training.record import Progress, TrainingRecord

pytestmark = pytest.mark.train

SMALL = TrainSettings(method=Method.LORA, rank=4, alpha=8, epochs=2, learning_rate=1e-2, max_length=256)


def small(**changes: object) -> TrainSettings:
    return SMALL.model_copy(update=changes)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    return build(tmp_path_factory.mktemp("dataset") / "turns")


def run(
    base: BaseFolder,
    dataset: DatasetFolder,
    folder: Path,
    settings: TrainSettings = SMALL,
    report: Callable[[Progress], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> TrainingRecord:
    from training.trainer import Training, train

    training = Training(base, dataset, settings, folder / "work")
    return train(training, folder / "out", report=report, stop=stop)


def held_out_loss(
    base: BaseFolder, dataset: DatasetFolder, adapter: Path | None, settings: TrainSettings
) -> float:
    """The loss of what lies in a folder, loaded anew as a user would."""
    from peft import PeftModel

    from training.held_out import mean_loss
    from training.model import Compute, load_model
    from training.trainer import Training, prepared

    compute = Compute("cpu", "float32")
    model = load_model(base, compute, quantised=settings.method is Method.QLORA)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter)
    rows = prepared(Training(base, dataset, settings, adapter or base.path)).held_out.rows
    return mean_loss(model, rows, compute, batch=3)


@pytest.mark.parametrize("method", [Method.LORA, Method.QLORA])
def test_training_lowers_the_held_out_loss_and_peft_loads_the_adapter(
    tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path, method: Method
) -> None:
    from training.record import TrainingRecord, read_history

    steps: list[Progress] = []
    settings = small(method=method)
    record = run(tiny_base, dataset, tmp_path, settings, report=steps.append)
    assert record.loss_after < 0.6 * record.loss_before
    assert record.train[-1] < record.train[0]
    assert (steps[-1].step, steps[-1].steps) == (28, 28)
    assert all(step.tokens_per_second > 0 for step in steps if step.held_out is None)
    assert record.modules == dict.fromkeys(sorted(LINEAR_LAYERS), 2)
    assert (record.dataset, record.recipe, record.loss) == (dataset.fingerprint, "turns", Loss.OWN)
    assert TrainingRecord.read(tmp_path / "out") == record
    measured = [point.held_out for point in read_history(tmp_path / "out") if point.held_out is not None]
    assert tuple(measured) == record.held_out
    assert held_out_loss(tiny_base, dataset, tmp_path / "out", settings) == pytest.approx(
        record.loss_after, abs=1e-4
    )
    assert held_out_loss(tiny_base, dataset, None, settings) == pytest.approx(record.loss_before, abs=1e-4)
    config = json.loads((tmp_path / "out/adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == tiny_base.name


def test_the_record_says_that_the_base_was_in_four_bits(
    tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path
) -> None:
    from training.record import Quantised

    record = run(tiny_base, dataset, tmp_path, small(method=Method.QLORA, epochs=1))
    assert record.quantised == Quantised(modules=14, bits=4, kind="nf4", double=True, compute="float32")
    plain = run(tiny_base, dataset, tmp_path / "plain", small(epochs=1))
    assert plain.quantised is None
    # In four bits another base answers, a little worse.
    assert 0 < abs(record.loss_before - plain.loss_before) < 0.5


def test_a_base_at_full_precision_is_not_taken_for_one_in_four_bits(tiny_base: BaseFolder) -> None:
    from training.checks import check_quantised
    from training.model import Compute, load_model

    compute = Compute("cpu", "float32")
    assert check_quantised(load_model(tiny_base, compute, quantised=True)).modules == 14
    with pytest.raises(NotAsAsked, match="14 of 14 layers of the base stand at full precision"):
        check_quantised(load_model(tiny_base, compute))


def test_one_layer_at_full_precision_is_noticed(tiny_base: BaseFolder) -> None:
    import torch

    from training.checks import check_quantised
    from training.model import Compute, load_model

    model = load_model(tiny_base, Compute("cpu", "float32"), quantised=True)
    model.model.layers[1].mlp.down_proj = torch.nn.Linear(96, 64, bias=False)
    with pytest.raises(NotAsAsked, match="1 of 14"):
        check_quantised(model)


def test_another_kind_of_four_bits_is_refused(tiny_base: BaseFolder) -> None:
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    from training.checks import check_quantised

    for options in ({"bnb_4bit_quant_type": "fp4"}, {"bnb_4bit_use_double_quant": False}):
        asked = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True, **options}
        model = AutoModelForCausalLM.from_pretrained(
            tiny_base.path,
            quantization_config=BitsAndBytesConfig(load_in_4bit=True, **asked),
            device_map={"": "cpu"},
        )
        with pytest.raises(NotAsAsked, match="not as nf4 with double"):
            check_quantised(model)


def test_measuring_leaves_the_four_bits_as_they_are(tiny_base: BaseFolder, dataset: DatasetFolder) -> None:
    from training.checks import check_quantised
    from training.held_out import mean_loss
    from training.model import Compute, load_model
    from training.trainer import Training, prepared

    compute = Compute("cpu", "float32")
    model = load_model(tiny_base, compute, quantised=True)
    before = check_quantised(model)
    rows = prepared(Training(tiny_base, dataset, small(), tiny_base.path)).held_out.rows
    first = mean_loss(model, rows, compute, batch=8)
    # What is evaluated may be rearranged for good by its library, and training goes on after measuring.
    assert check_quantised(model) == before
    assert mean_loss(model, rows, compute, batch=8) == first


@pytest.mark.parametrize(
    "targets", [("q_proj", "nonsense_proj"), ("nonsense_proj",)], ids=["one target missing", "all missing"]
)
def test_targets_that_the_base_lacks_are_not_passed_over(
    tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path, targets: tuple[str, ...]
) -> None:
    with pytest.raises(NotAsAsked):
        run(tiny_base, dataset, tmp_path, small(targets=targets))
    assert not (tmp_path / "out").exists()


def test_what_runs_must_be_what_was_asked(tiny_base: BaseFolder) -> None:
    from training.checks import add_lora, check_lora
    from training.model import Compute, load_model

    asked = small(targets=("q_proj",), rslora=True)
    model = add_lora(load_model(tiny_base, Compute("cpu", "float32")), asked)
    assert check_lora(model, asked) == ({"q_proj": 2}, 2 * 4 * (64 + 64))
    for other in (small(targets=("q_proj",)), small(targets=("k_proj",)), small(targets=("q_proj",), rank=8)):
        with pytest.raises(NotAsAsked):
            check_lora(model, other)
    adapter = next(weight for name, weight in model.named_parameters() if "lora_A" in name)
    adapter.data = adapter.data.bfloat16()
    with pytest.raises(NotAsAsked, match="fewer than 32 bits"):
        check_lora(model, asked)
    next(model.parameters()).requires_grad_(True)
    with pytest.raises(NotAsAsked, match="besides the adapter"):
        check_lora(model, asked)


def test_full_training_gives_a_model(tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path) -> None:
    from training.base import BaseFolder

    settings = small(method=Method.FULL, learning_rate=2e-3, epochs=1)
    record = run(tiny_base, dataset, tmp_path, settings)
    assert record.trainable_parameters == record.parameters > 100_000
    assert record.modules == {}
    loss = held_out_loss(BaseFolder(tmp_path / "out"), dataset, None, small())
    assert loss == pytest.approx(record.loss_after, abs=1e-4)
    assert loss < record.loss_before - 1


def test_the_same_seed_gives_the_same_adapter(
    tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path
) -> None:
    files = []
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        run(tiny_base, dataset, tmp_path / folder, small(seed=seed, epochs=1))
        files.append((tmp_path / folder / "out/adapter_model.safetensors").read_bytes())
    assert files[0] == files[1] != files[2]


def test_the_epoch_that_held_out_best_is_kept(
    tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path
) -> None:
    # Far too fast: after some epochs it only gets worse.
    settings = small(epochs=6, learning_rate=0.08, warmup=0)
    record = run(tiny_base, dataset, tmp_path, settings)
    losses = record.held_out[1:]
    assert record.kept_epoch == 1 + losses.index(min(losses)) < len(losses)
    assert held_out_loss(tiny_base, dataset, tmp_path / "out", settings) == pytest.approx(
        min(losses), abs=1e-4
    )


def test_steps_end_a_training_early(tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path) -> None:
    steps: list[Progress] = []
    record = run(tiny_base, dataset, tmp_path, small(steps=5), report=steps.append)
    assert max(step.step for step in steps) == 5
    assert len(record.held_out) == 2


@pytest.mark.parametrize("recipe", ["conversations", "documents", "pairs", "contact-chunks", "weclone"])
def test_every_recipe_trains(tiny_base: BaseFolder, tmp_path: Path, recipe: str) -> None:
    record = run(tiny_base, build(tmp_path / "data", recipe), tmp_path, small(epochs=1))
    assert record.loss_after < record.loss_before
    assert record.recipe == recipe
    assert record.loss is (Loss.EVERYTHING if recipe in {"documents", "contact-chunks"} else Loss.OWN)
    assert bool(record.warnings)


def test_a_pairing_that_failed_for_others_is_told(tiny_base: BaseFolder, tmp_path: Path) -> None:
    from training.model import load_tokenizer
    from training.pairing import pairing_warnings

    documents = build(tmp_path / "documents", "documents").recipe
    turns = build(tmp_path / "turns").recipe
    instruct, plain = load_tokenizer(tiny_base), load_tokenizer(tiny_base)
    plain.chat_template = None
    many = 10_000
    assert "one-word answers" in pairing_warnings(documents, instruct, Loss.EVERYTHING, many)[0]
    assert pairing_warnings(documents, plain, Loss.EVERYTHING, many) == ()
    assert pairing_warnings(turns, instruct, Loss.OWN, many) == ()
    assert "no chat template" in pairing_warnings(turns, plain, Loss.OWN, many)[0]
    assert "what the others write" in pairing_warnings(turns, instruct, Loss.EVERYTHING, many)[0]
    assert "only 20 rows" in pairing_warnings(turns, instruct, Loss.OWN, 20)[0]


def test_a_loss_that_is_no_number_ends_it(
    tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path
) -> None:
    from training.checkpoints import Work

    settings = small(learning_rate=1e30, warmup=0, clip=1e30, save_steps=1)
    with pytest.raises(Diverged, match="lower learning_rate"):
        run(tiny_base, dataset, tmp_path, settings)
    assert Work(tmp_path / "work").last() is not None
    assert not (tmp_path / "out").exists()


def test_a_weight_that_is_no_number_is_not_kept(
    tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path
) -> None:
    import torch
    from trl import SFTTrainer

    from training.checkpoints import Work

    clipped = SFTTrainer._clip_grad_norm

    def poisoned(self: Any, model: Any) -> Any:  # noqa: ANN401
        found = clipped(self, model)
        if self.state.global_step == 2:
            # As an overflow on the way back leaves it: the loss of this step is a number still.
            next(weight for weight in model.parameters() if weight.grad is not None).grad.fill_(torch.nan)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SFTTrainer, "_clip_grad_norm", poisoned)
        with pytest.raises(Diverged, match="a weight is no number any more after step 3"):
            run(tiny_base, dataset, tmp_path, small(save_steps=1))
    last = Work(tmp_path / "work").last()
    assert last is not None
    assert last.name == "checkpoint-2"
    assert run(tiny_base, dataset, tmp_path, small(save_steps=1)).resumed == (2,)


def test_a_held_out_loss_that_is_no_number_ends_it(
    tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path
) -> None:
    import training.trainer as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "summed_loss", lambda *_, **__: (float("nan"), 1))
        with pytest.raises(Diverged, match="held-out loss"):
            run(tiny_base, dataset, tmp_path)


def test_rows_that_do_not_fit_are_told(tiny_base: BaseFolder, tmp_path: Path) -> None:
    from training.trainer import Training, prepared

    # An answer without its end would be learned to never end, so that such a row is not cut.
    dataset = build(tmp_path / "data", "pairs")
    lengths = sorted(
        len(row.ids) for row in prepared(Training(tiny_base, dataset, small(), tmp_path)).train.rows
    )
    told = prepared(Training(tiny_base, dataset, small(max_length=lengths[len(lengths) // 2]), tmp_path))
    count = told.train.left_out + told.held_out.left_out
    assert count > 0
    assert f"{count} rows do not fit into max_length, and are left out" in told.warnings


def test_two_trainings_do_not_share_a_folder(
    tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path
) -> None:
    def another(progress: Progress) -> None:
        if progress.step == 2:
            with pytest.raises(WorkTaken, match="another process"):
                run(tiny_base, dataset, tmp_path)

    assert run(tiny_base, dataset, tmp_path, small(steps=3), report=another).resumed == ()


def test_another_training_is_not_gone_on_with(
    tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path
) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Interrupted, match="after step 1 of 28"):
        run(tiny_base, dataset, tmp_path, stop=stop)
    with pytest.raises(WorkTaken, match=r"another rank \(4\):"):
        run(tiny_base, dataset, tmp_path, small(rank=8))
    with pytest.raises(WorkTaken, match="another dataset"):
        run(tiny_base, build(tmp_path / "other", changes=("silences = 0",)), tmp_path)
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange/notes.txt").write_text("mine")
    from training.checkpoints import Work

    with pytest.raises(WorkTaken, match="something else"), Work(tmp_path / "strange").in_hand():
        pass
    assert [path.name for path in (tmp_path / "strange").iterdir()] == ["notes.txt"]
    Work(tmp_path / "strange").clear()
    assert (tmp_path / "strange/notes.txt").exists()


def test_what_fits_nowhere_is_said(tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path) -> None:
    with pytest.raises(DatasetTooSmall, match="max_length"):
        run(tiny_base, dataset, tmp_path, small(max_length=8))


def test_memory_that_does_not_suffice_is_told(
    tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path
) -> None:
    import torch

    def full(_: object) -> None:
        # What torch raises for a GPU, which there may be none of here; and for the machine, for real.
        if kind == "gpu":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        torch.empty(1 << 60, dtype=torch.uint8)

    for kind in ("gpu", "machine"):
        with pytest.raises(OutOfMemory, match="smaller batch"):
            run(tiny_base, dataset, tmp_path / kind, report=full)


@pytest.mark.parametrize("file", ["adapter_model.safetensors", "tokenizer.json", "optimizer.pt"])
def test_a_file_that_may_not_grow_ends_it_with_the_last_checkpoint_kept(
    tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path, file: str
) -> None:
    """Each is written by another library, which has words of its own for a full disk."""
    import resource

    from training.checkpoints import Work

    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(progress: Progress) -> None:
        if progress.step == 6:
            size = (tmp_path / "work/checkpoint-5" / file).stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size - 100, before[1]))

    settings = small(save_steps=5)
    try:
        with pytest.raises(DiskFull, match="make room"):
            run(tiny_base, dataset, tmp_path, settings, report=limit)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    last = Work(tmp_path / "work").last()
    assert last is not None
    assert last.name == "checkpoint-5"
    record = run(tiny_base, dataset, tmp_path, settings)
    assert record.resumed == (5,)


def test_tensorboard_is_written_for_where_it_is_installed(
    tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is optional, and not installed")
    run(tiny_base, dataset, tmp_path, small(steps=3))
    assert list((tmp_path / "out/tensorboard").glob("events.*"))
