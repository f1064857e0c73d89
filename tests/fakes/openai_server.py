"""A server that speaks OpenAI's chat protocol over a real socket, and misbehaves as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from inference.client import Endpoint
from inference.dialect import Dialect

_OPENAI = {
    *("model", "messages", "stream", "stream_options", "temperature", "top_p", "max_tokens", "stop", "seed"),
    *("logit_bias", "logprobs", "top_logprobs"),
}
KNOWN: Mapping[str, set[str]] = {
    "openai": _OPENAI,
    "vllm": _OPENAI | {"top_k", "min_p", "repetition_penalty", "bad_words", "use_beam_search", "n"},
    "llamacpp": _OPENAI | {"top_k", "min_p", "repeat_penalty", "repeat_last_n", "samplers", "lora"},
}
"""The fields that each kind of server takes, as documented; anything else is refused."""
TEXT: Mapping[str, set[str]] = {
    "openai": {"prompt"},
    "vllm": {"prompt", "add_special_tokens", "skip_special_tokens"},
    "llamacpp": {"prompt", "preserved_tokens", "cache_prompt"},
}
"""What each takes besides where a text goes on instead of a chat."""
_ROUTES = ("/v1/chat/completions", "/v1/completions")


@dataclass(frozen=True)
class Reply:
    """What one chat completion gets; the defaults make a polite answer."""

    pieces: Sequence[str] = ("hey", " there")
    pause: float = 0.0
    """Seconds before each piece."""
    finish_reason: str | None = "stop"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """Sent instead of the stream."""
    cut: bool = False
    """Break the connection after the pieces."""
    before_headers: float = 0.0
    """Seconds of silence before the status line."""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


class FakeOpenAIServer:
    """`async with FakeOpenAIServer() as server`; `server.replies` are used up in order, then `server.reply`.

    `first_tokens` maps a model's name to the log-probabilities it gives; those names are its models.
    """

    def __init__(self, *, api_key: str = "", models: Sequence[str] = ("sam",), owner: str = "vllm") -> None:
        self.owner = owner
        self.api_key = api_key
        self.models = list(models)
        self.reply = Reply()
        self.replies: deque[Reply] = deque()
        self.first_tokens: dict[str, dict[str, float]] = {}
        self.requests: list[Request] = []
        self.asked = asyncio.Event()
        """Set by the first request."""
        self.aborted = asyncio.Event()
        """Set when a caller went away before the end of its answer."""
        self._server: asyncio.Server | None = None
        self._port = 0
        self._handlers: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def endpoint(self, model: str = "sam", **extra_body: object) -> Endpoint:
        return Endpoint(self.base_url, model, self.api_key, extra_body, Dialect.of(self.owner))

    @property
    def completions(self) -> list[Request]:
        return [request for request in self.requests if request.path == "/v1/chat/completions"]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; after a stop, on the same port as before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for handler in self._handlers:
                handler.cancel()
            await asyncio.gather(*self._handlers, return_exceptions=True)
            await self._server.wait_closed()

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
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
        }
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
        self.requests.append(Request(method, path, headers, body))
        self.asked.set()
        if self.api_key and headers.get("authorization") != f"Bearer {self.api_key}":
            _whole(writer, 401, b'{"error": {"message": "Invalid API key"}}')
        elif path == "/v1/models":
            _whole(
                writer,
                200,
                json.dumps({"data": [{"id": name, "owned_by": self.owner} for name in self.models]}).encode(),
            )
        elif path not in _ROUTES or body["model"] not in self.models:
            _whole(writer, 404, b'{"error": {"message": "not found"}}')
        elif strange := sorted(
            set(body) - KNOWN[self.owner] - (TEXT[self.owner] if path == _ROUTES[1] else set())
        ):
            # vLLM itself passes over them in silence; here nobody may rely on that.
            _whole(writer, 400, json.dumps({"error": {"message": f"unknown: {strange}"}}).encode())
        elif body.get("use_beam_search") and body["stream"]:
            _whole(writer, 400, b'{"error": {"message": "Streaming is not yet supported with beam search."}}')
        else:
            await self._complete(body, reader, writer)
        await writer.drain()

    async def _complete(
        self, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        reply = self.replies.popleft() if self.replies else self.reply
        await self._wait(reply.before_headers, reader)
        if reply.status != 200 or reply.body is not None:
            _whole(writer, reply.status, reply.body or b"{}", reply.headers)
            return
        if not body["stream"]:
            tokens = self.first_tokens.get(body["model"], {})
            top = [
                {"token": token, "bytes": list(token.encode()), "logprob": p} for token, p in tokens.items()
            ]
            found = {"content": [{"top_logprobs": top}] if top else []}
            text = "x" if body.get("logprobs") else "".join(reply.pieces)
            # The likeliest beam comes first.
            choices = [
                {
                    # A chat has the one, a text that goes on the other.
                    "message": {"content": text + "!" * beam},
                    "text": text + "!" * beam,
                    "finish_reason": reply.finish_reason,
                    "logprobs": found,
                }
                for beam in range(body.get("n", 1))
            ]
            usage = {"prompt_tokens": 7, "completion_tokens": len(reply.pieces)}
            _whole(writer, 200, json.dumps({"choices": choices, "usage": usage}).encode())
            return
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for piece in reply.pieces:
            await self._wait(reply.pause, reader)
            _event(writer, {"choices": [{"delta": {"content": piece}, "finish_reason": None}]})
            await writer.drain()
        if reply.cut:
            return
        if reply.finish_reason:
            _event(writer, {"choices": [{"delta": {}, "finish_reason": reply.finish_reason}]})
        _event(writer, {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": len(reply.pieces)}})
        _chunk(writer, b"data: [DONE]\n\n")
        _chunk(writer, b"")

    async def _wait(self, seconds: float, reader: asyncio.StreamReader) -> None:
        """Wait, and notice when the caller goes away meanwhile."""
        if not seconds:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                if not await reader.read(1):
                    raise ConnectionResetError


def _whole(
    writer: asyncio.StreamWriter, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> None:
    head = {"content-length": str(len(body)), "connection": "close", **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    writer.write(f"HTTP/1.1 {status} Status\r\n{lines}\r\n".encode() + body)


def _event(writer: asyncio.StreamWriter, event: Mapping[str, object]) -> None:
    _chunk(writer, b"data: " + json.dumps(event).encode() + b"\n\n")


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
