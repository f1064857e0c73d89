"""How the storm's processes talk to the messenger: one JSON object a line, over TCP on loopback."""

from __future__ import annotations

import asyncio
import json
from typing import Any

Object = dict[str, Any]


class HungUp(Exception):
    """The other side went away before it had said all."""


def put(writer: asyncio.StreamWriter, what: Object) -> None:
    """Write one object."""
    writer.write(json.dumps(what).encode() + b"\n")


async def take(reader: asyncio.StreamReader) -> Object:
    """Read one object. Raises HungUp."""
    try:
        line = await reader.readline()
    except (OSError, ValueError) as error:
        raise HungUp from error
    if not line.endswith(b"\n"):
        raise HungUp
    found: Object = json.loads(line)
    return found


async def ask(port: int, what: Object) -> Object:
    """Ask one thing on a connection of its own. Raises OSError and HungUp."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        put(writer, what)
        return await take(reader)
    finally:
        writer.transport.abort()
