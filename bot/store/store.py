"""The one store: a Redis connection, the partitions, and the scripts in which several steps are one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)

from bot.errors import StoreAway, StoreError, StoreUnfit
from bot.store.partitions import Partitions
from bot.store.server import EmbeddedServer
from chat.message import ChatKey

WAKE_CHANNEL: Final = "understudy:wake"
"""Published on every change, with the chat (or `room`) that changed."""
CHATS_CHANNEL: Final = "understudy:chats"
"""Published when a chat's settings change, with the chat."""
_LAYOUT: Final = "1"
_OLDEST_MAJOR: Final = 7
_ANSWER_SECONDS: Final = 5.0
# redis-py gives some of Redis's refusals classes of their own, and takes the first word off their text.
_REFUSALS_FOR_NOW: Final = (ClusterDownError, OutOfMemoryError, ReadOnlyError, TryAgainError)
_WORDS_FOR_NOW: Final = ("BUSY", "LOADING", "MISCONF", "NOREPLICAS", "UNBLOCKED")

Answer = TypeVar("Answer")


@cache
def script(name: str) -> str:
    """Give a script's text with the common part before it."""
    folder = files("bot.store") / "scripts"
    return (folder / "common.lua").read_text() + (folder / f"{name}.lua").read_text()


class Store:
    """Redis as the rest of the service sees it; used with `async with`.

    With `url` that server is used; without, the embedded one in `folder`. Raises StoreAway when it cannot be
    reached, StoreUnfit when it is older than Redis 7 or was laid out with another number of partitions.
    """

    def __init__(self, folder: Path, url: str | None, partitions: int) -> None:
        self._folder = folder
        self._url = url
        self._wanted = Partitions(partitions)
        self._stack = AsyncExitStack()
        # redis-py types an answer as every form it might take under other settings; ours are text.
        self._redis: Any = None

    @property
    def partitions(self) -> Partitions:
        """The partitions that the chats are spread over."""
        return self._wanted

    @property
    def embedded(self) -> bool:
        """Whether the server is our own."""
        return self._url is None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            options: dict[str, Any] = {
                "decode_responses": True,
                # Half characters, as a command line or a JSON may carry: a kill must not fail on its reason's spelling.
                "encoding_errors": "replace",
                # No socket_timeout: redis-py would send under asyncio.wait_for, which on Python 3.11 swallows a
                # cancellation that comes as it finishes; `reach` keeps the time instead.
                "socket_timeout": None,
                "socket_connect_timeout": _ANSWER_SECONDS,
                # A script that changed something must not be run again unasked: the answer may have been lost.
                "retry": Retry(NoBackoff(), 0),
            }
            if self._url is None:
                server = await stack.enter_async_context(EmbeddedServer(self._folder))
                redis = Redis(unix_socket_path=str(server.socket), **options)
            else:
                redis = Redis.from_url(self._url, **options)
            stack.push_async_callback(redis.aclose)
            self._redis = redis
            await self._check()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def run(self, name: str, partition: int | ChatKey, *arguments: str | float) -> Any:  # noqa: ANN401
        """Run a script in a partition (or in a chat's). Raises StoreAway; the step may then have happened or not."""
        if isinstance(partition, ChatKey):
            partition = self.partitions.of(partition)
        return await self.run_at(name, self.partitions.prefix(partition), *arguments)

    async def run_at(self, name: str, prefix: str, *arguments: str | float) -> Any:  # noqa: ANN401
        """Run a script over the keys that begin with a prefix."""

        async def call() -> Any:  # noqa: ANN401
            try:
                return await self._redis.evalsha(_sha(name), 1, prefix, *arguments)
            except NoScriptError:
                return await self._redis.eval(script(name), 1, prefix, *arguments)

        return await self.reach(call)

    async def reach(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Make a call on the connection with its errors turned into ours."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await call()
        except (RedisConnectionError, RedisTimeoutError, TimeoutError, OSError) as error:
            raise StoreAway("Redis cannot be reached; nothing is sent until it is back") from error
        except _REFUSALS_FOR_NOW as error:
            raise StoreAway(f"Redis refuses to write ({type(error).__name__})") from error
        except ResponseError as error:
            if str(error).startswith(_WORDS_FOR_NOW):
                raise StoreAway(f"Redis refuses to write ({str(error).split()[0]})") from error
            raise StoreError(f"Redis refused a command ({str(error)[:120]})") from error
        except RedisError as error:
            raise StoreError(f"Redis failed ({type(error).__name__})") from error

    async def ask(self, command: str, *arguments: object, **options: object) -> Any:  # noqa: ANN401
        """Give one command by its redis-py name, such as `ask("zrange", name, 0, -1)`. Raises StoreAway."""
        if self._redis is None:
            raise StoreError("the store is not open")
        return await self.reach(partial(getattr(self._redis, command), *arguments, **options))

    async def hash(self, name: str) -> dict[str, str]:
        """Read a whole hash."""
        found: dict[str, str] = await self.ask("hgetall", name)
        return found

    @asynccontextmanager
    async def listening(self, *channels: str) -> AsyncIterator[AsyncIterator[tuple[str, str]]]:
        """Listen to channels: gives (channel, text), for ever, also across a loss of the connection.

        After each (re)connection one ("", "") comes first, since something may have been missed.
        """
        yield self._messages(channels)

    async def _messages(self, channels: tuple[str, ...]) -> AsyncIterator[tuple[str, str]]:
        while True:
            pubsub = self._redis.pubsub()
            try:
                await pubsub.subscribe(*channels)
                # Only once Redis has said yes to each: what is published before that is not heard.
                confirmed = 0
                while confirmed < len(channels):
                    found = await pubsub.get_message(timeout=1.0)
                    confirmed += found is not None and found["type"] == "subscribe"
                yield "", ""
                while True:
                    found = await pubsub.get_message(ignore_subscribe_messages=True, timeout=1.0)
                    if found is not None:
                        yield str(found["channel"]), str(found["data"])
            except (RedisError, OSError):
                await asyncio.sleep(0.2)
            finally:
                await pubsub.aclose()

    async def lay_out(self) -> None:
        """Write what an empty store begins with. In one that is not empty, what is missing stays missing."""
        if await self.ask("hget", "understudy:meta", "marked"):
            return
        for partition in self.partitions.all():
            # The scripts know by it that they see all kills there ever were.
            await self.ask("hsetnx", self.partitions.prefix(partition) + "kill", "since", "0")
        await self.ask("hset", "understudy:meta", "marked", "1")

    async def _check(self) -> None:
        where = "the embedded Redis" if self.embedded else "the Redis of UNDERSTUDY_REDIS_URL"
        try:
            info = await self.ask("info", "server")
        except StoreAway as error:
            kind = error.__cause__
            if isinstance(kind, AuthenticationError):
                raise StoreUnfit(f"{where} refuses the password: check the address") from kind
            raise StoreAway(f"{where} cannot be reached: start it, or check the address") from kind
        version = str(info.get("valkey_version") or info.get("redis_version", "0"))
        if int(version.split(".", maxsplit=1)[0]) < _OLDEST_MAJOR:
            raise StoreUnfit(f"{where} is version {version}; version {_OLDEST_MAJOR} or later is needed")
        policy = str((await self.ask("info", "memory")).get("maxmemory_policy", "noeviction"))
        if policy.startswith("allkeys"):
            # Redis may then throw away a kill that is in force.
            raise StoreUnfit(f"{where} may evict any key (maxmemory-policy {policy}): set it to noeviction")
        meta = "understudy:meta"
        wanted: Mapping[str, str] = {"layout": _LAYOUT, "partitions": str(self.partitions.count)}
        for field, value in wanted.items():
            await self.ask("hsetnx", meta, field, value)
        found = await self.hash(meta)
        for field, value in wanted.items():
            if found.get(field) != value:
                raise StoreUnfit(
                    f"{where} was set up with {field} {found.get(field)}, the settings say {value}"
                )
        await self.lay_out()


@cache
def _sha(name: str) -> str:

    return hashlib.sha1(script(name).encode(), usedforsecurity=False).hexdigest()
