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

ADAPTER_WEIGHTS = "adapter_model.safetensors"

SPLIT_LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
    r"\s+(?!\S)|\s+"
)


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
    tokenizer = _Tokenizer.of(base, llama.vocabulary, template)
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
    _Tokenizer.of(base, _Llama.of(base).vocabulary, "any")


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
        for key, expected in (
            ("model_type", "llama"),
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


@dataclass(frozen=True, slots=True)
class _Tokenizer:
    """A byte-level BPE in GGUF's terms."""

    tokens: tuple[str, ...]
    types: tuple[int, ...]
    merges: tuple[str, ...]
    cut: str
    ids: dict[str, int]
    template: str

    @classmethod
    def of(cls, base: BaseFolder, vocabulary: int, template: str = "") -> _Tokenizer:
        content = base.json("tokenizer.json")
        model = content.get("model") or {}
        if model.get("type") != "BPE" or model.get("byte_fallback") or content.get("normalizer"):
            raise NotConverted(
                "only byte-level BPE tokenizers are converted here: use llama.cpp's own converter"
            )
        texts = {int(number): text for text, number in model["vocab"].items()}
        kinds = dict.fromkeys(texts, int(gguf.TokenType.NORMAL))
        for added in content.get("added_tokens") or ():
            number = int(added["id"])
            texts[number] = added["content"]
            kinds[number] = int(gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED)
        if max(texts) >= vocabulary:
            raise ConversionError(
                f"the tokenizer has {max(texts) + 1} tokens, the base {vocabulary}: they do not belong together"
            )
        # Embeddings are often padded to a round number; nothing ever gives those ids.
        tokens = tuple(texts.get(number, f"[PAD{number}]") for number in range(vocabulary))
        types = tuple(kinds.get(number, int(gguf.TokenType.UNUSED)) for number in range(vocabulary))
        merges = tuple(merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"])
        settings = base.json("tokenizer_config.json")
        known = {text: number for number, text in texts.items()}
        ids = {}
        for mark in ("bos_token", "eos_token", "unk_token", "pad_token"):
            text = settings.get(mark)
            text = text.get("content") if isinstance(text, dict) else text
            if text in known:
                ids[mark] = known[text]
        if "eos_token" not in ids:
            raise ConversionError("the tokenizer names no eos_token, so an answer would never end: set one")
        return cls(
            tokens,
            types,
            merges,
            _cut(content.get("pre_tokenizer")),
            ids,
            plain_template(template) if template else _template(base, settings),
        )

    def describe(self, writer: Any) -> None:  # noqa: ANN401 - gguf is untyped here
        """Write tokens, merges, marks and the chat template."""
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(self.cut)
        writer.add_token_list(list(self.tokens))
        writer.add_token_types(list(self.types))
        writer.add_token_merges(list(self.merges))
        for mark, add in (
            ("bos_token", writer.add_bos_token_id),
            ("eos_token", writer.add_eos_token_id),
            ("unk_token", writer.add_unk_token_id),
            ("pad_token", writer.add_pad_token_id),
        ):
            if mark in self.ids:
                add(self.ids[mark])
        # The chat template writes every mark that is wanted.
        writer.add_add_bos_token(False)
        writer.add_add_eos_token(False)
        writer.add_add_space_prefix(False)
        writer.add_chat_template(self.template)


def plain_template(template: str) -> str:
    """Take `{% generation %}` out of a chat template: it only helps trl, and llama.cpp refuses it.

    A comment in its place keeps the dashes that eat white space.
    """
    return re.sub(r"\{%(-?)\s*(?:end)?generation\s*(-?)%\}", r"{#\1 \2#}", template)


def _template(base: BaseFolder, settings: dict[str, Any]) -> str:
    file = base.path / "chat_template.jinja"
    template = file.read_bytes().decode() if file.is_file() else settings.get("chat_template")
    if not isinstance(template, str) or not template:
        raise ConversionError(
            "the base has no chat template: take an instruction-tuned one, or add a template"
        )
    return plain_template(template)


def _cut(cutter: Any) -> str:  # noqa: ANN401 - any JSON
    """The name that llama.cpp has for how this tokenizer cuts a text into words before merging.

    Written out, since a wrong name gives a model that is subtly worse and no error. Raises ConversionError.
    """
    steps = cutter.get("pretokenizers", [cutter]) if isinstance(cutter, dict) else []
    if any(step.get("add_prefix_space") for step in steps):
        raise NotConverted(
            "the tokenizer puts a space before a text, which llama.cpp does not: train one that does not"
        )
    shape = [(step.get("type"), bool(step.get("use_regex", True))) for step in steps]
    if shape == [("ByteLevel", True)]:
        return "gpt-2"
    if shape == [("Digits", True), ("ByteLevel", True)] and steps[0].get("individual_digits"):
        return "smollm"
    if shape == [("Split", True), ("ByteLevel", False)]:
        pattern = (steps[0].get("pattern") or {}).get("Regex")
        if pattern == SPLIT_LLAMA_3 and steps[0].get("behavior") == "Isolated":
            return "llama-bpe"
    raise NotConverted(
        "the tokenizer cuts words in a way that is not converted here: use llama.cpp's own converter"
    )


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
