"""`understudy train`: from a dataset to a persona in one command, and mistakes told in one line before any work."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.errors import SettingsInvalid
from inference.persona import load_persona, read_manifest
from tests.bot.cli.command import ROOT, CommandLine, staying
from tests.training.conftest import make_base, needs_torch
from tests.training.datasets import build
from training.errors import WorkTaken
from training.preset import presets

if TYPE_CHECKING:
    from bot.cli.training_plan import Plan

pytestmark = pytest.mark.train

SETTINGS = ("rank=4", "alpha=8", "learning_rate=1e-2", "max_length=256")


@pytest.fixture
def train(state_dir: Path) -> CommandLine:
    return CommandLine(state_dir)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs_torch()
    path = tmp_path_factory.mktemp("base") / "tiny-llama"
    make_base(path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("data") / "turns").path


def call(data: Path, base: Path | str, out: Path, *settings: str) -> tuple[str, ...]:
    changes = (word for setting in (*SETTINGS, *settings) for word in ("--set", setting))
    return ("train", str(data), "--base", str(base), "--out", str(out), *changes)


def test_without_the_extra_the_command_says_what_to_install(data: Path, base: Path, tmp_path: Path) -> None:
    # None in sys.modules is how Python itself says that a module is not there, whether or not it is installed.
    hide = (
        "import sys; sys.modules['torch'] = None; "
        f"sys.argv = ['understudy', *{call(data, base, tmp_path / 'out')!r}]; from bot.cli.main import main; main()"
    )
    ended = subprocess.run([sys.executable, "-c", hide], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "understudy: torch is missing: install the extra `train` (pip install 'understudy[train]')"
    ]


@pytest.mark.timeout(400)
async def test_ctrl_c_ends_it_with_a_checkpoint_and_the_same_command_makes_the_persona(
    train: CommandLine, data: Path, base: Path, state_dir: Path
) -> None:
    out = state_dir / "persona"
    asked = (*call(data, base, out, "epochs=8"), "--method", "qlora", "--name", "little-sam")
    async with staying(await train.start(*asked)) as process:
        assert process.stderr is not None
        async with asyncio.timeout(100):
            # The first step is done, the last is far.
            await process.stderr.readuntil(b"training: 12 of 112")
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 130
    assert "the same command goes on from there" in err.decode().splitlines()[-1]
    assert not out.exists()

    ended = await train(*asked)
    assert ended.code == 0, ended
    assert "14 layers in 4 bits (nf4 with double quantisation)" in ended.out
    persona = await load_persona(out)
    assert (persona.name, persona.prompt.name) == ("little-sam", "Sam")
    record = json.loads((out / "adapter/training.json").read_text())
    assert record["settings"]["method"] == "qlora"
    assert record["held_out"][-1] < 0.5 * record["held_out"][0]
    assert len(record["resumed"]) == 1
    assert record["resumed"][0] >= 12
    assert json.loads((out / "history.json").read_text())[0]["held_out"] == record["held_out"][0]
    assert (out / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert not (state_dir / "persona.training").exists()
    # What libraries have to say stays out of the way.
    assert {line.split(":")[0] for line in ended.err.splitlines()} == {"training"}
    for path in out.rglob("*"):
        if path.is_file():
            assert str(base.parent).encode() not in path.read_bytes(), path.name

    # Where the base lies is asked for once: it is noted in the state folder, not in the persona's.
    question = ("ask", str(out), "who are you?", "--dataset", str(data))
    asked_again = await train(*question)
    assert asked_again.code == 0, asked_again.err
    assert "the bare base" in asked_again.out
    (state_dir / "bases.json").unlink()
    assert "give that of tiny-llama with --base" in await train.line(1, *question)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_second_ctrl_c_is_another_one_unless_somebody_passed_on_the_first(
    monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    from bot.cli import training_run

    monkeypatch.setattr(training_run, "processes", lambda: processes)
    stop = threading.Event()
    with training_run.stopping(stop, shown=False):
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        if processes > 1:
            signal.raise_signal(signal.SIGTERM)
        else:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)


def test_a_ctrl_c_that_is_not_meant_for_it_ends_no_training() -> None:
    from bot.cli import training_run

    stop, before = threading.Event(), signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with training_run.stopping(stop, shown=False):
            signal.raise_signal(signal.SIGINT)
            assert not stop.is_set()
            signal.raise_signal(signal.SIGTERM)
            assert stop.is_set()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.timeout(400)
def test_ctrl_c_ends_several_processes_after_the_same_step_and_they_go_on_together(
    data: Path, base: Path, tmp_path: Path
) -> None:
    out, log = tmp_path / "persona", tmp_path / "log"
    # What `accelerate launch` starts for several cards; on CPUs it would want MPI.
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node",
        "2",
        "-m",
        "bot",
    ]
    launch += [*call(data, base, out, "epochs=8", "batch=4"), "--method", "lora"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "ACCELERATE_USE_CPU": "true",
        "UNDERSTUDY_STATE_DIR": str(tmp_path / "state"),
    }
    with log.open("wb") as told:
        process = subprocess.Popen(
            launch, env=environment, stdout=told, stderr=told, cwd=tmp_path, start_new_session=True
        )
    try:
        while b"training: 12 of" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        # As a terminal does: to the launcher, which tells the others again, and to each of them.
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(120) != 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    said = log.read_text()
    assert said.count("ending after this step") == 1
    stopped = set(re.findall(r"interrupted after step (\d+)", said))
    assert len(stopped) == 1
    assert not out.exists()

    ended = subprocess.run(
        launch, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=200
    )
    assert ended.returncode == 0, ended.stderr
    record = json.loads((out / "adapter/training.json").read_text())
    assert record["devices"] == 2
    assert [str(step) for step in record["resumed"]] == list(stopped)


def plan(data: Path, base: Path, out: Path, *settings: str, me: str = "") -> Plan:
    from bot.cli.training_plan import Asked, plan_of

    changes = (*SETTINGS, *settings)
    return plan_of(Asked(data, str(base), out, changes=changes, method="lora", me=me))


def test_a_dry_run_only_tells(
    data: Path, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bot.cli.training_run import TrainingRun

    TrainingRun(plan(data, base, tmp_path / "persona"), tmp_path / "state").run(fresh=False, dry_run=True)
    told = capsys.readouterr().out
    for words in ("rank = 4", "109 rows to train on", "GB of memory", "know them by heart"):
        assert words in told
    assert list(tmp_path.glob("persona*")) == []


def test_fresh_begins_anew(data: Path, base: Path, tmp_path: Path) -> None:
    from bot.cli.training_run import TrainingRun

    (tmp_path / "persona.training").mkdir()
    (tmp_path / "persona.training/asked.json").write_text('{"base": "another"}')
    asked = TrainingRun(plan(data, base, tmp_path / "persona", "epochs=6"), tmp_path / "state")
    with pytest.raises(WorkTaken, match="--fresh"):
        asked.run(fresh=False, dry_run=False)
    asked.run(fresh=True, dry_run=False)
    assert read_manifest(tmp_path / "persona").name == "sam"


def test_who_the_model_is_must_be_known(data: Path, base: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "copy")
    record = tmp_path / "copy/dataset.json"
    facts = json.loads(record.read_text()) | {"owners": ["Sam", "Samuel"]}
    record.write_text(json.dumps(facts))
    with pytest.raises(SettingsInvalid, match="Sam and Samuel"):
        plan(tmp_path / "copy", base, tmp_path / "persona")
    assert plan(tmp_path / "copy", base, tmp_path / "persona", me="Sam").form.name == "Sam"


def test_a_published_sampling_is_taken_by_name(data: Path, base: Path, tmp_path: Path) -> None:
    from bot.cli.training_plan import Asked, plan_of

    made = plan_of(Asked(data, str(base), tmp_path / "out", me="Sam", sampling=("narrow",), numbers="q4_0"))
    assert (made.sampling.temperature, made.sampling.top_p, made.numbers) == (0.75, 0.15, "q4_0")
    with pytest.raises(SettingsInvalid, match="take one of narrow"):
        plan_of(Asked(data, str(base), tmp_path / "out", me="Sam", sampling=("warm",)))


def test_a_base_of_a_known_shape_gets_its_preset(data: Path, base: Path, tmp_path: Path) -> None:
    known = presets()["smollm2-135m"]
    shutil.copytree(base, tmp_path / "base")
    shape = known.architecture
    config = json.loads((tmp_path / "base/config.json").read_text()) | {
        "num_hidden_layers": shape.layers,
        "hidden_size": shape.hidden,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "intermediate_size": shape.intermediate,
        "vocab_size": shape.vocab,
        "tie_word_embeddings": shape.tied,
    }
    (tmp_path / "base/config.json").write_text(json.dumps(config))
    found = plan(data, tmp_path / "base", tmp_path / "persona").settings
    assert found.epochs == known.settings["epochs"]
    assert found.rank == 4


@pytest.mark.parametrize(
    ("wrong", "code", "says"),
    [
        (("--set", "rank=0"), 1, "rank: "),
        (("--set", "rnak=8"), 1, "there is no setting rnak"),
        (("--preset", "gpt-9000"), 1, "neither a preset nor a file"),
        (("--method", "magic"), 2, "choose one of qlora, lora, full"),
        (("--numbers", "f8"), 2, "choose one of f32, f16, q8_0"),
        (("--base", "nowhere"), 1, "nowhere is no folder"),
        (("--base", "no-such-org/no-such-model"), 1, "cannot be had from the hub"),
    ],
)
async def test_mistakes_are_told_in_one_line(
    train: CommandLine, data: Path, base: Path, state_dir: Path, wrong: tuple[str, str], code: int, says: str
) -> None:
    asked = (*call(data, base, state_dir / "persona"), *wrong)
    # No hub is asked from a test: the name leads to a port where nothing listens.
    assert says in await CommandLine(state_dir, {"HF_ENDPOINT": "http://127.0.0.1:9"}).line(code, *asked)
    assert not (state_dir / "persona.training").exists()


async def test_a_persona_that_could_not_be_written_is_not_trained(
    train: CommandLine, data: Path, base: Path, state_dir: Path
) -> None:
    (state_dir / "file").write_text("mine")
    asked = call(data, base, state_dir / "file/persona")
    assert "give another --out" in await train.line(2, *asked)
    assert (state_dir / "file").read_text() == "mine"


async def test_a_folder_that_is_no_dataset_is_named(train: CommandLine, base: Path, state_dir: Path) -> None:
    assert "is no dataset" in await train.line(1, *call(state_dir, base, state_dir / "persona"))


async def test_a_damaged_dataset_is_not_trained_on(
    train: CommandLine, data: Path, base: Path, state_dir: Path
) -> None:
    shutil.copytree(data, state_dir / "copy")
    with (state_dir / "copy/rows/train.parquet").open("ab") as file:
        file.write(b"\0")
    told = await train.line(1, *call(state_dir / "copy", base, state_dir / "persona"))
    assert "train.parquet" in told


def test_sampling_is_a_name_or_values_over_it() -> None:
    from bot.cli.training_plan import sampling_of
    from inference.sampling import PUBLISHED, Sampling

    name = next(iter(PUBLISHED))
    assert sampling_of(()) == Sampling()
    assert sampling_of((name, "max_tokens=48")) == Sampling.named(name, max_tokens=48)
    assert sampling_of(("temperature=0.4", "top_p=0.7")) == Sampling(temperature=0.4, top_p=0.7)
    for wrong in ("nobodys", "temperature=9", "warmth=1", "temperature="):
        with pytest.raises(SettingsInvalid):
            sampling_of((wrong,))


def test_model_names_of_names() -> None:
    from bot.cli.training_plan import model_name

    assert [model_name(name) for name in ("Sam", "Zoë O’Neil", "山", "--")] == [
        "sam",
        "zoe-oneil",
        "persona",
        "persona",
    ]
