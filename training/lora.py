"""Training a LoRA adapter: a plain loop, with the loss on the owner's own words only."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import torch
from peft import LoraConfig, get_peft_model
from pydantic import TypeAdapter
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoTokenizer

from training.base import BaseFolder
from training.dataset.dataset import Dataset
from training.errors import BaseUnusable, DatasetTooSmall, NotAsAsked
from training.tokens import IGNORED, Encoded, Encoder, Tokens

RECORD = "training.json"
"""The name of the training record beside the adapter."""

LINEAR_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Every linear layer of a Llama's blocks."""


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """What is asked for. The defaults suit a base of billions of parameters.

    `alpha` over `rank` is the adapter's weight in the sum (over the root of `rank` with `rslora`).
    `learning_rate` is the peak: it rises over the first `warmup` share of the steps, and falls along a
    cosine to nothing. `max_length` is in tokens; longer examples lose their oldest messages.
    """

    rank: int = 16
    alpha: float = 32
    dropout: float = 0.05
    targets: tuple[str, ...] = LINEAR_LAYERS
    rslora: bool = False
    epochs: int = 3
    batch: int = 8
    learning_rate: float = 2e-4
    warmup: float = 0.05
    clip: float = 1.0
    """The longest a step's gradient may be."""
    max_length: int = 1024
    seed: int = 0

    def __post_init__(self) -> None:
        counts = (self.rank, self.epochs, self.batch, self.max_length, len(self.targets))
        if min(counts) < 1 or not 0 <= self.dropout < 1 or not 0 <= self.warmup <= 1:
            raise ValueError(
                "rank, epochs, batch, targets and max_length are at least 1; dropout and warmup shares"
            )
        if min(self.alpha, self.learning_rate, self.clip) <= 0:
            raise ValueError("alpha, learning rate and clip are above 0")

    @property
    def scale(self) -> float:
        """What the adapter's product is multiplied by before it is added to the base's."""
        return self.alpha / (math.sqrt(self.rank) if self.rslora else self.rank)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is: steps done of all, and the loss of the last step in nats a token."""

    step: int
    steps: int
    loss: float


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """What was trained, on what, and what came of it. Losses are in nats a token.

    `held_out` is the loss before training and after each epoch; the adapter kept is that of epoch
    `kept_epoch`, which has the lowest. `modules` counts the layers that carry LoRA, by name.
    """

    settings: LoraSettings
    base: str
    base_sha256: str
    dataset: str
    train_examples: int
    held_out_examples: int
    learned_tokens: int
    shortened: int
    left_out: int
    repeated: float
    modules: dict[str, int]
    trainable_parameters: int
    precision: str
    device: str
    train: tuple[float, ...]
    held_out: tuple[float, ...]
    kept_epoch: int
    seconds: float
    versions: dict[str, str]

    @property
    def loss_before(self) -> float:
        """The bare base's held-out loss."""
        return self.held_out[0]

    @property
    def loss_after(self) -> float:
        """The kept adapter's held-out loss."""
        return self.held_out[self.kept_epoch]

    def write(self, folder: Path) -> None:
        """Write it beside the adapter."""
        (folder / RECORD).write_bytes(_RECORDS.dump_json(self, indent=2) + b"\n")

    @classmethod
    def read(cls, folder: Path) -> TrainingRecord:
        """Read what `write` wrote. Raises NotAsAsked where there is none."""
        try:
            return _RECORDS.validate_json((folder / RECORD).read_bytes())
        except (OSError, ValueError):
            raise NotAsAsked(
                f"{folder / RECORD} is no training record: train the adapter here again"
            ) from None


_RECORDS = TypeAdapter(TrainingRecord)


@dataclass(frozen=True, slots=True)
class Compute:
    """Where and in which numbers a model runs."""

    device: str
    precision: str

    @classmethod
    def best(cls) -> Self:
        """A GPU in bfloat16 where there is one that can, else the CPU in float32."""
        if torch.cuda.is_available() and torch.cuda.is_bf16_supported():
            return cls("cuda", "bfloat16")
        return cls("cpu", "float32")

    @property
    def dtype(self) -> Any:  # noqa: ANN401 - torch is untyped here
        """The torch type of the precision."""
        return getattr(torch, self.precision)


def load_tokenizer(base: BaseFolder) -> Any:  # noqa: ANN401 - transformers is untyped here
    """Load the base's tokenizer from its folder, never from the network. Raises BaseUnusable."""
    try:
        return AutoTokenizer.from_pretrained(base.path, local_files_only=True)
    except (OSError, ValueError) as error:
        problem = f"{base.path} has no tokenizer that loads ({type(error).__name__})"
        raise BaseUnusable(f"{problem}: download the base again") from None


def load_model(base: BaseFolder, compute: Compute) -> Any:  # noqa: ANN401 - transformers is untyped here
    """Load the base's weights from its folder. Raises BaseUnusable.

    A quantised base would be loaded here: nothing after this asks how the frozen weights are stored.
    """
    base.shards()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            base.path, dtype=compute.dtype, local_files_only=True, use_safetensors=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise BaseUnusable(
            f"{base.path} does not load ({type(error).__name__}): download the base again"
        ) from None
    return model.to(compute.device)


def train_lora(
    base: BaseFolder,
    dataset: Dataset,
    out: Path,
    settings: LoraSettings,
    *,
    compute: Compute | None = None,
    report: Callable[[Progress], None] = lambda _: None,
) -> TrainingRecord:
    """Train an adapter and save it to `out`, in PEFT's form, with its training record.

    The same seed on the same machine and number of threads gives the same bytes. Raises BaseUnusable,
    DatasetTooSmall and NotAsAsked.
    """
    begun = time.monotonic()
    compute = compute or Compute.best()
    encoder = Encoder(load_tokenizer(base))
    train = encoder.encode_all(dataset.train, settings.max_length)
    held_out = encoder.encode_all(dataset.held_out, settings.max_length)
    if not train.rows or not held_out.rows:
        raise DatasetTooSmall("no example fits into max_length: raise it, or show fewer history messages")
    # Forked, so that whoever trains here finds their own random numbers as they were.
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        model = add_lora(load_model(base, compute), settings)
        modules, trainable = check_lora(model, settings)
        loop = _Loop(model, compute, settings, train, report)
        losses = [mean_loss(model, held_out.rows, compute, batch=settings.batch)]
        train_losses = []
        kept, kept_epoch = _adapter_state(model), 0
        for epoch in range(1, settings.epochs + 1):
            train_losses.append(loop.epoch())
            losses.append(mean_loss(model, held_out.rows, compute, batch=settings.batch))
            # The last epoch of a small data set is often one too many.
            if kept_epoch == 0 or losses[-1] < losses[kept_epoch]:
                kept, kept_epoch = _adapter_state(model), epoch
        model.load_state_dict(kept, strict=False)
    record = TrainingRecord(
        settings=settings,
        base=base.name,
        base_sha256=base.sha256(),
        dataset=dataset.fingerprint,
        train_examples=len(train.rows),
        held_out_examples=len(held_out.rows),
        learned_tokens=train.learned,
        shortened=train.shortened + held_out.shortened,
        left_out=train.left_out + held_out.left_out,
        repeated=round(dataset.repeated, 4),
        modules=modules,
        trainable_parameters=trainable,
        precision=compute.precision,
        device=compute.device,
        train=tuple(train_losses),
        held_out=tuple(losses),
        kept_epoch=kept_epoch,
        seconds=round(time.monotonic() - begun, 1),
        versions={name: version(name) for name in ("torch", "transformers", "peft")},
    )
    out.mkdir(parents=True, exist_ok=True)
    # A path of this machine is nobody's business, and says nothing elsewhere.
    model.peft_config["default"].base_model_name_or_path = base.name
    # PEFT would look the base up by name on the network to see whether its vocabulary grew.
    model.save_pretrained(out, save_embedding_layers=False)
    record.write(out)
    return record


def add_lora(model: Any, settings: LoraSettings) -> Any:  # noqa: ANN401 - torch is untyped here
    """Put untrained LoRA layers on a model; its own weights are frozen. Raises NotAsAsked."""
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.targets),
        use_rslora=settings.rslora,
        bias="none",
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, config)
    except ValueError:
        raise NotAsAsked(f"the base has no layer named any of {', '.join(settings.targets)}") from None


def check_lora(model: Any, settings: LoraSettings) -> tuple[dict[str, int], int]:  # noqa: ANN401
    """Prove that what was asked is what runs: on which layers, of which rank and weight, and nothing else.

    Gives how many layers of each name carry LoRA, and the number of trainable parameters. Raises
    NotAsAsked: libraries pass over targets that they do not find, and train on.
    """
    carrying: Counter[str] = Counter()
    present: Counter[str] = Counter()
    expected = 0
    for path, module in model.named_modules():
        name = path.rpartition(".")[2]
        if name not in settings.targets:
            continue
        present[name] += 1
        pair = getattr(module, "lora_A", {}), getattr(module, "lora_B", {})
        if any("default" not in part for part in pair):
            continue
        first, second = (part["default"].weight for part in pair)
        if first.shape[0] != settings.rank or second.shape[1] != settings.rank:
            raise NotAsAsked(f"{path} has rank {first.shape[0]}, not {settings.rank}")
        if not math.isclose(module.scaling["default"], settings.scale):
            raise NotAsAsked(f"{path} is scaled by {module.scaling['default']}, not {settings.scale}")
        carrying[name] += 1
        expected += first.numel() + second.numel()
    for name in settings.targets:
        if not carrying[name] or carrying[name] != present[name]:
            raise NotAsAsked(
                f"{carrying[name]} of {present[name]} layers named {name} carry LoRA: check the targets"
            )
    trainable = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    if strays := [name for name, _ in trainable if "lora_" not in name]:
        raise NotAsAsked(
            f"{len(strays)} weights besides the adapter would be trained, {strays[0]} among them"
        )
    total = sum(weight.numel() for _, weight in trainable)
    if total != expected:
        raise NotAsAsked(f"{total} parameters would be trained, {expected} were asked for")
    return dict(sorted(carrying.items())), total


class _Loop:
    """The optimizer and its schedule over all epochs."""

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - torch is untyped here
        compute: Compute,
        settings: LoraSettings,
        data: Encoded,
        report: Callable[[Progress], None],
    ) -> None:
        self._model = model
        self._compute = compute
        self._settings = settings
        self._rows = data.rows
        self._report = report
        self._draw = random.Random(settings.seed)
        self._step = 0
        self._steps = settings.epochs * math.ceil(len(data.rows) / settings.batch)
        self._weights = [weight for weight in model.parameters() if weight.requires_grad]
        # Decay pulls an adapter towards the bare base; dropout and the kept epoch do its work.
        self._optimizer = torch.optim.AdamW(self._weights, lr=settings.learning_rate, weight_decay=0.0)

    def epoch(self) -> float:
        """Go through all rows once; gives the mean loss in nats a token."""
        self._model.train()
        total = 0.0
        learned = 0
        for rows in _batches(self._rows, self._settings.batch, self._draw):
            for group in self._optimizer.param_groups:
                group["lr"] = self._settings.learning_rate * self._rate()
            loss, count = _batch_loss(self._model, rows, self._compute)
            (loss / count).backward()
            torch.nn.utils.clip_grad_norm_(self._weights, self._settings.clip)
            self._optimizer.step()
            self._optimizer.zero_grad(set_to_none=True)
            self._step += 1
            value = float(loss.item())
            if not math.isfinite(value):
                raise NotAsAsked("the loss is no number any more: lower the learning rate")
            total += value
            learned += count
            self._report(Progress(self._step, self._steps, value / count))
        return total / learned

    def _rate(self) -> float:
        warmup = max(1, round(self._settings.warmup * self._steps))
        if self._step < warmup:
            return (self._step + 1) / warmup
        share = (self._step - warmup) / max(1, self._steps - warmup)
        return 0.5 * (1 + math.cos(math.pi * share))


def _batches(rows: Sequence[Tokens], size: int, draw: random.Random) -> Iterator[Sequence[Tokens]]:
    """Shuffled batches of rows of like length: padding is work for nothing."""
    order = list(range(len(rows)))
    draw.shuffle(order)
    # Sorted within pools of many batches only, so that who meets whom still changes by epoch.
    pool = 16 * size
    batches = []
    for start in range(0, len(order), pool):
        near = sorted(order[start : start + pool], key=lambda place: len(rows[place].ids))
        batches += [near[begin : begin + size] for begin in range(0, len(near), size)]
    draw.shuffle(batches)
    for batch in batches:
        yield [rows[place] for place in batch]


def _batch_loss(model: Any, rows: Sequence[Tokens], compute: Compute) -> tuple[Any, int]:  # noqa: ANN401
    """The summed loss in nats over the learned tokens of a batch, and how many those are."""
    longest = max(len(row.ids) for row in rows)
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    labels = torch.full((len(rows), longest), IGNORED, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for number, row in enumerate(rows):
        length = len(row.ids)
        ids[number, :length] = torch.tensor(row.ids)
        labels[number, :length] = torch.tensor(row.labels)
        mask[number, :length] = 1
    # Position p says what comes at p + 1. Only positions that somebody learns from get logits: with a
    # large vocabulary those are most of the memory.
    targets = labels[:, 1:]
    places = (targets != IGNORED).any(dim=0).nonzero().flatten()
    targets = targets[:, places].to(compute.device)
    with _autocast(compute):
        logits = model(
            input_ids=ids.to(compute.device),
            attention_mask=mask.to(compute.device),
            logits_to_keep=places.to(compute.device),
            use_cache=False,
        ).logits
    if logits.shape[1] != len(places):
        # A model that ignores `logits_to_keep` gives them all.
        logits = logits[:, places]
    loss = cross_entropy(
        logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    return loss, int((targets != IGNORED).sum().item())


def mean_loss(model: Any, rows: Sequence[Tokens], compute: Compute, *, batch: int) -> float:  # noqa: ANN401
    """The mean loss in nats a learned token."""
    model.eval()
    ordered = sorted(rows, key=lambda row: len(row.ids))
    total = 0.0
    learned = 0
    with torch.no_grad():
        for begin in range(0, len(ordered), batch):
            loss, count = _batch_loss(model, ordered[begin : begin + batch], compute)
            total += float(loss.item())
            learned += count
    return total / learned


def _autocast(compute: Compute) -> AbstractContextManager[Any]:
    if compute.precision == "float32":
        return nullcontext()
    return torch.autocast(compute.device, compute.dtype)  # type: ignore[no-any-return]


def _adapter_state(model: Any) -> dict[str, Any]:  # noqa: ANN401 - torch is untyped here
    return {
        name: weight.detach().clone() for name, weight in model.named_parameters() if weight.requires_grad
    }
