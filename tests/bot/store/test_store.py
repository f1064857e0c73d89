"""The store: foreign errors become ours, and a layout that is not ours is refused."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis.exceptions
from redis._parsers.base import BaseParser

from bot.errors import StoreAway, StoreError, StoreUnfit
from bot.store.store import Store
from tests.fakes.old_redis import old_redis


@pytest.fixture
async def store(state_dir: Path) -> AsyncIterator[Store]:
    async with Store(state_dir / "redis", None, 4) as store:
        yield store


def _tree(error: type[Exception]) -> Iterator[type[Exception]]:
    yield error
    for below in error.__subclasses__():
        yield from _tree(below)


FOREIGN = sorted(set(_tree(redis.exceptions.RedisError)), key=lambda error: error.__name__)
AWAY = [
    error
    for error in FOREIGN
    if issubclass(error, redis.exceptions.ConnectionError | redis.exceptions.TimeoutError)
]
OUTSIDE = {
    # Not below RedisError, and raised only by parts of redis-py that the store does not use: the cluster client,
    # pools shared with a forked child, and command policies of the cluster client.
    "ChildDeadlockedError",
    "IncorrectPolicyType",
    "RedisClusterException",
    "SlotNotCoveredError",
    "CrossSlotTransactionError",
    "InvalidPipelineStack",
}


def _made(error: type[Exception]) -> Exception:
    # Some take facts of the cluster; the base's way of making one is enough for whoever catches it.
    return Exception.__new__(error)


def test_no_error_of_the_library_is_missing_from_these_tests() -> None:
    named = {
        thing
        for thing in vars(redis.exceptions).values()
        if isinstance(thing, type) and issubclass(thing, Exception) and thing.__module__ == "redis.exceptions"
    }
    assert {error.__name__ for error in named - set(FOREIGN)} == OUTSIDE


@pytest.mark.parametrize("foreign", FOREIGN, ids=lambda error: error.__name__)
async def test_every_error_of_the_library_becomes_one_of_ours(store: Store, foreign: type[Exception]) -> None:
    async def call() -> None:
        raise _made(foreign)

    with pytest.raises(StoreError) as caught:
        await store.reach(call)
    assert isinstance(caught.value.__cause__, foreign)
    assert len(str(caught.value).splitlines()) == 1
    assert isinstance(caught.value, StoreAway) or foreign not in AWAY


@pytest.mark.parametrize("foreign", [OSError, ConnectionRefusedError, BrokenPipeError, TimeoutError])
async def test_a_broken_line_is_a_store_that_is_away(store: Store, foreign: type[Exception]) -> None:
    async def call() -> None:
        raise foreign

    with pytest.raises(StoreAway):
        await store.reach(call)


@pytest.mark.parametrize(
    "said",
    [
        "LOADING Redis is loading the dataset in memory",
        "MASTERDOWN Link with MASTER is down",
        "READONLY You can't write against a read only replica.",
        "MISCONF Redis is configured to save RDB snapshots",
        "CLUSTERDOWN The cluster is down",
        "OOM command not allowed when used memory > 'maxmemory'.",
    ],
)
async def test_a_redis_that_cannot_write_right_now_is_a_store_that_is_away(store: Store, said: str) -> None:
    async def call() -> None:
        raise BaseParser.parse_error(said)  # type: ignore[no-untyped-call]

    with pytest.raises(StoreAway):
        await store.reach(call)


async def test_what_redis_really_refuses_is_told_without_what_was_sent(store: Store) -> None:
    await store.ask("set", "text", "platypus")
    with pytest.raises(StoreError, match="Redis refused a command") as caught:
        await store.ask("lpush", "text", "platypus")
    assert not isinstance(caught.value, StoreAway)
    assert "platypus" not in str(caught.value)


async def test_a_redis_without_memory_is_away_and_comes_back(store: Store) -> None:
    await store.ask("config_set", "maxmemory", 1)
    with pytest.raises(StoreAway):
        await store.ask("set", "fact", "x" * 1000)
    await store.ask("config_set", "maxmemory", 0)
    await store.ask("set", "fact", "x")


async def test_another_number_of_partitions_is_refused_and_changes_nothing(state_dir: Path) -> None:
    async with Store(state_dir / "redis", None, 4):
        pass
    with pytest.raises(StoreUnfit, match="was set up with partitions 4, the settings say 8"):
        async with Store(state_dir / "redis", None, 8):
            pass
    async with Store(state_dir / "redis", None, 4) as store:
        assert await store.hash("understudy:meta") == {"layout": "1", "partitions": "4", "marked": "1"}


async def test_another_layout_is_refused(state_dir: Path) -> None:
    async with Store(state_dir / "redis", None, 4) as store:
        await store.ask("hset", "understudy:meta", "layout", "0")
    with pytest.raises(StoreUnfit, match="layout 0"):
        async with Store(state_dir / "redis", None, 4):
            pass


async def test_an_older_redis_is_refused(state_dir: Path) -> None:
    async with old_redis() as url:
        with pytest.raises(StoreUnfit, match=r"version 6\.2\.14; version 7 or later is needed"):
            async with Store(state_dir / "redis", url, 4):
                pass
    assert not (state_dir / "redis").exists()


async def test_a_redis_that_is_away_is_said_without_its_password(state_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(StoreAway, match="UNDERSTUDY_REDIS_URL cannot be reached") as caught:
        async with Store(state_dir / "redis", f"redis://:hunter2@127.0.0.1:{port}/0", 4):
            pass
    assert "hunter2" not in str(caught.value)


async def test_a_store_that_was_never_opened_says_so(state_dir: Path) -> None:
    with pytest.raises(StoreError, match="not open"):
        await Store(state_dir / "redis", None, 4).ask("ping")
