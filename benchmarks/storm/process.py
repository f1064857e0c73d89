"""Child processes that can be killed, stopped, and started again; none outlives the one who started it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_READY_SECONDS: Final = 60.0


class Child:
    """One process of ours: `python -m MODULE ARGUMENTS`; it writes a line when it is ready."""

    def __init__(self, module: str, arguments: Sequence[str], log: Path) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> str:
        """Start it, and give the line it says when it is ready. Raises RuntimeError when it dies before."""
        inherited = {name: text for name, text in os.environ.items() if not name.startswith("UNDERSTUDY_")}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
                self._command,
                cwd=ROOT,
                env=inherited | {"PYTHONPATH": str(ROOT), "UNDERSTUDY_CONFIG": os.devnull},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        return await self.line()

    async def line(self) -> str:
        """Wait for the next line it says. Raises RuntimeError when it dies before."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        async with asyncio.timeout(_READY_SECONDS):
            line = await asyncio.to_thread(process.stdout.readline)
        if not line:
            raise RuntimeError(f"{self._command[2]} ended with {process.wait()}: see {self._log}")
        return line.decode().strip()

    @property
    def alive(self) -> bool:
        """Whether it runs, or stands still."""
        return self._process is not None and self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if there is still somebody to take it."""
        if self.alive:
            assert self._process is not None
            self._process.send_signal(number)

    async def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        if self._process is None:
            return
        self.send(signal.SIGKILL)
        await asyncio.to_thread(self._process.wait)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def ready(line: str) -> None:
    """Say, in a child, that it is ready; from here on it ends when whoever started it has gone."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

    def watch() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
