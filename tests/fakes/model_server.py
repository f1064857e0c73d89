"""A model server that speaks the OpenAI protocol over a real socket, and says what a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from inference.client import Endpoint
from inference.errors import ModelError
from inference.persona import Persona


class ModelServer:
    """Answers every prompt with `say(messages)`, a word a piece, `pause` seconds between words."""

    def __init__(self) -> None:
        self.say: Callable[[list[dict[str, str]]], str] = lambda messages: "sure"
        self.pause = 0.0
        self.status = 200
        self.longest_prompt = 100_000
        self.prompts: list[list[dict[str, str]]] = []
        self.seeds: list[int] = []
        self.running = 0
        self.cancelled = 0
        self.finished = 0
        self.url = ""

    async def chat(self, request: Request) -> Response:
        body = await request.json()
        if self.status != 200:
            return JSONResponse({"error": {"message": "no"}}, status_code=self.status)
        if sum(len(message["content"]) for message in body["messages"]) > self.longest_prompt:
            error = {
                "message": "the request exceeds the available context size",
                "type": "exceed_context_size_error",
            }
            return JSONResponse({"error": error}, status_code=400)
        self.prompts.append(body["messages"])
        self.seeds.append(body.get("seed", -1))
        return StreamingResponse(self._pieces(body["messages"]), media_type="text/event-stream")

    async def _pieces(self, messages: list[dict[str, str]]) -> AsyncIterator[str]:
        self.running += 1
        done = False
        try:
            for piece in self.say(messages).splitlines(keepends=True):
                for word in piece.split(" "):
                    await asyncio.sleep(self.pause)
                    yield _event(
                        {"index": 0, "delta": {"content": word if word.endswith("\n") else word + " "}}
                    )
            yield _event({"index": 0, "delta": {}, "finish_reason": "stop"})
            yield "data: [DONE]\n\n"
            done = True
        finally:
            self.running -= 1
            self.finished += done
            self.cancelled += not done


def _event(choice: dict[str, Any]) -> str:
    data = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "fake", "choices": [choice]}
    return f"data: {json.dumps(data)}\n\n"


@asynccontextmanager
async def model_server() -> AsyncIterator[ModelServer]:
    """Serve on a free port of loopback."""
    server = ModelServer()
    app = Starlette(routes=[Route("/v1/chat/completions", server.chat, methods=["POST"])])
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=1
    )
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve())
    while not running.started:
        await asyncio.sleep(0.01)
    port = running.servers[0].sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{port}"
    try:
        yield server
    finally:
        running.should_exit = True
        await task


class ServedEngine:
    """An engine for a `ModelServer` that is already running. It trusts it: there is no persona to prove."""

    def __init__(self, url: str) -> None:
        self.endpoint = Endpoint(url, "fake")
        self.alive = True
        self.trouble = ""

    async def vouch(self) -> None:
        """Whoever answers is taken at their word."""

    def hear(self, error: ModelError) -> None:
        """Nothing is made of it."""

    async def verify(self, persona: Persona) -> None:
        """Nothing to prove."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        return None
