"""No word sees a later one, and no row of a pack another: told of the model as it stands, not of its name."""

from __future__ import annotations

from typing import Any

import pytest

from training.errors import NotAsAsked

pytestmark = pytest.mark.train

SIZE = {"hidden_size": 64, "num_attention_heads": 4, "vocab_size": 32}
LAYERS = {"num_hidden_layers": 2, "intermediate_size": 96, "max_position_embeddings": 64}
APART = {
    "llama": {**LAYERS, "num_key_value_heads": 2},
    "mistral": {**LAYERS, "num_key_value_heads": 2, "sliding_window": 3},
    "qwen3": {**LAYERS, "num_key_value_heads": 2, "head_dim": 16},
    "gpt_neox": LAYERS,
    "phi3": {**LAYERS, "pad_token_id": 0},
    "mixtral": {**LAYERS, "num_key_value_heads": 2, "num_local_experts": 4},
    "gpt2": {"n_layer": 2, "n_positions": 64},
}
TOGETHER = {
    "bloom": {"n_layer": 2},
    "opt": {"num_hidden_layers": 2, "ffn_dim": 96, "word_embed_proj_dim": 64, "max_position_embeddings": 64},
    "falcon": {"num_hidden_layers": 2},
    "mamba": {"num_hidden_layers": 2},
}


def model_of(kind: str, options: dict[str, Any], attention: str | None = None) -> Any:  # noqa: ANN401
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(kind, **(SIZE | options))
    for name in ("initializer_range", "init_std"):
        if hasattr(config, name):
            setattr(config, name, 0.2)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return AutoModelForCausalLM.from_config(config, attn_implementation=attention).eval()


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kind", APART)
def test_packs_are_kept_apart_by_either_attention(kind: str, attention: str) -> None:
    import torch

    from training.checks import check_attention

    model = model_of(kind, APART[kind], attention)
    check_attention(model, packing=True)
    # And each row of a pack reads as it does alone.
    first, second = [7, 3, 9], [5, 11, 2, 8]
    with torch.no_grad():
        packed = model(
            input_ids=torch.tensor([[*first, *second]]),
            position_ids=torch.tensor([[0, 1, 2, 0, 1, 2, 3]]),
            use_cache=False,
        ).logits[0, 3:]
        alone = model(input_ids=torch.tensor([second]), use_cache=False).logits[0]
    assert torch.allclose(packed, alone, atol=1e-4)


@pytest.mark.parametrize("kind", TOGETHER)
def test_a_kind_of_model_that_passes_over_where_rows_begin_is_not_trained_on_packs(kind: str) -> None:
    from training.checks import check_attention

    model = model_of(kind, TOGETHER[kind])
    check_attention(model, packing=False)
    with pytest.raises(NotAsAsked, match="--set packing=false"):
        check_attention(model, packing=True)


def test_a_model_that_sees_what_comes_is_refused() -> None:
    from training.checks import check_attention

    with pytest.raises(NotAsAsked, match="no causal language model"):
        check_attention(model_of("bert", LAYERS), packing=False)
