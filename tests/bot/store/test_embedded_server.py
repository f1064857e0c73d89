"""The embedded server: whoever comes first starts it, all others use it, whoever leaves last stops it."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.errors import StateFolderUnusable, StoreAway
from bot.store.server import EmbeddedServer


async def _pid(server: EmbeddedServer) -> int:
    async with Redis(unix_socket_path=str(server.socket)) as client:
        return int((await client.info("server"))["process_id"])


async def test_it_starts_and_is_gone_when_the_only_user_leaves(state_dir: Path) -> None:
    async with EmbeddedServer(state_dir) as server:
        assert await _pid(server) > 0
    assert not server.socket.exists()


async def test_a_second_user_attaches_and_the_last_one_stops_it(state_dir: Path) -> None:
    first, second = EmbeddedServer(state_dir), EmbeddedServer(state_dir)
    await first.__aenter__()
    await second.__aenter__()
    pid = await _pid(first)
    assert await _pid(second) == pid
    await first.__aexit__(None, None, None)
    assert await _pid(second) == pid
    await second.__aexit__(None, None, None)
    assert not second.socket.exists()


async def test_many_at_once_start_one_server(state_dir: Path) -> None:
    servers = [EmbeddedServer(state_dir) for _ in range(6)]
    await asyncio.gather(*(server.__aenter__() for server in servers))
    try:
        assert len({await _pid(server) for server in servers}) == 1
    finally:
        await asyncio.gather(*(server.__aexit__(None, None, None) for server in servers))
    assert not servers[0].socket.exists()


async def test_what_was_written_is_there_after_a_restart(state_dir: Path) -> None:
    for value in ("", "kept"):
        async with EmbeddedServer(state_dir) as server, Redis(unix_socket_path=str(server.socket)) as client:
            assert (await client.get("fact") or b"") == value.encode()
            await client.set("fact", "kept")


async def test_only_this_user_may_connect_and_no_port_is_open(state_dir: Path) -> None:
    async with EmbeddedServer(state_dir / "new") as server:
        assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
        assert stat.S_IMODE((state_dir / "new").stat().st_mode) == 0o700
        async with Redis(unix_socket_path=str(server.socket)) as client:
            assert (await client.config_get("port")) == {"port": "0"}
            assert (await client.config_get("appendfsync")) == {"appendfsync": "always"}
            assert (await client.config_get("maxmemory-policy")) == {"maxmemory-policy": "noeviction"}


async def test_a_socket_that_a_dead_server_left_behind_is_in_nobodys_way(state_dir: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(state_dir / "redis.sock"))
    async with EmbeddedServer(state_dir) as server:
        assert await _pid(server) > 0


async def test_data_that_cannot_be_read_is_said_with_the_log_and_left_as_it_is(state_dir: Path) -> None:
    folder = state_dir / "appendonlydir"
    folder.mkdir()
    (folder / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(StoreAway, match=r"did not start \(see .*redis\.log\)"):
        async with EmbeddedServer(state_dir):
            pass
    assert (folder / "appendonly.aof.manifest").read_text() == "nonsense\n"


async def test_a_path_too_long_for_a_socket_is_refused_before_anything_is_made(state_dir: Path) -> None:
    folder = state_dir / ("long" * 25)
    with pytest.raises(StateFolderUnusable, match="too long for a socket"):
        async with EmbeddedServer(folder):
            pass
    assert not folder.exists()


async def test_a_file_in_the_place_of_the_folder_is_refused(state_dir: Path) -> None:
    (state_dir / "redis").write_text("mine")
    with pytest.raises(StateFolderUnusable, match="UNDERSTUDY_STATE_DIR"):
        async with EmbeddedServer(state_dir / "redis"):
            pass
    assert (state_dir / "redis").read_text() == "mine"
