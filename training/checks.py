"""Proof that what was asked is what runs: libraries pass over what they do not find, and train on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from peft import LoraConfig, get_peft_model

from training.errors import NotAsAsked
from training.record import Quantised
from training.settings import TrainSettings


def add_lora(model: Any, settings: TrainSettings) -> Any:  # noqa: ANN401 - torch is untyped here
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


def check_attention(model: Any, *, packing: bool) -> None:  # noqa: ANN401 - torch is untyped here
    """Prove that no word sees a later one, and with `packing`, that no row of a pack sees another.

    Raises NotAsAsked: some kinds of model pass over what says where a row of a pack begins.
    """
    row = [1, 2, 3, 4]
    one, other = (_logits(model, [*row, last]) for last in (5, 6))
    if _differ(one[:4], other[:4]):
        raise NotAsAsked(
            "this base sees later words as it reads earlier ones: it is no causal language model"
        )
    if not packing:
        return
    places = torch.tensor([[0, 1, 2, 3, 0, 1, 2, 3]])
    try:
        one, other = (
            _logits(model, [*first, *row], position_ids=places) for first in ([5, 6, 7, 8], [9, 10, 11, 12])
        )
    except TypeError:
        apart = False
    else:
        apart = not _differ(one[4:], other[4:])
    if not apart:
        raise NotAsAsked("packed rows would see each other in this kind of model: --set packing=false")


def _logits(model: Any, ids: Sequence[int], **places: Any) -> Any:  # noqa: ANN401 - torch is untyped here
    given = {"input_ids": torch.tensor([ids]), **places}
    with torch.no_grad():
        found = model(**{name: value.to(model.device) for name, value in given.items()}, use_cache=False)
    return found.logits[0]


def _differ(one: Any, other: Any) -> bool:  # noqa: ANN401 - torch is untyped here
    """By more than the noise of their numbers: most models give the very same, but experts are shared by rows."""
    noise = 1e-4 if one.dtype == torch.float32 else 1e-2
    return bool((one - other).abs().max() > noise * one.abs().max())


def check_quantised(model: Any) -> Quantised:  # noqa: ANN401 - torch is untyped here
    """Prove that the base's layers are in 4 bits as QLoRA has them, all but its output layer.

    Raises NotAsAsked: where a library cannot quantise, the base would be trained on at full precision.
    """
    from bitsandbytes.nn import Linear4bit  # noqa: PLC0415 - loads its kernels, for QLoRA alone

    head = model.get_output_embeddings()
    layers = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head and "lora_" not in name
    }
    full = [name for name, module in layers.items() if not isinstance(module, Linear4bit)]
    if full or not layers:
        raise NotAsAsked(
            f"{len(full)} of {len(layers)} layers of the base stand at full precision, not in 4 bits: "
            "does bitsandbytes support this machine?"
        )
    kinds = set()
    for name, module in layers.items():
        state = module.weight.quant_state
        bits = 0.0 if state is None else 8 * module.weight.nbytes / math.prod(state.shape)
        if state is None or round(bits, 3) != 4:
            raise NotAsAsked(f"{name} has {bits:.1f} bits a weight, not 4: the base was not quantised")
        kinds.add((state.quant_type, bool(state.nested), str(module.compute_dtype).removeprefix("torch.")))
    if len(kinds) > 1 or next(iter(kinds))[:2] != ("nf4", True):
        raise NotAsAsked(f"the base is quantised as {sorted(kinds)}, not as nf4 with double quantisation")
    ((kind, double, compute),) = kinds
    return Quantised(modules=len(layers), bits=4, kind=kind, double=double, compute=compute)


def check_lora(model: Any, settings: TrainSettings) -> tuple[dict[str, int], int]:  # noqa: ANN401
    """Prove which layers carry LoRA, of which rank and weight, and that nothing else would be trained.

    Gives how many layers of each name carry LoRA, and the number of trainable parameters. Raises NotAsAsked.
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
    if short := [name for name, weight in trainable if weight.dtype != torch.float32]:
        raise NotAsAsked(
            f"{len(short)} of the adapter's weights have fewer than 32 bits, {short[0]} among them"
        )
    total = sum(weight.numel() for _, weight in trainable)
    if total != expected:
        raise NotAsAsked(f"{total} parameters would be trained, {expected} were asked for")
    return dict(sorted(carrying.items())), total


def check_full(model: Any) -> int:  # noqa: ANN401 - torch is untyped here
    """Prove that all weights would be trained, and in 32 bits; gives their number. Raises NotAsAsked."""
    weights = dict(model.named_parameters())
    if frozen := [name for name, weight in weights.items() if not weight.requires_grad]:
        raise NotAsAsked(f"{len(frozen)} weights would not be trained, {frozen[0]} among them")
    if short := [name for name, weight in weights.items() if weight.dtype != torch.float32]:
        raise NotAsAsked(f"{len(short)} weights have fewer than 32 bits, {short[0]} among them")
    return sum(weight.numel() for weight in weights.values())
