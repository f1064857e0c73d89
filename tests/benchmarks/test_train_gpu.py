"""The benchmark of training on a card: on a CPU and two layers it runs the same code to its end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.training.conftest import needs_torch
from training.base import BaseFolder

pytestmark = pytest.mark.train


@pytest.fixture(autouse=True)
def _torch() -> None:
    needs_torch()


def test_every_run_is_measured_in_four_bits_and_a_resumed_one_ends_as_the_whole_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks.train_gpu import TINY, main

    main(["--tiny", "--steps", "4", "--json", str(tmp_path / "figures.json")])
    told = json.loads((tmp_path / "figures.json").read_text())
    runs = {run["run"]: run for run in told["runs"]}
    assert list(runs) == ["packing off", "packing on", "packing on, resumed"]
    for run in runs.values():
        assert run["four_bit_layers"] == 7 * TINY.layers
        assert run["quantised"] == "nf4, double True"
        assert run["tokens_per_second"] > 0
        assert run["peak_bytes"] > run["computed_bytes"] > 0
    assert len(runs["packing on, resumed"]["resumed"]) == 1
    assert runs["packing on"]["resumed"] == []
    assert runs["packing on, resumed"]["loss_after"] == pytest.approx(
        runs["packing on"]["loss_after"], abs=1e-4
    )
    assert told["card"] == "cpu"
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "on cpu, 4 steps each"
    assert len(shown) == 5


def test_a_base_is_written_as_the_real_ones_are_with_as_many_weights(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from benchmarks.train_gpu import TINY, make_base

    make_base(tmp_path / "base", TINY)
    base = BaseFolder(tmp_path / "base")
    assert base.shards() == ("model-00001.safetensors",)
    model = AutoModelForCausalLM.from_pretrained(base.path)
    assert model.num_parameters() == TINY.parameters
    tokenizer = AutoTokenizer.from_pretrained(base.path)
    assert tokenizer.decode(tokenizer("so good 😀")["input_ids"]) == "so good 😀"
    assert len(tokenizer) <= TINY.vocab


def test_the_cards_shapes_are_those_of_the_presets() -> None:
    from benchmarks.train_gpu import sizes

    assert [
        (size.name, round(size.architecture.parameters / 1e9, 1))
        for size in sizes(["1.1b", "7b"], tiny=False)
    ] == [
        ("1.1b", 1.1),
        ("7b", 7.2),
    ]
