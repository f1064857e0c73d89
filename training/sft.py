"""trl's SFTTrainer, taught what ours needs: an order that can be gone on with, and checkpoints that are whole."""

from __future__ import annotations

import math
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch.utils.data import Sampler
from transformers import Trainer, TrainerCallback
from trl import SFTTrainer

from training.checkpoints import SEAL, seal
from training.errors import Diverged
from training.record import Point, Progress

_POOL: Final = 16
"""Steps whose rows are sorted by length together, at the most."""


class Order(Sampler):  # type: ignore[misc] # torch is untyped here
    """Rows of like length together, in another order each epoch: padding is work for nothing.

    `size` is how many rows a step takes, over all devices: they decide together who meets whom, so that two
    devices with half the batch do what one does. The order hangs on seed and epoch alone.
    """

    def __init__(self, lengths: Sequence[int], size: int, seed: int) -> None:
        self._lengths = lengths
        self._size = size
        self._seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch is next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        draw = random.Random(f"{self._seed}/{self.epoch}")
        order = list(range(len(self._lengths)))
        draw.shuffle(order)
        # Sorted within pools of many steps only, so that who meets whom still changes by epoch.
        pool = self._size * max(1, min(_POOL, len(order) // (4 * self._size)))
        steps = []
        for start in range(0, len(order), pool):
            near = sorted(order[start : start + pool], key=lambda row: -self._lengths[row])
            steps += [near[begin : begin + self._size] for begin in range(0, len(near), self._size)]
        # What is no whole step must stay last: the batches are cut from the rows in a row.
        rest = [step for step in steps if len(step) < self._size]
        whole = [step for step in steps if len(step) == self._size]
        draw.shuffle(whole)
        for step in (*whole, *rest):
            yield from step


class Sft(SFTTrainer):  # type: ignore[misc] # trl is untyped here
    """Trains on rows that are tokens already; see `Order` and `checkpoints.seal`."""

    def __init__(self, *args: Any, lengths: Sequence[int] = (), **options: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **options)
        if not lengths:
            lengths = [len(row["input_ids"]) for row in self.train_dataset]
        asked = self.args
        size = asked.per_device_train_batch_size * asked.gradient_accumulation_steps * asked.world_size
        self.order = Order(lengths, size, asked.seed)
        self.tokens = 0
        # trl lays an adapter on a 4-bit base down in 16 bits, in which small steps of the optimizer are lost.
        for weight in self.model.parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()

    def _get_train_sampler(self, train_dataset: Any = None) -> Order:  # noqa: ANN401
        return self.order

    def training_step(self, model: Any, inputs: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        """Take a step, and end where the loss is no number: before the weights are none, either."""
        shown = inputs.get("attention_mask")
        self.tokens += int(inputs["input_ids"].numel() if shown is None else shown.sum().item())
        loss = super().training_step(model, inputs, *args, **options)
        if not math.isfinite(float(loss.item())):
            raise _diverged("the loss", self.state.global_step)
        return loss

    def _save_checkpoint(self, model: Any, trial: Any) -> None:  # noqa: ANN401
        if not all(bool(weight.isfinite().all()) for weight in model.parameters() if weight.requires_grad):
            # The loss would tell at the next step, and what is kept would be of no use.
            raise _diverged("a weight", self.state.global_step)
        folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        if self.is_world_process_zero():
            # From before an interruption; without its seal it is whole no longer while it is written anew.
            (folder / SEAL).unlink(missing_ok=True)
        self.accelerator.wait_for_everyone()
        try:
            # Past trl's own, which adds a model card.
            Trainer._save_checkpoint(self, model, trial)
            self.accelerator.wait_for_everyone()
            if self.is_world_process_zero():
                seal(folder)
        except BaseException:
            # On a full disk the half of it would be in the way of what comes next.
            shutil.rmtree(folder, ignore_errors=True)
            raise


class Watch(TrainerCallback):  # type: ignore[misc] # transformers is untyped here
    """Measures after each epoch, keeps the best, saves on the way, tells how far it is, and ends when asked to.

    `measure` gives the held-out loss, `keep` saves what is being trained as the best of that epoch. What was
    measured stands in the trainer's own log, and so in each checkpoint.
    """

    def __init__(
        self,
        measure: Callable[[], float],
        keep: Callable[[int], None],
        report: Callable[[Progress], None],
        save_steps: int,
        stop: threading.Event,
    ) -> None:
        self._measure = measure
        self._keep = keep
        self._report = report
        self._save_steps = save_steps
        self._stop = stop
        self._trainer: Any = None
        self._since = (0.0, 0, 0)
        self._begun = time.monotonic()
        self._before = 0.0

    def follow(self, trainer: Sft) -> None:
        """Say whose log to write to."""
        self._trainer = trainer

    @property
    def stopped(self) -> bool:
        """Whether it was asked to end, on any device."""
        if not self._trainer.args.world_size > 1:
            return self._stop.is_set()
        # All devices end after the same step, or those that go on would wait for the others for ever.
        asked = torch.tensor(int(self._stop.is_set()), device=self._trainer.args.device)
        return bool(self._trainer.accelerator.reduce(asked, reduction="sum").item())

    def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:  # noqa: ANN401
        """Measure the bare base, unless this goes on with a training that has."""
        self._before = max((entry.get("seconds", 0.0) for entry in state.log_history), default=0.0)
        self._begun = time.monotonic()
        if held_out(state):
            state.log_history.append({"step": state.global_step, "resumed": state.global_step})
        else:
            self._note(state)
        self._since = (time.monotonic(), self._trainer.tokens, state.global_step)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:  # noqa: ANN401
        """Say to the order which epoch this is, also where libraries wrap it too deep to reach it."""
        self._trainer.order.set_epoch(int(state.epoch or 0))

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:  # noqa: ANN401
        """Save now and then, and where the end is asked for. The end of an epoch is another's business."""
        if _ends_epoch(state) or state.global_step >= state.max_steps:
            return
        control.should_training_stop = self.stopped
        control.should_save = control.should_training_stop or state.global_step % self._save_steps == 0

    def on_epoch_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:  # noqa: ANN401
        """Measure, keep the best, and save."""
        if control.should_training_stop and state.global_step < state.max_steps:
            return
        losses = [*held_out(state)[1:], self._note(state)]
        if losses[-1] <= min(losses):
            self._keep(len(losses))
        control.should_save = True
        control.should_training_stop = control.should_training_stop or self.stopped

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **others: Any) -> None:  # noqa: ANN401
        """Add how fast it goes to what is logged, and report it."""
        if not logs or "loss" not in logs:
            return
        now, tokens, step = time.monotonic(), self._trainer.tokens, state.global_step
        seconds = max(now - self._since[0], 1e-9)
        speed = (tokens - self._since[1]) * args.world_size / seconds
        left = (state.max_steps - step) * seconds / max(step - self._since[2], 1)
        self._since = (now, tokens, step)
        state.log_history[-1] |= {"tokens_per_second": round(speed, 1), "seconds": self._seconds}
        self._report(Progress(step, state.max_steps, float(logs["loss"]), speed, left))

    @property
    def _seconds(self) -> float:
        return round(self._before + time.monotonic() - self._begun, 1)

    def _note(self, state: Any) -> float:  # noqa: ANN401
        loss = self._measure()
        if not math.isfinite(loss):
            raise _diverged("the held-out loss", state.global_step)
        state.log_history.append(
            {
                "step": state.global_step,
                "epoch": float(state.epoch or 0),
                "held_out": loss,
                "seconds": self._seconds,
            }
        )
        last = next((entry["loss"] for entry in reversed(state.log_history) if "loss" in entry), loss)
        self._report(Progress(state.global_step, state.max_steps, float(last), held_out=loss))
        # Measuring is no training: it must not look slow for it.
        self._since = (time.monotonic(), self._trainer.tokens, state.global_step)
        return loss


def _diverged(what: str, step: int) -> Diverged:
    return Diverged(
        f"{what} is no number any more after step {step}: begin anew with --fresh and a lower learning_rate, or "
        "clip more; the last whole checkpoint is kept"
    )


def held_out(state: Any) -> list[float]:  # noqa: ANN401 - transformers is untyped here
    """The held-out losses that were measured so far, the bare base's first."""
    return [float(entry["held_out"]) for entry in state.log_history if "held_out" in entry]


def points(state: Any) -> tuple[Point, ...]:  # noqa: ANN401 - transformers is untyped here
    """The history of a training, from its trainer's log."""
    return tuple(
        Point(
            step=int(entry["step"]),
            epoch=round(float(entry["epoch"]), 4),
            loss=entry.get("loss"),
            held_out=entry.get("held_out"),
            learning_rate=entry.get("learning_rate"),
            tokens_per_second=entry.get("tokens_per_second"),
        )
        for entry in state.log_history
        if "loss" in entry or "held_out" in entry
    )


def _ends_epoch(state: Any) -> bool:  # noqa: ANN401 - transformers is untyped here
    return math.isclose(state.epoch, round(state.epoch), abs_tol=1e-9)
