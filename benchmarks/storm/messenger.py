"""The fake messenger: a server of its own, which behaves badly, and keeps its own record of what really went out.

    python -m benchmarks.storm.messenger RECORD SEED

It serves two messengers. `keyed` makes one message of a bubble however often its id comes; `plain` knows no ids, and
makes a message each time. Chat by chat it tells the listeners of new messages in order, each until somebody
has acknowledged it, some of them twice, and some once more later. Lines with `do`: `listen`, `send`, `post`,
`manners`, `pending`.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.storm.process import ready
from benchmarks.storm.record import Record
from benchmarks.storm.wire import HungUp, Object, put, take

KEYED: Final = "keyed"
PLAIN: Final = "plain"
_AGAIN_SECONDS: Final = 1.0
_MUTE_SECONDS: Final = 30.0


@dataclass
class Manners:
    """How likely each misbehaviour is; all between 0 and 1."""

    twice: float = 0.0
    """A new message is told to two listeners, or twice to one."""
    late: float = 0.0
    """A message is told once more, some time after it was acknowledged."""
    echo: float = 0.0
    """The account is told of what it sent itself."""
    refuse: float = 0.0
    cut_before: float = 0.0
    """The connection breaks before the bubble is a message."""
    cut_after: float = 0.0
    """The connection breaks after it."""
    mute: float = 0.0
    """The bubble is a message, and no answer ever comes."""
    slow: float = 0.0
    """The answer takes its time."""


@dataclass
class _Room:
    messenger: str
    chat: str
    number: int = 0
    untold: deque[Object] = field(default_factory=deque)
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)
    telling: asyncio.Task[None] | None = None


class Messenger:
    """The server's whole state: rooms, listeners, ids it has seen."""

    def __init__(self, record: Record, seed: int) -> None:
        self._record = record
        self._chance = random.Random(seed)
        self._manners = Manners()
        self._rooms: dict[tuple[str, str], _Room] = {}
        self._listeners: dict[str, list[asyncio.StreamWriter]] = {KEYED: [], PLAIN: []}
        self._keys: dict[str, Object] = {}
        self._later: set[asyncio.Task[None]] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        try:
            while True:
                await self._do(await take(reader), reader, writer)
        except (HungUp, OSError):
            pass
        finally:
            for listeners in self._listeners.values():
                if writer in listeners:
                    listeners.remove(writer)
            writer.close()

    async def _do(self, what: Object, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match what["do"]:
            case "listen":
                self._listeners[what["messenger"]].append(writer)
                while True:
                    self._acknowledge(what["messenger"], await take(reader))
            case "send":
                await self._send(what, writer)
            case "post":
                room = self._room(what["messenger"], what["chat"])
                put(writer, self._tell(room, what["author"], what["text"], own=False))
            case "manners":
                self._manners = Manners(**what["manners"])
                put(writer, {})
            case "pending":
                put(writer, {"pending": sum(len(room.untold) for room in self._rooms.values())})

    def _room(self, messenger: str, chat: str) -> _Room:
        return self._rooms.setdefault((messenger, chat), _Room(messenger, chat))

    def _new(self, room: _Room, author: str, text: str, *, own: bool) -> Object:
        room.number += 1
        id_ = f"{room.chat}-{room.number}"
        return {
            "chat": room.chat,
            "id": id_,
            "author": author,
            "text": text,
            "own": own,
            "at": int(time.time() * 1000),
        }

    def _tell(self, room: _Room, author: str, text: str, *, own: bool) -> Object:
        message = self._new(room, author, text, own=own)
        self._record.write("posted", messenger=room.messenger, **message)
        self._queue(room, message)
        return message

    def _queue(self, room: _Room, message: Object) -> None:
        room.untold.append(message)
        if room.telling is None or room.telling.done():
            room.telling = asyncio.create_task(self._telling(room))

    async def _telling(self, room: _Room) -> None:
        """Tell of a room's messages in order; the next one only when this one was acknowledged."""
        while room.untold:
            message = room.untold[0]
            room.acknowledged.clear()
            times = 0
            while not room.acknowledged.is_set():
                times += self._tell_somebody(room, message, first=not times)
                try:
                    async with asyncio.timeout(_AGAIN_SECONDS if times else 0.05):
                        await room.acknowledged.wait()
                except TimeoutError:
                    continue
            room.untold.popleft()
            if self._chance.random() < self._manners.late:
                task = asyncio.create_task(self._tell_late(room, message))
                self._later.add(task)
                task.add_done_callback(self._later.discard)

    async def _tell_late(self, room: _Room, message: Object) -> None:
        await asyncio.sleep(self._chance.uniform(0.1, 3.0))
        self._tell_somebody(room, message, first=False)

    def _tell_somebody(self, room: _Room, message: Object, *, first: bool) -> int:
        listeners = [
            writer for writer in self._listeners[room.messenger] if not writer.transport.is_closing()
        ]
        if not listeners:
            return 0
        times = 1 + (first and self._chance.random() < self._manners.twice)
        for _ in range(times):
            put(self._chance.choice(listeners), message)
            self._record.write("told", messenger=room.messenger, id=message["id"], first=first)
            first = False
        return times

    def _acknowledge(self, messenger: str, answer: Object) -> None:
        room = self._room(messenger, answer["chat"])
        if room.untold and room.untold[0]["id"] == answer["ack"]:
            self._record.write("acknowledged", messenger=messenger, id=answer["ack"])
            room.acknowledged.set()

    async def _send(self, what: Object, writer: asyncio.StreamWriter) -> None:
        manners, chance, bubble = self._manners, self._chance, what["id"]
        messenger = what["messenger"]
        facts = {"messenger": messenger, "chat": what["chat"], "bubble": bubble}
        self._record.write("arrived", **facts)
        if chance.random() < manners.refuse:
            self._record.write("refused", **facts)
            put(writer, {"refused": "too many requests"})
            return
        if chance.random() < manners.cut_before:
            raise HungUp
        if messenger == KEYED and bubble in self._keys:
            self._record.write("repeated", **facts)
            message = self._keys[bubble]
        else:
            room = self._room(messenger, what["chat"])
            message = self._keys[bubble] = self._new(room, "sam", what["text"], own=True)
            self._record.write("out", **facts, id=message["id"], text=what["text"])
            if chance.random() < manners.echo:
                self._queue(room, message)
        if chance.random() < manners.cut_after:
            raise HungUp
        if chance.random() < manners.mute:
            await asyncio.sleep(_MUTE_SECONDS)
            raise HungUp
        if chance.random() < manners.slow:
            await asyncio.sleep(chance.uniform(0.1, 1.0))
        put(writer, {"message": message})


async def main(path: Path, seed: int) -> None:
    """Serve until whoever started this has gone."""
    messenger = Messenger(Record(path), seed)
    server = await asyncio.start_server(messenger.accept, "127.0.0.1", 0)
    ready(str(server.sockets[0].getsockname()[1]))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
