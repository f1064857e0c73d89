"""A moderation server over a real socket: OpenAI's moderation endpoint, and a guard model's chat completions.

It judges by a word: a text with `flagged_word` in it is flagged as `category`. It misbehaves as it is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

OPENAI_NAMES = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


@dataclass(frozen=True)
class Failure:
    """What one request gets instead of a judgement."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    """Say nothing until the caller goes away."""
    slow: float = 0.0
    """Seconds before the ordinary answer."""
    cut: bool = False
    """Break the connection in the middle of the answer."""


@dataclass(frozen=True)
class Request:
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


class FakeModerationServer:
    """`async with FakeModerationServer() as server`; `failures` are used up in order, then `failure` if set."""

    def __init__(self, *, api_key: str = "", model: str = "guard") -> None:
        self.api_key = api_key
        self.model = model
        self.flagged_word = "horrid"
        self.category = "hate"
        self.score = 0.97
        self.guard_says: Callable[[Request], tuple[str, list[dict[str, Any]] | None]] = self._llama_guard
        self.failures: deque[Failure] = deque()
        self.failure: Failure | None = None
        self.requests: list[Request] = []
        self.asked = asyncio.Event()
        """Set by the first request."""
        self.aborted = asyncio.Event()
        """Set when a caller went away while it waited."""
        self._server: asyncio.Server | None = None
        self._port = 0
        self._handlers: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Go away, with all connections."""
        if self._server is not None:
            self._server.close()
            for handler in self._handlers:
                handler.cancel()
            await asyncio.gather(*self._handlers, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.aborted.set()
        finally:
            self._handlers.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
        request = Request(first.split()[1], headers, body)
        self.requests.append(request)
        self.asked.set()
        failure = self.failures.popleft() if self.failures else self.failure
        if failure is not None:
            if failure.hang or failure.slow:
                await self._wait(None if failure.hang else failure.slow, reader)
            if not failure.slow:
                _send(writer, failure.status, failure.body, failure.headers, cut=failure.cut)
                await writer.drain()
                return
        status, answer = self._judge(request)
        _send(writer, status, json.dumps(answer).encode(), {})
        await writer.drain()

    async def _wait(self, seconds: float | None, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                if not await reader.read(1):
                    raise ConnectionResetError

    def _judge(self, request: Request) -> tuple[int, object]:
        if self.api_key and request.headers.get("authorization") != f"Bearer {self.api_key}":
            return 401, {"error": {"message": "Invalid API key"}}
        if request.path == "/v1/moderations":
            texts = request.body["input"]
            texts = [texts] if isinstance(texts, str) else texts
            return 200, {"id": "modr-1", "model": "fake", "results": [self._result(text) for text in texts]}
        if request.path == "/v1/chat/completions" and request.body["model"] == self.model:
            text, logprobs = self.guard_says(request)
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            choice["logprobs"] = None if logprobs is None else {"content": logprobs}
            return 200, {"id": "chat-1", "object": "chat.completion", "choices": [choice]}
        return 404, {"error": {"message": "not found"}}

    def _result(self, text: str) -> dict[str, Any]:
        flagged = self.flagged_word in text
        scores = dict.fromkeys(OPENAI_NAMES, 0.001)
        if flagged:
            scores[self.category] = self.score
        return {
            "flagged": flagged,
            "categories": {name: score > 0.5 for name, score in scores.items()},
            "category_scores": scores,
        }

    def _llama_guard(self, request: Request) -> tuple[str, list[dict[str, Any]] | None]:
        flagged = self.flagged_word in request.body["messages"][-1]["content"]
        return ("\n\nunsafe\nS10" if flagged else "\n\nsafe"), None


def token(text: str, logprob: float, **others: float) -> dict[str, Any]:
    """One position of `logprobs.content`, with the other likely tokens."""
    top = [{"token": text, "logprob": logprob, "bytes": list(text.encode())}]
    top += [
        {"token": other, "logprob": value, "bytes": list(other.encode())} for other, value in others.items()
    ]
    return {**top[0], "top_logprobs": top}


def _send(
    writer: asyncio.StreamWriter, status: int, body: bytes, headers: Mapping[str, str], *, cut: bool = False
) -> None:
    length = len(body) + (10 if cut else 0)
    head = {
        "content-type": "application/json",
        "content-length": str(length),
        "connection": "close",
        **headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    writer.write(f"HTTP/1.1 {status} Status\r\n{lines}\r\n".encode() + body)
