"""What a base can take is told by its config.json, and what it cannot is refused before its weights are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.training.datasets import build
from training.base import BaseFolder, find_base
from training.errors import BaseUnusable, NotAsAsked, SettingsUnusable
from training.settings import LINEAR_LAYERS, Method, TrainSettings

if TYPE_CHECKING:
    from training.dataset.folder import DatasetFolder

pytestmark = pytest.mark.train

SIZE = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
FUSED = {
    "gpt2": ({"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4}, ("c_attn", "c_proj", "c_fc")),
    "gpt_neox": (
        {"model_type": "gpt_neox", **SIZE},
        ("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"),
    ),
    "phi3": (
        {"model_type": "phi3", **SIZE, "pad_token_id": 0},
        ("o_proj", "qkv_proj", "gate_up_proj", "down_proj"),
    ),
}


def base_of(folder: Path, config: dict[str, Any]) -> BaseFolder:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    return BaseFolder(folder)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetFolder:
    return build(tmp_path_factory.mktemp("dataset") / "turns")


def test_a_llama_takes_the_settings_that_nobody_changed(tiny_base: BaseFolder) -> None:
    from training.shape import Shape, shape_of

    shape = shape_of(tiny_base)
    assert shape == Shape(context=1024, vocabulary=608, layers=LINEAR_LAYERS)
    shape.check(TrainSettings())


@pytest.mark.parametrize("kind", FUSED)
def test_who_asks_for_layers_that_a_base_lacks_is_told_those_it_has(tmp_path: Path, kind: str) -> None:
    from training.settings import read_settings
    from training.shape import shape_of

    config, layers = FUSED[kind]
    shape = shape_of(base_of(tmp_path, config))
    assert set(shape.layers) == set(layers)
    with pytest.raises(NotAsAsked, match="no layer named q_proj") as refused:
        shape.check(TrainSettings(max_length=512))
    # What the line says can be typed as it stands.
    shape.check(read_settings("", (str(refused.value).rpartition("--set ")[2], "max_length=512")))
    shape.check(TrainSettings(method=Method.FULL, max_length=512))


def test_rows_longer_than_the_base_reads_are_refused(tmp_path: Path) -> None:
    from training.shape import shape_of

    shape = shape_of(base_of(tmp_path, {"model_type": "llama", **SIZE, "max_position_embeddings": 512}))
    with pytest.raises(SettingsUnusable, match="--set max_length=512"):
        shape.check(TrainSettings(max_length=513))
    shape.check(TrainSettings(max_length=512))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"model_type": "t5"}, "a t5 is no causal language model"),
        ({"model_type": "whatever"}, "knows no whatever"),
        ({}, "knows no unknown"),
        ({"model_type": "llama", "hidden_size": "wide"}, "knows no llama of that shape"),
        ({"model_type": "llama", "quantization_config": {"quant_method": "gptq"}}, "quantised already"),
    ],
)
def test_what_cannot_be_trained_on_is_told_from_its_config(
    tmp_path: Path, config: dict[str, Any], says: str
) -> None:
    from training.shape import shape_of

    with pytest.raises(BaseUnusable, match=says) as refused:
        shape_of(base_of(tmp_path, config))
    assert "\n" not in str(refused.value)


def test_a_tokenizer_of_another_base_is_noticed_before_the_weights_are_read(
    tiny_base: BaseFolder, dataset: DatasetFolder, tmp_path: Path
) -> None:
    from training.trainer import Training, prepared

    (tmp_path / "mixed").mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (tmp_path / "mixed" / name).write_bytes((tiny_base.path / name).read_bytes())
    mixed = base_of(tmp_path / "mixed", tiny_base.config | {"vocab_size": 100})
    with pytest.raises(BaseUnusable, match="tokens that its model does not know"):
        prepared(Training(mixed, dataset, TrainSettings(), tmp_path / "work"))


def test_weights_that_are_missing_are_not_drawn_at_random(tiny_base: BaseFolder, tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    from training.model import Compute, load_model

    shutil.copytree(tiny_base.path, tmp_path / "base")
    file = tmp_path / "base/model.safetensors"
    weights = load_file(file)
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    for quantised in (False, True):
        with pytest.raises(
            BaseUnusable, match=r"lacks 1 of its model's weights, model\.layers\.1\.mlp\.up_proj"
        ):
            load_model(BaseFolder(tmp_path / "base"), Compute("cpu", "float32"), quantised=quantised)
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(BaseUnusable, match="download the base again"):
        load_model(BaseFolder(tmp_path / "base"), Compute("cpu", "float32"))


def test_a_folder_that_is_no_base_says_so(tmp_path: Path) -> None:
    with pytest.raises(BaseUnusable, match=r"no config\.json"):
        find_base(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(BaseUnusable, match="as pickles"):
        find_base(str(tmp_path)).shards()
