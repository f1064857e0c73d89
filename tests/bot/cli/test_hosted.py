"""`understudy hosted`, in a process of its own: nothing before consent, nothing twice, nothing left."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bot.cli.command import ROOT, CommandLine, said
from tests.fakes.hosted.rules import Fault
from tests.fakes.hosted.server import BASES, KEY, FakeHost, Play, fake_host
from tests.training.hosted.desk import SECRET, build_dataset
from training.dataset.outputs import Format
from training.hosted.record import Record, Records

FILES = "/v1/files"
JOBS = "/v1/fine_tuning/jobs"


@pytest.fixture
async def fake() -> AsyncIterator[FakeHost]:
    async with fake_host() as host:
        yield host


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return build_dataset(tmp_path / "dataset")


@pytest.fixture
def hosted(state_dir: Path, fake: FakeHost) -> CommandLine:
    """The command line with a host, a key and no patience."""
    settings = {
        "BASE_URL": fake.base_url,
        "API_KEY": KEY,
        "MODEL": BASES[0],
        "POLL_SECONDS": "0.05",
        "BACKOFF_SECONDS": "0.05",
    }
    return CommandLine(state_dir, {f"UNDERSTUDY_HOSTED__{name}": value for name, value in settings.items()})


def _records(hosted: CommandLine) -> tuple[Record, ...]:
    return Records(hosted.state_dir).all()


async def test_a_dataset_is_trained_listed_and_taken_back(
    hosted: CommandLine, fake: FakeHost, dataset: Path
) -> None:
    ended = await hosted("hosted", "train", str(dataset), "--yes-send", fake.name, "--epochs", "2")
    assert ended.code == 0, ended.err
    (record,) = _records(hosted)
    assert f"ft:{BASES[0]}:acme::0003 is trained" in ended.out
    assert "Step 3/3: training loss=1.70" in ended.out
    for verb in ("jobs", "list"):
        shown = await hosted("hosted", verb)
        assert shown.code == 0, shown.err
        assert record.id in shown.out
    assert (await hosted("hosted", "watch", record.id)).code == 0
    assert len(fake.jobs) == 1
    refused = await hosted.line(1, "hosted", "forget")
    assert "--yes deletes all of it" in refused
    assert len(fake.made) == 5
    gone = await hosted("hosted", "forget", "--yes")
    assert gone.code == 0, gone.err
    assert fake.made == []
    assert "forgotten" in (await hosted("hosted", "jobs")).out


@pytest.mark.parametrize("arguments", [(), ("--yes-send", "yes"), ("--yes-send", "api.openai.com")])
async def test_without_consent_not_even_a_connection_is_opened(
    hosted: CommandLine, fake: FakeHost, dataset: Path, arguments: tuple[str, ...]
) -> None:
    ended = await hosted("hosted", "train", str(dataset), *arguments)
    assert ended.code == 1
    assert "nothing was sent" in ended.err
    assert f"It goes to {fake.name}" in ended.out
    assert "words of 2 people" in ended.out
    assert fake.connections == 0
    assert _records(hosted) == ()


async def test_moderation_elsewhere_needs_consent_of_its_own(
    hosted: CommandLine, fake: FakeHost, dataset: Path
) -> None:
    async with fake_host() as guard:
        elsewhere = {"hosted__moderation_base_url": guard.base_url, "hosted__moderation_api_key": KEY}
        arguments = ("hosted", "train", str(dataset), "--yes-send", fake.name)
        assert (await hosted(*arguments, **elsewhere)).code == 1
        assert (fake.connections, guard.connections) == (0, 0)
        ended = await hosted(*arguments, "--yes-send", guard.name, **elsewhere)
        assert ended.code == 0, ended.err
        assert guard.judged
        assert not fake.judged


@pytest.mark.parametrize(
    ("method", "path", "took"),
    [
        ("POST", "/v1/moderations", False),
        ("POST", FILES, False),
        ("POST", FILES, True),
        ("GET", f"{FILES}/[^/]+", False),
        ("POST", JOBS, False),
        ("POST", JOBS, True),
        ("GET", f"{JOBS}/[^/]+", True),
        ("GET", f"{JOBS}/[^/]+/events", False),
        ("GET", f"{JOBS}/[^/]+/checkpoints", False),
        ("GET", f"{FILES}/[^/]+/content", False),
        ("POST", "/v1/chat/completions", False),
    ],
)
async def test_killed_at_any_step_it_goes_on_and_sends_nothing_twice(
    hosted: CommandLine, fake: FakeHost, dataset: Path, method: str, path: str, took: bool
) -> None:
    play = fake.play(Play(method, path, "hold", took=took))
    process = await hosted.start("hosted", "train", str(dataset), "--yes-send", fake.name)
    try:
        async with asyncio.timeout(60):
            await play.met.wait()
    finally:
        process.kill()
        await process.communicate()
    (record,) = _records(hosted)
    ended = await hosted("hosted", "watch", record.id)
    assert ended.code == 0, ended.err
    assert len(fake.jobs) == 1
    assert sorted(file.filename for file in fake.files.values()) == [
        "step_metrics.csv",
        f"understudy-{record.id}-train.jsonl",
        f"understudy-{record.id}-valid.jsonl",
    ]
    assert (Records(hosted.state_dir).folder(record.id) / "hosted.json").exists()
    assert (hosted.state_dir / "personas" / f"sam-{record.id}" / "persona.toml").exists()


async def test_two_processes_do_not_work_on_one_job(
    hosted: CommandLine, fake: FakeHost, dataset: Path
) -> None:
    play = fake.play(Play("POST", FILES, "hold"))
    process = await hosted.start("hosted", "train", str(dataset), "--yes-send", fake.name)
    try:
        async with asyncio.timeout(60):
            await play.met.wait()
        (record,) = _records(hosted)
        assert "another process has the job" in await hosted.line(1, "hosted", "watch", record.id)
        assert "another process has the job" in (await hosted("hosted", "forget", "--yes")).err
    finally:
        process.kill()
        await process.communicate()


@pytest.mark.parametrize(
    ("wish", "status"), [("cancel", "cancelled"), ("leave", "running"), ("ask", "running")]
)
async def test_ctrl_c_does_with_the_job_what_was_wished(
    hosted: CommandLine, fake: FakeHost, dataset: Path, wish: str, status: str
) -> None:
    fake.runs_for_ever = True
    process = await hosted.start(
        *("hosted", "train", str(dataset), "--yes-send", fake.name, "--on-interrupt", wish)
    )
    await said(process, "Step 3/3")
    process.send_signal(signal.SIGINT)
    out, _ = await process.communicate()
    assert process.returncode == 130
    (job,) = fake.jobs.values()
    assert job.status == status
    assert (b"hosted cancel" in out) == (status == "running")


async def test_at_a_terminal_consent_is_typed_and_ctrl_c_asks(
    hosted: CommandLine, fake: FakeHost, dataset: Path
) -> None:
    fake.runs_for_ever = True
    screen = await _Terminal.start(hosted, "hosted", "train", str(dataset))
    async with asyncio.timeout(90):
        await screen.until("To agree, type")
        assert fake.connections == 0
        screen.type(f"{fake.name}\n")
        await screen.until("training")
        while not (fake.jobs and next(iter(fake.jobs.values())).steps == fake.steps):
            await asyncio.sleep(0.05)
        screen.type("\x03")
        await screen.until("Cancel the job at the host, too?")
        screen.type("y\n")
        await screen.until("the job is cancelled")
        assert await screen.process.wait() == 130
    (job,) = fake.jobs.values()
    assert job.status == "cancelled"
    screen.close()


async def test_a_failed_job_is_one_line(hosted: CommandLine, fake: FakeHost, dataset: Path) -> None:
    fake.fails_with = Fault("The job ran out of luck.", code="server_error")
    said_ = await hosted.line(1, "hosted", "train", str(dataset), "--yes-send", fake.name)
    assert said_ == "the host failed the job: server_error: The job ran out of luck"
    fake.plays.clear()
    (record,) = _records(hosted)
    assert "failed" in (await hosted("hosted", "jobs")).out
    assert (await hosted("hosted", "cancel", record.id)).out.strip() == "the job is failed"


async def test_what_could_not_be_deleted_ends_with_an_error(
    hosted: CommandLine, fake: FakeHost, dataset: Path
) -> None:
    assert (await hosted("hosted", "train", str(dataset), "--yes-send", fake.name)).code == 0
    (record,) = _records(hosted)
    fake.undeletable = {record.models[0]}
    said_ = await hosted.line(1, "hosted", "forget", "--yes")
    assert said_.startswith(f"still at {fake.name}: model {record.models[0]}")


async def test_jobs_at_another_host_are_named_and_their_key_stays_here(
    hosted: CommandLine, fake: FakeHost, dataset: Path
) -> None:
    assert (await hosted("hosted", "train", str(dataset), "--yes-send", fake.name)).code == 0
    (record,) = _records(hosted)
    async with fake_host() as other:
        moved = replace(
            hosted, environment={**hosted.environment, "UNDERSTUDY_HOSTED__BASE_URL": other.base_url}
        )
        assert fake.base_url in await moved.line(1, "hosted", "watch", record.id)
        assert f"--base-url {fake.base_url}" in await moved.line(1, "hosted", "forget", "--yes")
        before = fake.connections
        assert (await moved("hosted", "forget", "--yes", "--base-url", fake.base_url)).code == 0
        assert fake.connections > before
    assert fake.made == []


async def test_neither_key_nor_texts_are_shown_or_logged(
    hosted: CommandLine, fake: FakeHost, dataset: Path
) -> None:
    fake.fails_with = Fault(f"you said {SECRET} with {KEY}", code="invalid_training_file")
    arguments = ("hosted", "train", str(dataset), "--yes-send", fake.name)
    ended = await hosted("--debug", "--log-level", "debug", *arguments)
    assert ended.code == 1
    assert "invalid_training_file" in ended.err
    assert not any(secret in ended.out + ended.err for secret in (KEY, SECRET, "what is it on day"))


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "said_"),
    [
        (("train", "none"), {}, 1, "no dataset"),
        (("train", "none"), {"hosted__base_url": ""}, 2, "no host is named"),
        (("train", "none"), {"hosted__model": ""}, 2, "no model is named"),
        (("train", "none"), {"hosted__api_key": ""}, 2, "UNDERSTUDY_HOSTED__API_KEY"),
        (("train", "none", "--base-url", "http://tuning.example/v1"), {}, 2, "https://"),
        (("train", "none", "--suffix", "x" * 65), {}, 2, "64 characters"),
        (("watch", "abc"), {}, 1, "12 letters"),
        (("watch", "abcdefabcdef"), {}, 1, "hosted jobs"),
        (("cancel", "abcdefabcdef"), {}, 1, "hosted jobs"),
        (("forget", "../../../etc/x"), {}, 1, "12 letters"),
        (("list",), {"hosted__api_key": "sk-no"}, 1, "refuses the API key"),
        (("jobs",), {"hosted__screen": "oracle"}, 2, "hosted.screen must be"),
        (("jobs",), {"hosted__thresholds__hate": "7"}, 2, "hosted.thresholds cannot be used"),
    ],
)
async def test_what_is_wrong_is_one_line(
    hosted: CommandLine, arguments: tuple[str, ...], settings: dict[str, str], code: int, said_: str
) -> None:
    assert said_ in await hosted.line(code, "hosted", *arguments, **settings)


async def test_a_dataset_of_another_format_says_what_makes_it(
    hosted: CommandLine, fake: FakeHost, tmp_path: Path
) -> None:
    folder = build_dataset(tmp_path / "other", form=Format.SHAREGPT)
    said_ = await hosted.line(1, "hosted", "train", str(folder), "--yes-send", fake.name)
    assert "understudy dataset build --format openai" in said_


class _Terminal:
    """A process at a terminal of its own."""

    def __init__(self, process: asyncio.subprocess.Process, handle: int) -> None:
        self.process = process
        self._handle = handle
        self._seen = ""

    @classmethod
    async def start(cls, line: CommandLine, *arguments: str) -> _Terminal:
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *(line.python, "-m", line.module, *arguments),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={
                **os.environ,
                **line.environment,
                "PYTHONPATH": str(ROOT),
                "UNDERSTUDY_STATE_DIR": str(line.state_dir),
                "TERM": "xterm",
                "COLUMNS": "200",
            },
            cwd=line.state_dir.parent,
            # Ctrl-C is for the process whose terminal it is: one of its own session.
            preexec_fn=_own_terminal,
        )
        os.close(theirs)
        os.set_blocking(ours, False)
        return cls(process, ours)

    async def until(self, text: str) -> None:
        while text not in self._seen:
            with suppress(BlockingIOError):
                try:
                    self._seen += os.read(self._handle, 65536).decode(errors="replace")
                    continue
                except OSError as error:
                    if isinstance(error, BlockingIOError):
                        raise
                    raise AssertionError(f"it ended without {text!r}: {self._seen[-600:]}") from None
            await asyncio.sleep(0.02)

    def type(self, text: str) -> None:
        self._seen = ""
        os.write(self._handle, text.encode())

    def close(self) -> None:
        os.close(self._handle)


def _own_terminal() -> None:
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
