"""The shape of a Llama-like model: how many weights it has, and where, told by its config.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, PositiveInt

from training.errors import BaseUnusable

SHAPED_LIKE_LLAMA = frozenset({"llama", "mistral", "qwen2", "qwen3"})
"""The model types of transformers whose blocks are a Llama's: q, k, v, o and gate, up, down."""


class Architecture(BaseModel):
    """The numbers of a config.json that say how large a model is.

    `bias` is on q, k and v (Qwen2), `qk_norm` on each head's queries and keys (Qwen3). With `tied`, one matrix
    serves as embedding and head.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: PositiveInt
    hidden: PositiveInt
    heads: PositiveInt
    kv_heads: PositiveInt
    head_dim: PositiveInt
    intermediate: PositiveInt
    vocab: PositiveInt
    tied: bool = False
    bias: bool = False
    qk_norm: bool = False

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Architecture:
        """Read it off a config.json. Raises BaseUnusable for models of another shape."""
        kind = config.get("model_type")
        if kind not in SHAPED_LIKE_LLAMA:
            raise BaseUnusable(
                f"a model of type {kind} is not shaped like a Llama: its size is not known here"
            )
        try:
            hidden, heads = config["hidden_size"], config["num_attention_heads"]
            return cls(
                layers=config["num_hidden_layers"],
                hidden=hidden,
                heads=heads,
                kv_heads=config.get("num_key_value_heads") or heads,
                head_dim=config.get("head_dim") or hidden // heads,
                intermediate=config["intermediate_size"],
                vocab=config["vocab_size"],
                tied=config.get("tie_word_embeddings", False),
                bias=kind == "qwen2" or config.get("attention_bias", False),
                qk_norm=kind == "qwen3",
            )
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            raise BaseUnusable(
                "config.json does not say how large the model is: download the base again"
            ) from None

    @property
    def linears(self) -> Mapping[str, tuple[int, int]]:
        """What goes in and what comes out of each linear layer of a block, by name."""
        asked, kept = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return MappingProxyType(
            {
                "q_proj": (self.hidden, asked),
                "k_proj": (self.hidden, kept),
                "v_proj": (self.hidden, kept),
                "o_proj": (asked, self.hidden),
                "gate_proj": (self.hidden, self.intermediate),
                "up_proj": (self.hidden, self.intermediate),
                "down_proj": (self.intermediate, self.hidden),
            }
        )

    @property
    def block_linear_parameters(self) -> int:
        """The weights of all blocks' linear layers: what 4-bit quantisation takes hold of."""
        return self.layers * sum(inside * out for inside, out in self.linears.values())

    @property
    def parameters(self) -> int:
        """All weights, the same number as the published checkpoint has."""
        small = 2 * self.hidden  # the norms of a block
        if self.bias:
            small += sum(self.linears[name][1] for name in ("q_proj", "k_proj", "v_proj"))
        if self.qk_norm:
            small += 2 * self.head_dim
        matrices = self.vocab * self.hidden * (1 if self.tied else 2)
        return matrices + self.block_linear_parameters + self.layers * small + self.hidden

    def adapter_parameters(self, rank: int, targets: tuple[str, ...]) -> int:
        """The weights of a LoRA of that rank on these layers; names that no block has add none."""
        return self.layers * sum(
            rank * (inside + out) for name, (inside, out) in self.linears.items() if name in targets
        )
