"""The wires between the parts: proxies that can cut, half-close and stall what runs over them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path


@dataclass(eq=False)
class _Link:
    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    half: bool = False
    """Nothing goes to the far side any more."""

    def cut(self) -> None:
        self.near.transport.abort()
        self.far.transport.abort()


class Wire:
    """A TCP port on loopback that leads to another one, or to a Unix socket."""

    def __init__(self, target: int | Path) -> None:
        self._target = target
        self._links: set[_Link] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._takes = True
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def open(self) -> int:
        """Listen on a free port, and give it."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def close(self) -> None:
        """Cut everything and stop listening."""
        self.cut()
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Break every connection at once, with a reset."""
        for link in list(self._links):
            link.cut()

    def half_close(self) -> None:
        """Let the far side think that the near one has said all, while the near one still waits."""
        for link in list(self._links):
            if not link.far.transport.is_closing() and link.far.can_write_eof():
                link.half = True
                link.far.write_eof()

    async def stall(self, seconds: float) -> None:
        """Let nothing through for a while; what was written meanwhile arrives after it."""
        self._flows.clear()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._flows.set()

    async def part(self, seconds: float) -> None:
        """Break every connection, and every new one, for a while."""
        self._takes = False
        self.cut()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._takes = True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if self._takes:
                await self._carry(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if isinstance(self._target, int):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            else:
                far_reader, far_writer = await asyncio.open_unix_connection(str(self._target))
        except OSError:
            return
        link = _Link(writer, far_writer)
        self._links.add(link)
        try:
            await asyncio.gather(self._pump(link, reader, far_writer), self._pump(link, far_reader, writer))
        except (OSError, asyncio.CancelledError):
            return
        finally:
            self._links.discard(link)
            link.cut()

    async def _pump(self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._flows.wait()
            if link.half and writer is link.far:
                continue
            writer.write(data)
            await writer.drain()
        await self._flows.wait()
        # Whoever hangs up hangs up for both: none of these protocols goes on with half a connection.
        writer.close()
