"""The embedded Redis: one for all who use a folder, there as long as somebody uses it, and its data for good."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.store import server
from bot.store.server import EmbeddedServer
from tests.bot.playground import until
from tests.bot.promises.processes import ROOT, lives, stopped
from tests.servers import end_servers


class _User:
    """Another process that uses the server of a folder."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bot.promises.server_user", str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    async def opened(self) -> None:
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            assert await asyncio.to_thread(self._process.stdout.readline) == b"open\n"

    async def leave(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._ended(0)

    async def die(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        await self._ended(-signal.SIGKILL)

    async def _ended(self, status: int) -> None:
        assert await asyncio.to_thread(self._process.wait, 30) == status
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def _pid(folder: Path) -> int:
    return int((folder / "redis.pid").read_text())


async def _ask(folder: Path, command: str, *arguments: str) -> object:
    async with Redis(unix_socket_path=str(folder / "redis.sock"), decode_responses=True) as redis:
        return await redis.execute_command(command, *arguments)  # type: ignore[no-untyped-call]


async def _ended(pid: int) -> None:
    async def dead() -> bool:
        return not lives(pid)

    await until(dead)


async def test_two_processes_at_once_share_one_server_and_the_last_to_leave_stops_it(state_dir: Path) -> None:
    one, two = _User(state_dir), _User(state_dir)
    await asyncio.gather(one.opened(), two.opened())
    pid = _pid(state_dir)
    assert (state_dir / "redis.log").read_text().count("Ready to accept connections") == 1
    await _ask(state_dir, "SET", "said", "hello")
    await one.leave()
    assert lives(pid)
    assert await _ask(state_dir, "GET", "said") == "hello"
    await two.leave()
    await _ended(pid)
    async with EmbeddedServer(state_dir):
        assert _pid(state_dir) != pid
        assert await _ask(state_dir, "GET", "said") == "hello"


async def test_what_a_process_that_was_killed_leaves_behind_is_taken_over(state_dir: Path) -> None:
    user = _User(state_dir)
    await user.opened()
    pid = _pid(state_dir)
    await _ask(state_dir, "SET", "said", "hello")
    await user.die()
    assert lives(pid), "the data is not taken along"
    async with EmbeddedServer(state_dir):
        assert _pid(state_dir) == pid, "no second one beside it"
    await _ended(pid)


async def test_no_test_leaves_it_running(state_dir: Path) -> None:
    user = _User(state_dir)
    await user.opened()
    pid = _pid(state_dir)
    await user.die()
    end_servers(state_dir)
    await _ended(pid)


async def test_a_stale_socket_and_a_stale_pid_are_no_obstacle(state_dir: Path) -> None:
    user = _User(state_dir)
    await user.opened()
    pid = _pid(state_dir)
    await _ask(state_dir, "SET", "said", "hello")
    await user.die()
    os.kill(pid, signal.SIGKILL)
    await _ended(pid)
    assert (state_dir / "redis.sock").exists()
    async with EmbeddedServer(state_dir):
        assert await _ask(state_dir, "GET", "said") == "hello"


async def test_a_server_that_dies_is_started_again_with_all_it_acknowledged(state_dir: Path) -> None:
    user = _User(state_dir)
    await user.opened()
    async with EmbeddedServer(state_dir):
        for round_ in range(3):
            before = _pid(state_dir)
            await _ask(state_dir, "RPUSH", "said", str(round_))
            os.kill(before, signal.SIGKILL)
            await _ended(before)

            async def another(before: int = before) -> bool:
                try:
                    return bool(await _ask(state_dir, "PING")) and _pid(state_dir) != before
                except (OSError, ValueError, RedisError):
                    return False

            await until(another)
        assert await _ask(state_dir, "LRANGE", "said", "0", "-1") == ["0", "1", "2"]
        await user.leave()
        assert lives(_pid(state_dir)), "who restarted it does not matter; who uses it does"
        last = _pid(state_dir)
    await _ended(last)


async def test_a_server_that_hangs_is_waited_for_and_never_doubled(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_PING_SECONDS", 0.2)
    async with EmbeddedServer(state_dir):
        pid = _pid(state_dir)
        second = EmbeddedServer(state_dir)
        async with stopped(pid):
            opening = asyncio.create_task(second.__aenter__())
            await asyncio.sleep(1.0)
            assert not opening.done()
            assert _pid(state_dir) == pid
        await opening
        assert _pid(state_dir) == pid
        await second.__aexit__(None, None, None)
    assert (state_dir / "redis.log").read_text().count("Ready to accept connections") == 1


async def test_leaving_a_server_that_hangs_does_not_hang(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_STOP_SECONDS", 0.3)
    embedded = EmbeddedServer(state_dir)
    await embedded.__aenter__()
    pid = _pid(state_dir)
    async with stopped(pid):
        async with asyncio.timeout(10):
            await embedded.__aexit__(None, None, None)
        assert lives(pid)
    await _ended(pid)  # it found the order to stop when it woke
