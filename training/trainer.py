"""Training an adapter, or a whole model, on a dataset: what was asked, checked, saved on the way, and gone on with."""

from __future__ import annotations

import importlib.util
import json
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from datasets import Dataset
from peft import PeftModel
from transformers import PrinterCallback
from trl import SFTConfig

from inference.prompt import PromptFormat
from training.base import BaseFolder
from training.checkpoints import Work
from training.checks import add_lora, check_attention, check_full, check_lora, check_quantised
from training.dataset.folder import DatasetFolder
from training.dataset.row import Row
from training.errors import (
    BaseUnusable,
    DatasetTooSmall,
    Interrupted,
    SettingsUnusable,
)
from training.held_out import summed_loss
from training.layout import Encoded, Layout, form_of, layout_of, loss_of
from training.memory import Machine, check_memory
from training.model import Compute, first_process, load_model, load_tokenizer
from training.pairing import pairing_warnings
from training.quiet import quiet
from training.record import Progress, Quantised, TrainingRecord, write_history
from training.settings import Loss, Method, TrainSettings
from training.sft import Sft, Watch, held_out, points
from training.shape import shape_of
from training.translation import told


@dataclass(frozen=True, slots=True)
class Training:
    """What is to be trained. Checkpoints live in the folder `work`.

    One training has that folder to itself: asked for again, it goes on where it was. `form` is how its prompts
    are built, by default as the dataset's recipe builds them, with the owner's name.
    """

    base: BaseFolder
    dataset: DatasetFolder
    settings: TrainSettings
    work: Path
    form: PromptFormat | None = None

    def layout(self) -> Layout:
        """How its rows become text. Raises BaseUnusable."""
        owners = tuple(self.dataset.facts.get("owners") or ("Me",))
        form = self.form or form_of(self.dataset.recipe, owners[0])
        return layout_of(self.dataset.recipe, load_tokenizer(self.base), form)


def train(
    training: Training,
    out: Path,
    *,
    report: Callable[[Progress], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> TrainingRecord:
    """Train, and save what held out best to `out` with its record and history; blocks until it is done.

    What is saved is an adapter in PEFT's form, or with the method `full` a model. Once `stop` is set, the
    training saves and raises Interrupted. The same seed on the same machine and number of threads gives the
    same adapter, interrupted or not. Raises BaseUnusable, DatasetTooSmall, MemoryTooSmall, NotAsAsked, WorkTaken
    and TrainingBroke; the work folder keeps the last whole checkpoint.
    """
    with told(), torch.random.fork_rng(), quiet():
        return _Run(training, report, stop or threading.Event()).run(out)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A dataset as it will be trained on. `repeated` is as `TrainingRecord` has it."""

    layout: Layout
    loss: Loss
    train: Encoded
    held_out: Encoded
    repeated: float
    warnings: tuple[str, ...]

    @property
    def longest(self) -> int:
        """How many tokens the longest row has, trained on or held out."""
        return max(len(row.ids) for row in (*self.train.rows, *self.held_out.rows))


def prepared(training: Training) -> Prepared:
    """Lay out and tokenize a dataset; the base itself is not loaded. Raises BaseUnusable and DatasetTooSmall."""
    recipe, settings = training.dataset.recipe, training.settings
    shape = shape_of(training.base)
    shape.check(settings)
    layout, loss = training.layout(), loss_of(recipe, settings.loss)
    rows = training.dataset.rows("train")
    kept_back = training.dataset.rows("valid") or training.dataset.rows("test")
    train_rows = layout.encode_all(rows, loss, settings.max_length)
    held_out_rows = layout.encode_all(kept_back, loss, settings.max_length)
    if not train_rows.rows or not held_out_rows.rows:
        raise DatasetTooSmall(
            "there is nothing to train on, or nothing held out to measure on, that fits into max_length: raise "
            "that, or build the dataset with split.held_out"
        )
    if shape.vocabulary is not None and shape.vocabulary <= max(
        max(row.ids) for row in (*train_rows.rows, *held_out_rows.rows)
    ):
        raise BaseUnusable(
            "the base's tokenizer has tokens that its model does not know: download the base again"
        )
    told = (*layout.notes, *pairing_warnings(recipe, layout.tokenizer, loss, len(train_rows.rows)))
    if lost := train_rows.left_out + held_out_rows.left_out:
        told += (f"{lost} rows do not fit into max_length, and are left out",)
    return Prepared(layout, loss, train_rows, held_out_rows, _repeated(rows, kept_back), told)


class _Run:
    """One training from its rows to its record."""

    def __init__(self, training: Training, report: Callable[[Progress], None], stop: threading.Event) -> None:
        self._training = training
        self._settings = training.settings
        self._compute = Compute.best(training.settings.precision)
        if self._compute.device == "cpu" and self._compute.precision == "float16":
            raise SettingsUnusable("precision fp16 needs a GPU: set precision=auto")
        self._rows = prepared(training)
        self._work = Work(training.work)
        self._report = report
        self._stop = stop
        self._trainer: Any = None

    def run(self, out: Path) -> TrainingRecord:
        # Before a byte of the base is read: that takes minutes where it is large.
        check_memory(self._training.base.config, self._settings, Machine.here(), self._rows.longest)
        with self._work.in_hand() if first_process() else nullcontext():
            return self._trained(out)

    def _trained(self, out: Path) -> TrainingRecord:
        arguments = self._arguments()
        first = arguments.process_index == 0
        base_sha256 = self._training.base.sha256()
        if first:
            self._work.claim(
                {
                    "base": base_sha256,
                    "dataset": self._training.dataset.fingerprint,
                    "settings": self._settings.model_dump(mode="json"),
                    "layout": [self._rows.layout.template, repr(self._rows.layout.form)],
                    "number of devices": arguments.world_size,
                }
            )
        # No other process may look for checkpoints before what lies there was found to be ours.
        PartialState().wait_for_everyone()
        # Before anything draws: the untrained adapter is drawn, too.
        torch.manual_seed(self._settings.seed)
        model = load_model(
            self._training.base,
            self._loaded_in,
            quantised=self._settings.method is Method.QLORA,
            place=arguments.local_process_index if arguments.world_size > 1 else None,
        )
        self._quantised(model)
        check_attention(model, packing=self._settings.packing)
        if self._settings.method is not Method.FULL:
            model = add_lora(model, self._settings)
        parameters = int(model.num_parameters())
        watch = Watch(self._measure, self._keep, self._report, self._settings.save_steps, self._stop)
        self._trainer = self._sft(model, arguments, watch, out)
        modules, trainable = self._checked()
        checkpoint = self._work.last()
        self._trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        state = self._trainer.state
        if state.global_step < state.max_steps:
            raise Interrupted(
                f"interrupted after step {state.global_step} of {state.max_steps}: the same command goes on from there"
            )
        # Once more: what began in 4 bits need not have stayed so.
        quantised = self._quantised(self._trainer.model)
        losses = held_out(state)
        kept = min(range(1, len(losses)), key=lambda epoch: (losses[epoch], epoch))
        history = points(state)
        record = TrainingRecord(
            settings=self._settings,
            base=self._training.base.name,
            base_sha256=base_sha256,
            base_revision=self._training.base.revision,
            base_license=self._training.base.license,
            dataset=self._training.dataset.fingerprint,
            recipe=self._training.dataset.recipe.preset,
            consent=dict(self._training.dataset.facts.get("consent") or {}),
            train_examples=len(self._rows.train.rows),
            held_out_examples=len(self._rows.held_out.rows),
            learned_tokens=self._rows.train.learned,
            shortened=self._rows.train.shortened + self._rows.held_out.shortened,
            left_out=self._rows.train.left_out + self._rows.held_out.left_out,
            repeated=self._rows.repeated,
            modules=modules,
            trainable_parameters=trainable,
            parameters=parameters,
            quantised=quantised,
            loss=self._rows.loss,
            packs=len(self._trainer.train_dataset) if self._settings.packing else 0,
            precision=self._compute.precision,
            device=self._device,
            devices=arguments.world_size,
            train=_by_epoch(history, len(losses) - 1),
            held_out=tuple(losses),
            kept_epoch=kept,
            seconds=max(entry.get("seconds", 0.0) for entry in state.log_history),
            tokens_per_second=_speed(history),
            peak_memory_bytes=int(torch.cuda.max_memory_allocated()) if self._compute.device == "cuda" else 0,
            resumed=tuple(entry["resumed"] for entry in state.log_history if "resumed" in entry),
            template=self._rows.layout.template,
            warnings=self._rows.warnings,
            versions={
                name: version(name)
                for name in ("torch", "transformers", "peft", "trl", "accelerate", "bitsandbytes")
            },
        )
        if first:
            self._save(out, kept, record)
            write_history(out, history)
        return record

    @property
    def _loaded_in(self) -> Compute:
        """What is trained itself stands in 32 bits: in 16, small steps of the optimizer are lost."""
        if self._settings.method is Method.FULL:
            return replace(self._compute, precision="float32")
        return self._compute

    @property
    def _device(self) -> str:
        return torch.cuda.get_device_name() if self._compute.device == "cuda" else "cpu"

    def _arguments(self) -> Any:  # noqa: ANN401 - trl is untyped here
        asked = self._settings
        checkpointing = asked.gradient_checkpointing
        arguments = SFTConfig(
            output_dir=str(self._training.work),
            per_device_train_batch_size=asked.batch,
            gradient_accumulation_steps=asked.accumulate,
            num_train_epochs=asked.epochs,
            max_steps=asked.steps or -1,
            learning_rate=asked.learning_rate,
            lr_scheduler_type="cosine",
            # A share below 1, and steps from there on.
            warmup_steps=min(asked.warmup, 0.999),
            max_grad_norm=asked.clip,
            weight_decay=asked.decay,
            optim="adamw_torch",
            seed=asked.seed,
            bf16=self._compute.precision == "bfloat16",
            fp16=self._compute.precision == "float16",
            use_cpu=self._compute.device == "cpu",
            **_checkpointing(self._compute.device == "cuda" if checkpointing == "auto" else checkpointing),
            packing=asked.packing,
            packing_strategy="bfd",
            max_length=asked.max_length if asked.packing else None,
            dataset_kwargs=None if asked.packing else {"skip_prepare_dataset": True},
            logging_steps=max(
                1, len(self._rows.train.rows) * asked.epochs // (asked.batch * asked.accumulate * 500)
            ),
            logging_nan_inf_filter=False,
            # The watch says when.
            save_strategy="no",
            eval_strategy="no",
            save_total_limit=2,
            dataloader_pin_memory=self._compute.device == "cuda",
            ddp_find_unused_parameters=False,
            disable_tqdm=True,
            report_to=[],
        )
        if arguments.n_gpu > 1:
            # Without a launcher one process has them all; one GPU is used, as `accelerate launch` would use each.
            arguments._n_gpu = 1
        return arguments

    def _sft(self, model: Any, arguments: Any, watch: Watch, out: Path) -> Sft:  # noqa: ANN401
        rows = {
            "input_ids": [list(row.ids) for row in self._rows.train.rows],
            "labels": [list(row.labels) for row in self._rows.train.rows],
        }
        trainer = Sft(
            model=model,
            args=arguments,
            train_dataset=Dataset.from_dict(rows),
            processing_class=self._rows.layout.tokenizer,
            callbacks=[watch, *(_boards(out) if arguments.process_index == 0 else ())],
        )
        trainer.remove_callback(PrinterCallback)
        watch.follow(trainer)
        return trainer

    def _quantised(self, model: Any) -> Quantised | None:  # noqa: ANN401 - torch is untyped here
        return check_quantised(model) if self._settings.method is Method.QLORA else None

    def _checked(self) -> tuple[dict[str, int], int]:
        """What runs is looked at once more where it will run, after every library has had its hands on it."""
        model = self._trainer.model
        if self._settings.method is Method.FULL:
            return {}, check_full(model)
        return check_lora(model, self._settings)

    def _measure(self) -> float:
        """The held-out loss; each device takes its share of the rows."""
        arguments = self._trainer.args
        rows = self._rows.held_out.rows[arguments.process_index :: arguments.world_size]
        total, learned = (
            summed_loss(self._trainer.model, rows, self._compute, batch=self._settings.batch)
            if rows
            else (0.0, 0)
        )
        if arguments.world_size > 1:
            sums = torch.tensor([total, float(learned)], dtype=torch.float64, device=arguments.device)
            total, learned = self._trainer.accelerator.reduce(sums, reduction="sum").tolist()
        return total / learned

    def _keep(self, epoch: int) -> None:
        """Save what is being trained, as the best so far; the one before goes once this one is there."""
        if not self._trainer.is_world_process_zero():
            return
        folder = self._work.path / f"best-{epoch}"
        shutil.rmtree(folder, ignore_errors=True)
        fresh = folder.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            self._write_model(fresh)
            fresh.rename(folder)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        for other in self._work.path.glob("best-*"):
            if other != folder:
                shutil.rmtree(other)

    def _write_model(self, folder: Path) -> None:
        model = self._trainer.accelerator.unwrap_model(self._trainer.model)
        if isinstance(model, PeftModel):
            # PEFT would look the base up by name on the network to see whether its vocabulary grew.
            model.save_pretrained(folder, save_embedding_layers=False)
        else:
            model.save_pretrained(folder)
            self._rows.layout.tokenizer.save_pretrained(folder)

    def _save(self, out: Path, epoch: int, record: TrainingRecord) -> None:
        out.mkdir(parents=True, exist_ok=True)
        for path in sorted((self._work.path / f"best-{epoch}").iterdir()):
            if path.name != "README.md":
                shutil.copyfile(path, out / path.name)
        config = out / "adapter_config.json"
        if config.is_file():
            # A path of this machine is nobody's business, and says nothing elsewhere.
            told = json.loads(config.read_bytes()) | {"base_model_name_or_path": record.base}
            config.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        record.write(out)


def _boards(out: Path) -> list[Any]:
    """Writes the figures for TensorBoard as well, where that is installed."""
    if importlib.util.find_spec("tensorboard") is None:
        return []
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - may be missing
    from transformers.integrations import TensorBoardCallback  # noqa: PLC0415

    return [TensorBoardCallback(SummaryWriter(str(out / "tensorboard")))]


def _checkpointing(asked: bool) -> dict[str, Any]:
    """The options by the name that this version of transformers has for them; the older one it warns of."""
    known = {option.name for option in fields(SFTConfig)}
    name = "activation_checkpointing" if "activation_checkpointing" in known else "gradient_checkpointing"
    return {name: asked, f"{name}_kwargs": {"use_reentrant": False}}


def _by_epoch(history: Sequence[Any], epochs: int) -> tuple[float, ...]:
    """The mean of the losses that were logged in each epoch."""
    found: list[list[float]] = [[] for _ in range(epochs)]
    for point in history:
        if point.loss is not None:
            found[min(max(-int(-point.epoch // 1), 1), epochs) - 1].append(point.loss)
    return tuple(sum(losses) / len(losses) for losses in found if losses)


def _speed(history: Sequence[Any]) -> float:
    """The median: the first steps are slow, and so are those beside which something was saved."""
    speeds = sorted(point.tokens_per_second for point in history if point.tokens_per_second)
    return speeds[len(speeds) // 2] if speeds else 0.0


def _repeated(train: Sequence[Row], held_out_rows: Sequence[Row]) -> float:
    """The share of the held-out answers that stand, letter for letter, in the training part too."""
    known = {answer for row in train for answer in row.answers}
    held = [answer for row in held_out_rows for answer in row.answers]
    return round(sum(answer in known for answer in held) / len(held), 4) if held else 0.0


def quantised_words(found: Quantised | None) -> str:
    """What was found of the base's precision, for people."""
    if found is None:
        return "the base as it is"
    double = " with double quantisation" if found.double else ""
    return f"{found.modules} layers in {found.bits} bits ({found.kind}{double}), computing in {found.compute}"
