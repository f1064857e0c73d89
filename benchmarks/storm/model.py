"""The model server's stand-in: OpenAI's protocol, a token every 20 ms, and a record of each generation.

    python -m benchmarks.storm.model RECORD [PAUSE]

What is asked decides what is said, so that every answer can be told from every other: the last word of the prompt
comes back in each bubble. A last word that begins with `long` is answered without end; one that begins with `burst` at
once, with many bubbles.
"""

from __future__ import annotations

import asyncio
import json
import sys
import zlib
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Final

from benchmarks.storm.process import ready
from benchmarks.storm.record import Record

TOKEN_SECONDS: Final = 0.02
_ENDINGS: Final = ("blue birds", "old songs and green trees", "said the miller to his grey cat")
_ENDLESS: Final = 100_000
_LETTERS: Final = "abcdefghijklm"
"""As many times as many words are several messages of Discord's."""
_BURST: Final = ("amber", "birch", "cedar", "dune", "ember", "fjord", "grove", "harbor")
_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def answer(word: str) -> list[str]:
    """The bubbles that answer a word: one to three, or a burst of eight."""
    if word.startswith("wide"):
        return [" ".join(f"{word}{letter}{other}" for letter in _LETTERS for other in _LETTERS)]
    if word.startswith("burst"):
        return [f"{word} {ending}" for ending in _BURST]
    return [f"{word} {ending}" for ending in _ENDINGS[: 1 + zlib.crc32(word.encode()) % 3]]


def tokens(word: str) -> Iterator[str]:
    """The pieces of the answer, a word each."""
    if word.startswith("long"):
        return chain([word], repeat(" and", _ENDLESS))
    return iter([piece + " " for bubble in answer(word) for piece in f"{bubble} \n".split(" ") if piece])


class _Connection(asyncio.Protocol):
    """One request, one answer. A caller who hangs up is noticed at once: that is what cancels a generation."""

    def __init__(self, record: Record, pause: float) -> None:
        self._record = record
        self._pause = pause
        self._heard = b""
        self._word = ""
        self._left: Iterator[str] | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._next: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, blank, body = self._heard.partition(b"\r\n\r\n")
        if not blank or self._left is not None:
            return
        lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if len(body) < int(lines.get(b"content-length", b"0")):
            return
        self._word = json.loads(body)["messages"][-1]["content"].split()[-1]
        self._left = tokens(self._word)
        self._record.write("started", word=self._word)
        assert self._transport is not None
        self._transport.write(_HEAD)
        if self._word.startswith(("burst", "wide")):
            while self._left is not None:
                self._say()
        else:
            self._tick()

    def _tick(self) -> None:
        self._say()
        if self._left is not None:
            self._next = asyncio.get_running_loop().call_later(self._pause, self._tick)

    def _say(self) -> None:
        assert self._transport is not None
        assert self._left is not None
        if (piece := next(self._left, None)) is not None:
            self._transport.write(_event(piece, None))
            return
        self._transport.write(_event("", "stop") + b"data: [DONE]\n\n")
        self._transport.close()
        self._record.write("finished", word=self._word)
        self._left = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._next is not None:
            self._next.cancel()
        if self._left is not None:
            self._record.write("cancelled", word=self._word)
            self._left = None


def _event(piece: str, finish: str | None) -> bytes:
    choice = {"index": 0, "delta": {"content": piece}, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


async def main(path: Path, pause: float) -> None:
    """Serve until whoever started this has gone."""
    record = Record(path)
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(record, pause), "127.0.0.1", 0, backlog=512
    )
    ready(str(server.sockets[0].getsockname()[1]))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else TOKEN_SECONDS))
