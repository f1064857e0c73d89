"""Loading a base: its tokenizer, and its weights as they are or in 4 bits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import torch
from accelerate import PartialState
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from training.base import BaseFolder
from training.errors import BaseUnusable
from training.quiet import quiet

_TYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}


@dataclass(frozen=True, slots=True)
class Compute:
    """Where and in which numbers a model runs."""

    device: str
    precision: str
    """As torch calls it: bfloat16, float16 or float32."""

    @classmethod
    def best(cls, precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto") -> Self:
        """A GPU where there is one; left to itself, in the 16 bits that it is good at, and a CPU in 32."""
        gpu = torch.cuda.is_available()
        if precision == "auto":
            precision = ("bf16" if torch.cuda.is_bf16_supported() else "fp16") if gpu else "fp32"
        return cls("cuda" if gpu else "cpu", _TYPES[precision])

    @property
    def dtype(self) -> Any:  # noqa: ANN401 - torch is untyped here
        """The torch type of the precision."""
        return getattr(torch, self.precision)


def first_process() -> bool:
    """Whether this is the process that speaks for all, where `accelerate launch` started one a device."""
    return bool(PartialState(cpu=not torch.cuda.is_available()).is_main_process)


def processes() -> int:
    """How many processes train together."""
    return int(PartialState(cpu=not torch.cuda.is_available()).num_processes)


def load_tokenizer(base: BaseFolder) -> Any:  # noqa: ANN401 - transformers is untyped here
    """Load the base's tokenizer from its folder, never from the network. Raises BaseUnusable."""
    try:
        return AutoTokenizer.from_pretrained(base.path, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        problem = f"{base.path} has no tokenizer that loads ({type(error).__name__})"
        raise BaseUnusable(f"{problem}: download the base again") from None


def load_model(
    base: BaseFolder,
    compute: Compute,
    *,
    quantised: bool = False,
    place: int | None = None,
) -> Any:  # noqa: ANN401 - transformers is untyped here
    """Load the base's weights from its folder. Raises BaseUnusable.

    `quantised` keeps the matrices of its blocks in 4 bits: nf4, with the scales quantised again, as QLoRA
    has it. `place` is the number of the GPU, where there are several.
    """
    base.shards()
    device = compute.device if place is None or compute.device == "cpu" else f"{compute.device}:{place}"
    options: dict[str, Any] = {}
    if quantised:
        options = {
            "quantization_config": BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=compute.dtype,
            ),
            # Quantised while it is read, where it will stay: a large base never stands in memory as a whole.
            "device_map": {"": device},
        }
    try:
        with quiet():
            model, told = AutoModelForCausalLM.from_pretrained(
                base.path,
                dtype=compute.dtype,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                **options,
            )
    except torch.OutOfMemoryError:
        raise
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise BaseUnusable(
            f"{base.path} does not load ({type(error).__name__}): download the base again"
        ) from None
    if missing := sorted(told["missing_keys"]):
        # Libraries draw them at random, and say so in a log.
        raise BaseUnusable(
            f"{base.path} lacks {len(missing)} of its model's weights, {missing[0]} among them: download it again, or "
            "give one that was saved as a causal language model"
        )
    if not quantised:
        return model.to(device)
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            # On such CPUs bitsandbytes 0.50 rearranges a layer for good once it is evaluated: its scales are no longer
            # quantised, it computes in 16 bits, and what flows back through it in training is wrong.
            module.support_avx512bf16_for_cpu = False
    return model


def with_adapter(model: Any, folder: Path) -> Any:  # noqa: ANN401 - transformers and peft are untyped here
    """Put a trained adapter on a loaded base."""
    with quiet():
        # It loads bitsandbytes, which logs as it loads.
        from peft import PeftModel  # noqa: PLC0415

        return PeftModel.from_pretrained(model, folder)
