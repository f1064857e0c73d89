"""Whole services in processes of their own, which a test ends as a power cut would."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bot.settings import Settings

ROOT: Final = Path(__file__).parents[3]
_START_SECONDS: Final = 40.0


class ServiceProcess:
    """One `tests.fakes.service_process`; used with `async with`, which ends with SIGKILL what still runs."""

    module = "tests.fakes.service_process"

    def __init__(
        self, settings: Settings, model_url: str, *, idempotent: bool = True, faults: str = ""
    ) -> None:
        self._environment = environment_of(settings) | {"UNDERSTUDY_FAULTS": faults}
        self._arguments = [model_url] if idempotent else [model_url, "non-idempotent"]
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        await self.died()

    def start(self) -> None:
        """Start it; `running` says when it works."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", self.module, *self._arguments],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was not started"
        return self._process

    async def running(self) -> None:
        """Wait until it works; fails when it died before."""
        assert self.process.stdout is not None
        async with asyncio.timeout(_START_SECONDS):
            line = await asyncio.to_thread(self.process.stdout.readline)
        assert line == b"running\n", f"the service ended with {self.process.poll()}"

    def kill(self) -> None:
        """SIGKILL."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)

    async def died(self, seconds: float = 30.0) -> int:
        """Wait for its end, however that came; gives its exit status."""
        async with asyncio.timeout(seconds):
            while (status := self.process.poll()) is None:
                await asyncio.sleep(0.02)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status


def environment_of(settings: Settings) -> dict[str, str]:
    """The settings as another process reads them."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("UNDERSTUDY_")}
    # Not the settings of whoever runs the tests.
    (empty := settings.state_dir / "empty.toml").touch()
    said = {
        "STATE_DIR": settings.state_dir,
        "CONFIG": empty,
        "PERSONA": settings.persona,
        "TURNS__PAUSE_SECONDS": settings.turns.pause_seconds,
        "TURNS__LONGEST_PAUSE_SECONDS": settings.turns.longest_pause_seconds,
        "WORKER__LEASE_SECONDS": settings.worker.lease_seconds,
        "WORKER__RETRY_SECONDS": settings.worker.retry_seconds,
        "WORKER__MOST_ATTEMPTS": settings.worker.most_attempts,
        "OUTBOX__LEASE_SECONDS": settings.outbox.lease_seconds,
        "OUTBOX__RETRY_SECONDS": settings.outbox.retry_seconds,
        "OUTBOX__SEND_TIMEOUT_SECONDS": settings.outbox.send_timeout_seconds,
        "OUTBOX__MOVED_PAST_MESSAGES": settings.outbox.moved_past_messages,
        "OUTBOX__MOST_TRIES": settings.outbox.most_tries,
        "RULES__OFF": ",".join(settings.rules.off),
        "RULES__COMMITMENT__KINDS": json.dumps(settings.rules.commitment.kinds),
        "RULES__RATE_LIMIT__CHAT_ANSWERS": settings.rules.rate_limit.chat_answers,
        "RULES__RATE_LIMIT__PERSON_ANSWERS": settings.rules.rate_limit.person_answers,
        "RULES__RATE_LIMIT__ACCOUNT_ANSWERS": settings.rules.rate_limit.account_answers,
        "RULES__RATE_LIMIT__EVERYWHERE_ANSWERS": settings.rules.rate_limit.everywhere_answers,
    }
    return inherited | {f"UNDERSTUDY_{name}": str(value) for name, value in said.items()}


def server_pid(settings: Settings) -> int:
    """The process of the embedded Redis."""
    return int((settings.state_dir / "redis" / "redis.pid").read_text())


def lives(pid: int) -> bool:
    """Whether a process runs (one that has ended and waits to be reaped does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@asynccontextmanager
async def stopped(pid: int) -> AsyncIterator[None]:
    """Hold a process still, as a machine that swaps or a container that is paused."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
