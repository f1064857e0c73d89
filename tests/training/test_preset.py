"""The presets: real bases, whole settings, and as many weights as the published checkpoints have."""

from __future__ import annotations

import pytest

from training.architecture import Architecture
from training.dataset.cookbook import PRESETS as RECIPES
from training.errors import BaseUnusable
from training.preset import preset_for, presets
from training.settings import LINEAR_LAYERS, Method, preset_names, read_settings

PUBLISHED = {
    # As the model cards and the safetensors of the checkpoints count them.
    "smollm2-135m": 134_515_008,
    "smollm2-360m": 361_821_120,
    "smollm2-1.7b": 1_711_376_384,
    "tinyllama-1.1b": 1_100_048_384,
    "qwen2.5-0.5b": 494_032_768,
    "qwen2.5-1.5b": 1_543_714_304,
    "qwen2.5-3b": 3_085_938_688,
    "qwen2.5-7b": 7_615_616_512,
    "qwen3-4b": 4_022_468_096,
    "mistral-7b": 7_248_023_552,
    "llama-3.2-1b": 1_235_814_400,
    "llama-3.2-3b": 3_212_749_824,
    "llama-3.1-8b": 8_030_261_248,
    "llama-2-13b": 13_015_864_320,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_preset_has_as_many_weights_as_its_checkpoint(name: str) -> None:
    assert presets()[name].architecture.parameters == PUBLISHED[name]


def test_every_preset_is_checked_against_its_checkpoint_and_found_by_the_settings() -> None:
    assert set(presets()) == set(PUBLISHED) == set(preset_names())
    assert not set(presets()) & set(RECIPES), (
        "a preset of training and a recipe of one name would be mixed up"
    )


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_preset_gives_whole_settings(name: str) -> None:
    settings = read_settings(name)
    assert settings.batch * settings.accumulate == 16
    assert settings.targets == LINEAR_LAYERS
    assert (settings.method is Method.LORA) == (presets()[name].architecture.parameters < 10**9)
    assert {
        "method",
        "rank",
        "learning_rate",
        "batch",
        "accumulate",
        "max_length",
    } <= settings.model_fields_set


def test_presets_come_by_size() -> None:
    sizes = [preset.architecture.parameters for preset in presets().values()]
    assert sizes == sorted(sizes)


def test_a_base_of_a_presets_shape_is_recognised_by_its_config() -> None:
    config = {
        "model_type": "qwen2",
        "hidden_size": 896,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "intermediate_size": 4864,
        "vocab_size": 151936,
        "tie_word_embeddings": True,
    }
    found = preset_for(Architecture.of(config))
    assert found is not None
    assert found.name == "qwen2.5-0.5b"
    assert preset_for(Architecture.of({**config, "num_hidden_layers": 23})) is None


def test_a_config_without_numbers_and_one_of_another_shape_are_told_in_a_line() -> None:
    with pytest.raises(BaseUnusable, match="how large"):
        Architecture.of({"model_type": "llama", "hidden_size": 64, "num_attention_heads": 0})
    with pytest.raises(BaseUnusable, match="gpt2"):
        Architecture.of({"model_type": "gpt2"})


def test_an_adapter_has_two_matrices_on_each_layer_it_is_on() -> None:
    shape = Architecture(
        layers=3, hidden=8, heads=2, kv_heads=1, head_dim=4, intermediate=10, vocab=100, tied=True
    )
    assert shape.adapter_parameters(2, ("q_proj",)) == 3 * 2 * (8 + 8)
    assert shape.adapter_parameters(2, ("k_proj", "down_proj", "nothing")) == 3 * 2 * ((8 + 4) + (10 + 8))
