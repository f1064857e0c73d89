"""`understudy demo` with the real llama.cpp: it ends cleanly when it is asked to, and leaves nothing running."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from bot.settings import SAMPLE_PERSONA
from tests.bot.cli.command import CommandLine, said, staying

# Read before the tests' own settings take the place of whoever's runs them.
PERSONA = Path(os.environ.get("UNDERSTUDY_TEST_PERSONA") or SAMPLE_PERSONA)


@pytest.fixture
def demo(state_dir: Path) -> CommandLine:
    if not (PERSONA / "gguf" / "base.gguf").is_file():
        if os.environ.get("CI") == "true":
            pytest.fail("CI must have the sample persona's gguf files")
        pytest.skip("needs a persona with gguf files: personas/sample or UNDERSTUDY_TEST_PERSONA")
    return CommandLine(state_dir, {"UNDERSTUDY_PERSONA": str(PERSONA), "UNDERSTUDY_MODEL__THREADS": "1"})


def _running(state_dir: Path) -> set[int]:
    """The processes that were started for a state folder; the database forgets its environment, not its socket."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            about = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(state_dir) in about:
            found.add(int(process.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_the_demo_ends_cleanly_and_leaves_nothing_running(
    demo: CommandLine, sign: signal.Signals, code: int
) -> None:
    process = await demo.start("demo", "--port", "0")
    async with staying(process):
        await said(process, "/sign-in?token=")
        # Itself, the database and llama.cpp.
        assert len(_running(demo.state_dir)) >= 3
        process.send_signal(sign)
        async with asyncio.timeout(30):
            _, err = await process.communicate()
    assert process.returncode == code
    assert b"Traceback" not in err
    assert _running(demo.state_dir) == set()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
async def test_a_demo_that_is_killed_leaves_no_model_running_and_starts_again(demo: CommandLine) -> None:
    first = await demo.start("demo", "--port", "0")
    async with staying(first):
        await said(first, "/sign-in?token=")
        first.kill()
        await first.communicate()
    second = await demo.start("demo", "--port", "0")
    async with staying(second):
        await said(second, "/sign-in?token=")
        # The database outlives a process that was killed, and the second demo found it.
        assert len(_running(demo.state_dir)) == 3
        second.send_signal(signal.SIGINT)
        async with asyncio.timeout(30):
            await second.communicate()
    assert second.returncode == 130
    assert _running(demo.state_dir) == set()
