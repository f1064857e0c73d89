"""Settings of a training: a preset, changes over it, and refusals that name what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.errors import SettingsUnusable
from training.settings import Method, TrainSettings, preset_names, read_preset, read_settings


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(
        'base = "somebody/something"\n[settings]\nrank = 8\nmethod = "lora"\ntargets = ["q_proj"]\n'
    )
    return path


def test_changes_lie_over_a_preset(preset: Path) -> None:
    changes = ("alpha=16", "targets=['v_proj', 'o_proj']", "gradient_checkpointing=true", "packing=true")
    found = read_settings(str(preset), changes, {"epochs": 5})
    assert (found.rank, found.method, found.alpha, found.epochs) == (8, Method.LORA, 16, 5)
    assert (found.targets, found.gradient_checkpointing) == (("v_proj", "o_proj"), True)
    assert found == TrainSettings.model_validate_json(found.model_dump_json())


def test_names_of_layers_are_written_with_commas() -> None:
    assert read_settings("", ("targets=q_proj, v_proj",)).targets == ("q_proj", "v_proj")
    assert read_settings("", ("targets=q_proj",)).targets == ("q_proj",)


def test_a_bare_word_is_a_text() -> None:
    assert read_settings("", ("method=full", 'precision="fp32"')).method is Method.FULL


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("rank=0", "rank: "),
        ("dropout=1", "dropout: "),
        ("targets=[]", "targets: "),
        ("learning_rate=nan", "learning_rate: "),
        ("method=qlore", "method: "),
        ("rnak=3", "there is no setting rnak; there are method, rank"),
        ("rank", "write key=value"),
        ("rank=", "write key=value"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(change: str, says: str) -> None:
    with pytest.raises(SettingsUnusable, match=says) as refused:
        read_settings("", (change,))
    assert "\n" not in str(refused.value)


def test_a_preset_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsUnusable, match="neither a preset nor a file"):
        read_settings("no-such-model")
    (tmp_path / "broken.toml").write_text("rank = ")
    with pytest.raises(SettingsUnusable, match=r"broken\.toml"):
        read_settings(str(tmp_path / "broken.toml"))


def test_every_preset_can_be_read() -> None:
    for name in preset_names():
        assert read_settings(name) == TrainSettings.model_validate(read_preset(name)["settings"])


def test_rslora_weighs_by_the_root() -> None:
    assert TrainSettings(rank=16, alpha=32).scale == 2
    assert TrainSettings(rank=16, alpha=32, rslora=True).scale == 8
