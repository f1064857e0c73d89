"""A Redis 6.2 as far as a client sees before it asks for data: RESP on a real socket, HELLO and INFO."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

VERSION = "6.2.14"


@asynccontextmanager
async def old_redis() -> AsyncIterator[str]:
    """Serve on a free port of loopback; gives the address."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            count = int((await reader.readuntil(b"\r\n"))[1:])
            words = []
            for _ in range(count):
                length = int((await reader.readuntil(b"\r\n"))[1:])
                words.append((await reader.readexactly(length + 2))[:-2].decode())
            writer.write(_answer(words))
            await writer.drain()
    writer.close()


def _answer(words: list[str]) -> bytes:
    match [words[0].upper(), *words[1:]]:
        case ["HELLO", protocol, *_]:
            facts = ["server", "redis", "version", VERSION, "proto", int(protocol), "id", 3]
            facts += ["mode", "standalone", "role", "master", "modules", []]
            head = f"%{len(facts) // 2}" if protocol == "3" else f"*{len(facts)}"
            return f"{head}\r\n".encode() + b"".join(_value(fact) for fact in facts)
        case ["INFO", *_]:
            return _value(f"# Server\r\nredis_version:{VERSION}\r\nredis_mode:standalone\r\n")
        case ["PING"]:
            return b"+PONG\r\n"
        case ["SELECT", *_]:
            return b"+OK\r\n"
        case [command, *_]:
            return f"-ERR unknown command or subcommand '{command}'\r\n".encode()
        case _:
            return b"-ERR empty command\r\n"


def _value(fact: object) -> bytes:
    if isinstance(fact, int):
        return f":{fact}\r\n".encode()
    if isinstance(fact, list):
        return b"*0\r\n"
    text = str(fact).encode()
    return b"$%d\r\n%b\r\n" % (len(text), text)
