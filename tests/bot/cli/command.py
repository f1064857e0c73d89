"""Calls the command line in a process of its own, as a person would."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
_PATIENCE = 60.0
_COLOURS = {"FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "CLICOLOR_FORCE"}


@dataclass(frozen=True)
class Ended:
    """How a call ended, and what it said."""

    code: int
    out: str
    err: str

    def json(self) -> Any:  # noqa: ANN401
        return json.loads(self.out)


@dataclass(frozen=True)
class CommandLine:
    """`understudy` with a state folder and an environment of a test's own."""

    state_dir: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    module: str = "bot"
    python: str = sys.executable
    patience: float = _PATIENCE
    """Seconds that a call may take."""

    async def __call__(self, *arguments: str, **settings: str) -> Ended:
        process = await self.start(*arguments, **settings)
        try:
            async with asyncio.timeout(self.patience):
                out, err = await process.communicate()
        except BaseException:
            process.kill()
            await process.wait()
            raise
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    async def start(self, *arguments: str, **settings: str) -> asyncio.subprocess.Process:
        """Start it; settings are given without their prefix: `redis_url="redis://..."`."""
        own = {f"UNDERSTUDY_{name.upper()}": value for name, value in settings.items()}
        return await asyncio.create_subprocess_exec(
            *(self.python, "-m", self.module, *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={
                # What is tested is plain text, also where a terminal is played to the program, as on CI.
                **{name: value for name, value in os.environ.items() if name not in _COLOURS},
                "PYTHONPATH": str(ROOT),
                "UNDERSTUDY_STATE_DIR": str(self.state_dir),
                **self.environment,
                **own,
            },
            # Not the checkout: an understudy.toml of whoever runs the tests may lie there.
            cwd=self.state_dir.parent,
        )

    async def refused(self, code: int, *arguments: str, **settings: str) -> str:
        """Call it with something wrong, and give the one line that says what to do; `--debug` adds the trace."""
        said, traced = await asyncio.gather(
            self.line(code, *arguments, **settings), self("--debug", *arguments, **settings)
        )
        assert traced.code == code, traced
        assert "Traceback (most recent call last)" in traced.err
        assert f"understudy: {said}" in traced.err.splitlines()
        return said

    async def line(self, code: int, *arguments: str, **settings: str) -> str:
        """Call it with something wrong, and give the one line that says what to do."""
        plain = await self(*arguments, **settings)
        assert plain.code == code, plain
        assert "Traceback" not in plain.err
        lines = plain.err.splitlines()
        assert len(lines) == 1, plain.err
        assert lines[0].startswith("understudy: ")
        return lines[0].removeprefix("understudy: ")


@asynccontextmanager
async def staying(process: asyncio.subprocess.Process) -> AsyncIterator[asyncio.subprocess.Process]:
    """Have a process end with the test."""
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(20):
                    await process.communicate()
            except TimeoutError:
                process.kill()
                await process.communicate()


async def said(process: asyncio.subprocess.Process, text: str) -> str:
    """Read standard output up to a line with that text, and give the line."""
    assert process.stdout is not None
    async with asyncio.timeout(_PATIENCE):
        async for line in process.stdout:
            if text in line.decode():
                return line.decode()
    raise AssertionError(f"it ended without having said {text!r}")
