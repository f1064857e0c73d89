"""`understudy tune`: it searches, shows what it found, and the command that it ends with trains that persona."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from inference.persona import read_manifest
from tests.bot.cli.command import CommandLine, Ended
from tests.training.conftest import make_base, needs_torch
from tests.training.datasets import build

pytestmark = [pytest.mark.train, pytest.mark.timeout(400)]

# Rates at which an adapter learns enough for its canary.
SEARCH = (
    *("--search", "rank=4,8", "--search", "learning_rate=1e-2..15e-3"),
    *(
        "--set",
        "method=lora",
        "--set",
        "epochs=2",
        "--set",
        "alpha=8",
        "--set",
        "batch=8",
        "--set",
        "max_length=256",
    ),
    *("--answers", "8", "--sampling", "temperature=0.4", "--seed", "1"),
)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    needs_torch()
    folder = tmp_path / "tiny"
    make_base(folder)
    return folder


async def test_the_command_that_a_search_ends_with_trains_the_best_persona(
    tmp_path: Path, base: Path
) -> None:
    from training.record import TrainingRecord

    build(tmp_path / "data")
    understudy = CommandLine(tmp_path / "state", {"OMP_NUM_THREADS": "1"}, patience=180)
    asked = (
        "tune",
        str(tmp_path / "data"),
        "--base",
        str(base),
        *SEARCH,
        "--study",
        str(tmp_path / "study.db"),
    )
    searched = await understudy(*asked, "--trials", "2")
    assert searched.code == 0, searched.err
    assert "trial 0: " in searched.out
    assert "trial 1: " in searched.out
    command = _command(searched)
    ended = await understudy(*command)
    assert ended.code == 0, ended.err
    folder = Path(command[command.index("--out") + 1])
    assert read_manifest(folder).sampling.temperature == 0.4
    settings = TrainingRecord.read(folder / "adapter").settings
    assert f"rank={settings.rank}" in command
    assert f"learning_rate={settings.learning_rate}" in command
    assert (settings.alpha, settings.epochs) == (8, 2)

    # It goes on, and has nothing left to do.
    again = await understudy(*asked, "--trials", "2")
    assert again.code == 0, again.err
    assert "trial 0: " not in again.out
    assert _command(again) == command


async def test_what_cannot_be_searched_is_told_in_a_line(tmp_path: Path, base: Path) -> None:
    build(tmp_path / "data")
    understudy = CommandLine(tmp_path / "state", patience=180)
    said = await understudy.line(
        1, "tune", str(tmp_path / "data"), "--base", str(base), "--search", "colour=1,2"
    )
    assert "'colour=1,2' cannot be searched" in said


def _command(ended: Ended) -> list[str]:
    line = next(line for line in ended.out.splitlines() if line.startswith("understudy train "))
    return shlex.split(line)[1:]
