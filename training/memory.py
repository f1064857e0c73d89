"""How much memory a training needs, computed before anything is loaded, and whether it is there.

The sums are those of the layers as transformers 5 and peft 0.21 keep them for the backward pass; they are held
against published figures and against measured runs in tests/training/test_memory.py. They are for rows of full
length: shorter rows need less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from training.architecture import SHAPED_LIKE_LLAMA, Architecture
from training.errors import MemoryTooSmall
from training.preset import Preset, presets
from training.settings import Method, TrainSettings

GB: Final = 10**9
"""What a gigabyte is here, and on the box of a card: rather too strict than too loose."""

NF4_BITS: Final = 4.127
"""Bits a weight in nf4 with double quantisation: 4, and 8/64 + 32/(64 * 256) of scales (Dettmers et al. 2023)."""

ADAM_BYTES: Final = 12
"""A trained weight's gradient and the two moments of AdamW, in 32 bits."""

LOGITS_BYTES: Final = 12
"""A logit in 32 bits, its softmax and its gradient; the 16-bit logits and their gradient come on top."""

GPU_OVERHEAD: Final = int(0.8 * GB)
"""The context of CUDA and the workspaces of its libraries."""

GPU_WASTE: Final = 0.04
"""Share of what torch has taken from a card that lies between its blocks."""

CPU_WASTE: Final = 0.6
"""The same share on a CPU, whose kernels take copies in 32 bits besides: measured, see the tests."""

CPU_OVERHEAD: Final = int(0.25 * GB)
"""What the libraries take when the first step runs, beyond what they took when they were imported."""

CARDS: Final = (4, 6, 8, 12, 16, 24, 32, 48, 80, 141)
"""Sizes of cards that people have, in GB as their boxes say."""

FREE_SHARE: Final = 0.96
"""What of a card is free where nobody else uses it."""


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes at the peak, by what they are for."""

    weights: int
    """The base's, as they are stored while it is trained."""
    trained: int
    """Adapter, gradients and the optimizer's moments."""
    activations: int
    """What the forward pass keeps for the backward pass, and the largest layer unpacked from 4 bits."""
    logits: int
    """Scores of each word of the vocabulary at each place, with their gradients."""
    overhead: int
    """What the device's libraries take."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.trained + self.activations + self.logits + self.overhead


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a training would run: `free` bytes of a card, or of the machine itself."""

    gpu: bool
    free: int

    @classmethod
    def here(cls) -> Machine:
        """The first card where there is one, else the machine's own memory."""
        import torch  # noqa: PLC0415 - the extra may be missing where only needs are computed

        if torch.cuda.is_available():
            return cls(gpu=True, free=int(torch.cuda.mem_get_info()[0]))
        import psutil  # noqa: PLC0415 - comes with the extra, too

        return cls(gpu=False, free=int(psutil.virtual_memory().available))

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "this card" if self.gpu else "this machine"


def need(architecture: Architecture, settings: TrainSettings, *, gpu: bool) -> Need:
    """Compute the memory that a training needs at its peak, in bytes, on one device."""
    width = _width(settings, gpu=gpu)
    places = settings.batch * settings.max_length
    weights = _weights(architecture, settings, width)
    trained = _trained(architecture, settings)
    activations = _activations(architecture, settings, width, gpu=gpu)
    logits = places * architecture.vocab * (LOGITS_BYTES + (2 * width if width < 4 else 0))
    taken = weights + trained + activations + logits
    overhead = int(GPU_OVERHEAD + GPU_WASTE * taken) if gpu else int(CPU_OVERHEAD + CPU_WASTE * taken)
    return Need(weights, trained, activations, logits, overhead)


def check_memory(
    config: Mapping[str, Any], settings: TrainSettings, machine: Machine, longest: int | None = None
) -> Need | None:
    """Say what a training of the base with this config.json needs, where that much is free.

    `longest` is how many tokens the longest row has, where that is known: no batch is wider, unless rows are
    packed. Gives None for a base that is not shaped like a Llama: nobody knows. Raises MemoryTooSmall, which names
    settings or a preset that fit, and BaseUnusable for a config.json without its numbers.
    """
    if config.get("model_type") not in SHAPED_LIKE_LLAMA:
        return None
    architecture = Architecture.of(config)
    if longest is not None and not settings.packing:
        settings = settings.model_copy(update={"max_length": min(longest, settings.max_length)})
    needed = need(architecture, settings, gpu=machine.gpu)
    if needed.total <= machine.free:
        return needed
    advice = _advice(architecture, settings, machine)
    raise MemoryTooSmall(
        f"needs about {needed.total / GB:.1f} GB, {machine.name} has {machine.free / GB:.1f} free: {advice}"
    )


def smaller(settings: TrainSettings) -> Iterator[tuple[dict[str, object], TrainSettings]]:
    """Settings that need ever less and still train on the same rows: what changed, and the settings.

    A smaller batch is made up for by accumulating; shorter rows come last, for they lose words.
    """
    changes: dict[str, object] = {}
    for more in _steps_down(settings):
        changes |= more
        yield dict(changes), settings.model_copy(update=changes)


def _steps_down(settings: TrainSettings) -> Iterator[dict[str, object]]:
    if settings.gradient_checkpointing is False:
        yield {"gradient_checkpointing": True}
    if settings.method is not Method.QLORA:
        yield {"method": Method.QLORA}
    batch, accumulate = settings.batch, settings.accumulate
    while batch > 1:
        batch, accumulate = batch // 2, accumulate * 2
        yield {"batch": batch, "accumulate": accumulate}
    if settings.gradient_checkpointing == "auto":
        yield {"gradient_checkpointing": True}
    length = settings.max_length
    while length > 256:
        length = max(256, length // 2)
        yield {"max_length": length}


def _advice(architecture: Architecture, settings: TrainSettings, machine: Machine) -> str:
    for changes, candidate in smaller(settings):
        if need(architecture, candidate, gpu=machine.gpu).total <= machine.free:
            words = " ".join(f"--set {key}={_toml(value)}" for key, value in changes.items())
            return f"try {words}"
    for preset in reversed(tuple(presets().values())):
        fitting = TrainSettings.model_validate(preset.settings)
        if need(preset.architecture, fitting, gpu=machine.gpu).total <= machine.free:
            return f"try --preset {preset.name} with its base, {preset.instruct}"
    return "no preset is small enough for it"


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _width(settings: TrainSettings, *, gpu: bool) -> int:
    """Bytes of a number in the forward pass."""
    if settings.precision == "auto":
        return 2 if gpu else 4
    return 4 if settings.precision == "fp32" else 2


def _weights(architecture: Architecture, settings: TrainSettings, width: int) -> int:
    if settings.method is Method.FULL:
        # What is trained stands in 32 bits; in 16, the forward pass has a copy of it.
        return architecture.parameters * (4 if width == 4 else 4 + width)
    if settings.method is Method.LORA:
        return architecture.parameters * width
    rest = architecture.parameters - architecture.block_linear_parameters
    return int(architecture.block_linear_parameters * NF4_BITS / 8) + rest * width


def _trained(architecture: Architecture, settings: TrainSettings) -> int:
    if settings.method is Method.FULL:
        return architecture.parameters * ADAM_BYTES
    return architecture.adapter_parameters(settings.rank, settings.targets) * (4 + ADAM_BYTES)


def _activations(architecture: Architecture, settings: TrainSettings, width: int, *, gpu: bool) -> int:
    places = settings.batch * settings.max_length
    block = places * _block_bytes(architecture, settings, width)
    checkpointing = gpu if settings.gradient_checkpointing == "auto" else settings.gradient_checkpointing
    if checkpointing:
        # Each block's input, and one block at a time in full; the gradients of its parts beside them.
        kept = places * architecture.hidden * width * architecture.layers + block
    else:
        kept = block * architecture.layers
    if settings.packing:
        # Which place sees which, over all rows of the pack at once.
        kept += places * places * width
    unpacked = 0
    if settings.method is Method.QLORA:
        unpacked = max(inside * out for inside, out in architecture.linears.values()) * width
    return kept + unpacked


def _block_bytes(architecture: Architecture, settings: TrainSettings, width: int) -> int:
    """What one block keeps a place."""
    linears = architecture.linears
    asked, kept = linears["q_proj"][1], linears["k_proj"][1]
    # Two norms, computed in 32 bits; queries, keys, values and what attention gives; gate, its silu, and up.
    own = 2 * (4 + width) * architecture.hidden + width * (
        2 * asked + 2 * kept + 3 * architecture.intermediate
    )
    if settings.method is Method.FULL:
        return own + width * sum(inside for inside, _ in linears.values())
    # The adapter's inputs: in its own 32 bits, what dropout took, and once more in the width of the forward pass.
    cast = (4 if width < 4 else 0) + width + (1 if settings.dropout else 0)
    return own + cast * sum(linears[name][0] for name in settings.targets if name in linears)


def preset_need(preset: Preset) -> Need:
    """What a preset's training needs on a card, with the settings that it begins with."""
    return need(preset.architecture, TrainSettings.model_validate(preset.settings), gpu=True)


def smallest_card(needed: int) -> int | None:
    """The smallest card that is sold, in GB, on which that many bytes are free; None where no single one is."""
    return next((size for size in CARDS if size * GB * FREE_SHARE >= needed), None)
