"""`python -m training` with exports that cannot be used: one line that says what to do, and nothing is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bot.cli.command import CommandLine, Ended
from tests.training.conftest import make_base, needs_torch, talk


@pytest.fixture
def training(state_dir: Path) -> CommandLine:
    return CommandLine(state_dir, module="training")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs_torch()
    path = tmp_path_factory.mktemp("base")
    make_base(path)
    return path


def _export(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


async def _train(training: CommandLine, base: Path, export: Path, *options: str, owner: str = "Sam") -> Ended:
    out = training.state_dir / "persona"
    ended = await training(
        *("persona", "--export", str(export), "--owner", owner, "--base", str(base), "--out", str(out)),
        *options,
    )
    assert not out.exists()
    return ended


def _line(ended: Ended) -> str:
    assert ended.code == 1, ended
    assert len(ended.err.splitlines()) == 1, ended.err
    assert "Traceback" not in ended.err
    return ended.err.strip()


def test_without_the_extra_the_command_says_what_to_install() -> None:
    # None in sys.modules is how Python itself says that a module is not there, whether or not it is installed.
    hide = "import sys; sys.modules['torch'] = None; from training.__main__ import main; sys.exit(main())"
    ended = subprocess.run([sys.executable, "-c", hide], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "torch is missing: install the extra `train` (pip install 'understudy[train]')"
    ]


@pytest.mark.train
async def test_an_export_that_is_not_there_is_named(
    training: CommandLine, base: Path, state_dir: Path
) -> None:
    export = state_dir / "nowhere.txt"
    assert _line(await _train(training, base, export)) == f"{export}: there is no such file"


@pytest.mark.train
async def test_an_empty_export_is_named(training: CommandLine, base: Path, state_dir: Path) -> None:
    export = _export(state_dir / "WhatsApp Chat with Friday five.txt")
    assert str(export) in _line(await _train(training, base, export))


@pytest.mark.train
async def test_an_export_in_an_unknown_dialect_is_named_with_the_line(
    training: CommandLine, base: Path, state_dir: Path
) -> None:
    export = _export(
        state_dir / "WhatsApp Chat with Friday five.txt", "am dritten Mai, Mia sagt: bandicoot", "so it goes"
    )
    said = _line(await _train(training, base, export))
    assert f"{export}: line 1: " in said
    assert "bandicoot" not in said


@pytest.mark.train
async def test_an_owner_who_wrote_nothing_in_the_export_is_said(
    training: CommandLine, base: Path, state_dir: Path
) -> None:
    lines = [f"{m.sent_at:%d/%m/%Y, %H:%M} - {m.author.name}: {m.text}" for m in talk(20).messages]
    export = _export(state_dir / "WhatsApp Chat with Friday five.txt", *lines)
    said = _line(await _train(training, base, export, owner="Zoe"))
    assert "Zoe" in said or "owner" in said
    assert "sushi" not in said


@pytest.mark.train
async def test_a_base_that_is_not_there_is_named(training: CommandLine, base: Path, state_dir: Path) -> None:
    lines = [f"{m.sent_at:%d/%m/%Y, %H:%M} - {m.author.name}: {m.text}" for m in talk(20).messages]
    export = _export(state_dir / "WhatsApp Chat with Friday five.txt", *lines)
    assert "nowhere" in _line(await _train(training, base / "nowhere", export))


@pytest.mark.train
@pytest.mark.parametrize(
    "wrong", [("--temperature", "9"), ("--rank", "0"), ("--held-out", "2"), ("--history-messages", "-1")]
)
async def test_an_option_out_of_range_is_refused(
    training: CommandLine, base: Path, state_dir: Path, wrong: tuple[str, str]
) -> None:
    lines = [f"{m.sent_at:%d/%m/%Y, %H:%M} - {m.author.name}: {m.text}" for m in talk(20).messages]
    export = _export(state_dir / "WhatsApp Chat with Friday five.txt", *lines)
    said = _line(await _train(training, base, export, *wrong))
    assert wrong[0].strip("-").replace("-", " ").split()[0] in said
