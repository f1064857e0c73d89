"""Writing a Llama-family model, or a LoRA adapter for one, as GGUF, which llama.cpp reads.

What is checked rather than assumed: which layers the model has (an unknown weight is an error, not left
out), how its tokenizer cuts words (llama.cpp knows such rules by name only), and the numbers' range.
`training.agreement` then compares what llama.cpp computes with PyTorch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from safetensors import safe_open

from training.base import BaseFolder
from training.errors import ConversionError, NotConverted
from training.gguf_tokenizer import Tokenizer

ADAPTER_WEIGHTS = "adapter_model.safetensors"

LIKE_LLAMA = frozenset({"llama", "mistral"})
"""The model types of transformers that llama.cpp computes as a Llama; a Mistral without its window is one."""


class NumberType(StrEnum):
    """How matrices are stored; vectors are always 32 bits."""

    F32 = "f32"
    F16 = "f16"
    Q8_0 = "q8_0"
    """8 bits in blocks of 32; a matrix whose rows do not divide by 32 stays f16."""
    Q4_0 = "q4_0"
    """4 bits in blocks of 32, of which the embeddings and the output have 8: there 4 cost most."""


def write_base(base: BaseFolder, out: Path, numbers: NumberType = NumberType.F16, template: str = "") -> None:
    """Write the base model with its tokenizer and chat template (its own unless given) to the file `out`.

    Raises BaseUnusable when the folder is not whole, NotConverted when it is of a kind that is not handled here, and
    ConversionError when llama.cpp would not do with it what transformers does.
    """
    llama = _Llama.of(base)
    missing = llama.tensors()
    tokenizer = Tokenizer.of(base, llama.vocabulary, template)
    with _writing(out) as writer:
        writer.add_name(base.name)
        llama.describe(writer)
        tokenizer.describe(writer)
        for source, tensor in _tensors(base.path / shard for shard in base.shards()):
            # A rope table is computed, never trained; old files hold it all the same.
            if source.endswith("rotary_emb.inv_freq") or (llama.tied and source == "lm_head.weight"):
                continue
            name = llama.name_of(source)
            _add(writer, name, llama.arrange(source, tensor), numbers)
            missing.discard(name)
        if (factors := llama.rope_factors()) is not None:
            writer.add_tensor("rope_freqs.weight", factors)
        if missing:
            raise ConversionError(f"the base lacks {len(missing)} weights, {min(missing)} among them")
        _finish(writer)


def check_convertible(base: BaseFolder) -> None:
    """See that a base is of a kind that is converted here, before anything is written. Raises as `write_base` does."""
    Tokenizer.of(base, _Llama.of(base).vocabulary, "any")


def write_adapter(base: BaseFolder, adapter: Path, out: Path, numbers: NumberType = NumberType.F16) -> None:
    """Write the PEFT adapter in the folder `adapter`, trained on `base`, to the file `out`.

    Raises as `write_base` does; an adapter with anything but plain LoRA (or rsLoRA) is refused. It is small, so it
    keeps 16 bits at least.
    """
    numbers = NumberType.F32 if numbers is NumberType.F32 else NumberType.F16
    llama = _Llama.of(base)
    folder = BaseFolder(adapter)
    config = folder.json("adapter_config.json")
    for option in (
        "use_dora",
        "modules_to_save",
        "alpha_pattern",
        "rank_pattern",
        "fan_in_fan_out",
        "lora_bias",
    ):
        if config.get(option):
            raise ConversionError(
                f"the adapter uses {option}, which llama.cpp has no counterpart for: train plain LoRA"
            )
    rank = int(config["r"])
    alpha = float(config["lora_alpha"])
    if config.get("use_rslora"):
        # llama.cpp divides alpha by the rank; rsLoRA divides by its root.
        alpha *= math.sqrt(rank)
    pairs: set[str] = set()
    with _writing(out) as writer:
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
        for source, tensor in _tensors([adapter / ADAPTER_WEIGHTS]):
            found = re.fullmatch(r"base_model\.model\.(?P<layer>.+)\.lora_(?P<half>[AB])\.weight", source)
            if found is None:
                raise ConversionError(f"the adapter holds {source}, which is no LoRA: train plain LoRA")
            layer, half = f"{found['layer']}.weight", found["half"]
            if half == "B":
                # The base's q and k rows stand in another order in GGUF; B writes into those rows.
                tensor = llama.arrange(layer, tensor)  # noqa: PLW2901
            _add(writer, f"{llama.name_of(layer)}.lora_{half.lower()}", tensor, numbers)
            pairs ^= {layer}
        if pairs:
            raise ConversionError(f"the adapter holds half of {min(pairs)}: save it again")
        _finish(writer)


@dataclass(frozen=True, slots=True)
class _Llama:
    """What config.json says, as far as GGUF needs it; `names` maps transformers' names of weights to GGUF's."""

    config: dict[str, Any]
    names: Any

    @classmethod
    def of(cls, base: BaseFolder) -> _Llama:
        config = base.config
        if config.get("model_type", "llama") not in LIKE_LLAMA:
            raise NotConverted(
                f"the base's model_type is {config['model_type']!r}; only the Llama family is converted here: "
                "use llama.cpp's own converter"
            )
        window = config.get("sliding_window")
        if window is not None and window < config["max_position_embeddings"]:
            raise NotConverted(
                f"each token of the base sees the last {window} alone, which llama.cpp does not do for a Llama: "
                "serve this base with vLLM"
            )
        for key, expected in (
            ("hidden_act", "silu"),
            ("attention_bias", False),
            ("mlp_bias", False),
        ):
            if config.get(key, expected) != expected:
                raise NotConverted(
                    f"the base's {key} is {config[key]!r}; only the Llama family is converted here: "
                    "use llama.cpp's own converter"
                )
        layers = int(config["num_hidden_layers"])
        names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, layers)
        return cls(config, names)

    @property
    def vocabulary(self) -> int:
        return int(self.config["vocab_size"])

    @property
    def tied(self) -> bool:
        return bool(self.config.get("tie_word_embeddings", False))

    @property
    def heads(self) -> int:
        return int(self.config["num_attention_heads"])

    @property
    def key_heads(self) -> int:
        return int(self.config.get("num_key_value_heads") or self.heads)

    @property
    def head_size(self) -> int:
        return int(self.config.get("head_dim") or self.config["hidden_size"] // self.heads)

    @property
    def rope(self) -> dict[str, Any]:
        """The rotary settings, from their place in transformers 5 or the older two places."""
        config = self.config
        rope = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
        rope.setdefault("rope_theta", config.get("rope_theta", 10000.0))
        rope["rope_type"] = rope.get("rope_type") or rope.get("type") or "default"
        return rope

    def tensors(self) -> set[str]:
        """The names of all tensors that a model of these measures has."""
        blocks = (
            "attn_norm",
            "attn_q",
            "attn_k",
            "attn_v",
            "attn_output",
            "ffn_norm",
            "ffn_gate",
            "ffn_up",
            "ffn_down",
        )
        layers = range(int(self.config["num_hidden_layers"]))
        names = {f"blk.{layer}.{block}.weight" for layer in layers for block in blocks}
        return (
            names | {"token_embd.weight", "output_norm.weight"} | (set() if self.tied else {"output.weight"})
        )

    def describe(self, writer: Any) -> None:  # noqa: ANN401 - gguf is untyped here
        """Write the model's measures."""
        config = self.config
        writer.add_block_count(config["num_hidden_layers"])
        writer.add_context_length(config["max_position_embeddings"])
        writer.add_embedding_length(config["hidden_size"])
        writer.add_feed_forward_length(config["intermediate_size"])
        writer.add_head_count(self.heads)
        writer.add_head_count_kv(self.key_heads)
        writer.add_key_length(self.head_size)
        writer.add_value_length(self.head_size)
        writer.add_rope_dimension_count(self.head_size)
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
        writer.add_vocab_size(self.vocabulary)
        rope = self.rope
        writer.add_rope_freq_base(float(rope["rope_theta"]))
        if rope["rope_type"] == "linear":
            writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            writer.add_rope_scaling_factor(float(rope["factor"]))
        elif rope["rope_type"] not in ("default", "llama3"):
            raise NotConverted(
                f"rope of type {rope['rope_type']} is not converted here: use llama.cpp's converter"
            )

    def rope_factors(self) -> Any:  # noqa: ANN401 - numpy is untyped here
        """Llama 3 stretches slow rotations: a factor for each pair of dimensions, or None elsewhere."""
        rope = self.rope
        if rope["rope_type"] != "llama3":
            return None
        pairs = np.arange(0, self.head_size, 2, dtype=np.float64)
        wavelength = 2 * math.pi * float(rope["rope_theta"]) ** (pairs / self.head_size)
        old = float(rope["original_max_position_embeddings"])
        low, high = float(rope["low_freq_factor"]), float(rope["high_freq_factor"])
        smooth = np.clip((old / wavelength - low) / (high - low), 0, 1)
        return (1 / (smooth + (1 - smooth) / float(rope["factor"]))).astype(np.float32)

    def name_of(self, source: str) -> str:
        """GGUF's name of a weight. Raises ConversionError for one that a Llama does not have."""
        name = self.names.get_name(source, try_suffixes=(".weight",))
        if name is None:
            raise NotConverted(f"{source} is no weight of a Llama: use llama.cpp's own converter")
        return str(name)

    def arrange(self, source: str, tensor: Any) -> Any:  # noqa: ANN401 - numpy is untyped here
        """Reorder q's and k's rows: transformers rotates halves of a head, llama.cpp neighbours."""
        heads = {"q_proj": self.heads, "k_proj": self.key_heads}.get(source.split(".")[-2])
        if heads is None:
            return tensor
        half = tensor.shape[0] // heads // 2
        return tensor.reshape(heads, 2, half, *tensor.shape[1:]).swapaxes(1, 2).reshape(tensor.shape)


_BLOCKS = {
    NumberType.Q8_0: gguf.GGMLQuantizationType.Q8_0,
    NumberType.Q4_0: gguf.GGMLQuantizationType.Q4_0,
}
_EDGES = {"token_embd.weight", "output.weight"}


def _tensors(files: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    for file in files:
        try:
            # Through torch: numpy has no bfloat16.
            with safe_open(file, framework="pt") as weights:
                for name in sorted(weights.keys()):
                    yield name, weights.get_tensor(name).to(torch.float32).numpy()
        except (OSError, ValueError) as error:
            raise ConversionError(f"{file} cannot be read ({type(error).__name__}): save it again") from error


def _add(writer: Any, name: str, tensor: Any, numbers: NumberType) -> None:  # noqa: ANN401
    if not np.isfinite(tensor).all():
        raise ConversionError(f"{name} holds numbers that are not finite: the training went wrong")
    if tensor.ndim < 2 or numbers is NumberType.F32:
        writer.add_tensor(name, np.ascontiguousarray(tensor))
        return
    if (kind := _BLOCKS.get(numbers)) is not None and tensor.shape[-1] % 32 == 0:
        if name in _EDGES:
            kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(name, gguf.quants.quantize(np.ascontiguousarray(tensor), kind), raw_dtype=kind)
        return
    if np.abs(tensor).max() > np.finfo(np.float16).max:
        raise ConversionError(f"{name} is out of the range of f16: write f32")
    writer.add_tensor(name, np.ascontiguousarray(tensor.astype(np.float16)))


@contextmanager
def _writing(out: Path) -> Iterator[Any]:
    out.parent.mkdir(parents=True, exist_ok=True)
    # Spooled to a file: a base of billions of parameters does not fit into the memory twice.
    writer = gguf.GGUFWriter(out, "llama", use_temp_file=True)
    try:
        yield writer
    finally:
        writer.close()
        if writer.temp_file is not None:
            writer.temp_file.close()


def _finish(writer: Any) -> None:  # noqa: ANN401 - gguf is untyped here
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
