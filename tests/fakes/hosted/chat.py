"""The host's chat completions: strict about requests, with log-probabilities that hang on model and prompt alone."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from tests.fakes.hosted.rules import Fault

KEYS = {
    *(
        "model",
        "messages",
        "stream",
        "stream_options",
        "temperature",
        "top_p",
        "max_tokens",
        "stop",
        "seed",
        "n",
    ),
    *("logit_bias", "logprobs", "top_logprobs", "presence_penalty", "frequency_penalty", "user"),
}
WORDS = (
    *(
        "hey",
        "lol",
        "yes",
        "no",
        "Hello",
        "Sure",
        "yeah",
        "ok",
        "haha",
        "what",
        "I",
        "nice",
        "cool",
        "well",
        "so",
    ),
    *(
        "maybe",
        "sounds",
        "when",
        "where",
        "who",
        "the",
        "see",
        "good",
        "late",
        "now",
        "soon",
        "bye",
        "hm",
        "wow",
    ),
)


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    model: str
    messages: Sequence[Mapping[str, str]]
    stream: bool

    @property
    def text(self) -> str:
        return "\n".join(message["content"] for message in self.messages)


@dataclass
class Chat:
    """Tests change its fields and read what it was asked."""

    asked: list[Asked] = field(default_factory=list)
    says: Callable[[Sequence[Mapping[str, str]]], str] = lambda messages: "quokka smile"
    answers_as: dict[str, str] = field(default_factory=dict)
    """Which model really answers under a name."""
    calls_itself: dict[str, str] = field(default_factory=dict)
    """What an answer says that it is of."""
    gives_logprobs: bool = True
    most_logprobs: int = 20
    jitter: float = 0.0
    """How far a log-probability is off by chance, in nats."""
    pause: float = 0.0
    """Before each word."""
    cut_after: int | None = None
    """After so many words the connection breaks."""
    refusal: Fault | None = None
    retry_after: str = ""
    streams: int = 0
    aborted: int = 0
    """Streams whose caller went away."""
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    @property
    def shown(self) -> str:
        """All that was asked for answers that are written, the canary aside."""
        return "\n".join(one.text for one in self.asked if one.stream)

    async def complete(self, request: Request, models: Sequence[str]) -> Response:
        try:
            body = check_chat(await request.json(), self.most_logprobs)
        except ValueError:
            raise Fault("We could not parse the JSON body of your request.") from None
        if self.refusal is not None:
            headers = {"Retry-After": self.retry_after} if self.retry_after else {}
            return JSONResponse(self.refusal.body, status_code=self.refusal.status, headers=headers)
        if body["model"] not in models:
            message = f"The model `{body['model']}` does not exist or you do not have access to it."
            raise Fault(message, status=404, code="model_not_found")
        self.asked.append(Asked(body["model"], body["messages"], body.get("stream", False)))
        if body.get("stream"):
            return StreamingResponse(self._stream(body), media_type="text/event-stream")
        return JSONResponse(self._whole(body))

    def _head(self, body: Mapping[str, Any], kind: str) -> dict[str, Any]:
        model = body["model"]
        return {
            "id": "chatcmpl-1",
            "object": kind,
            "created": 1700000000,
            "model": self.calls_itself.get(model, model),
            "system_fingerprint": "fp_1",
        }

    def _whole(self, body: Mapping[str, Any]) -> dict[str, Any]:
        likeliest = self._likeliest(body)
        logprobs = None
        if body.get("logprobs") and self.gives_logprobs:
            top = likeliest[: body.get("top_logprobs", 0)]
            logprobs = {"content": [{**likeliest[0], "top_logprobs": top}], "refusal": None}
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": likeliest[0]["token"], "refusal": None},
            "finish_reason": "length",
            "logprobs": logprobs,
        }
        return self._head(body, "chat.completion") | {"choices": [choice]}

    def _likeliest(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        model = self.answers_as.get(body["model"], body["model"])
        drawn = random.Random(hashlib.sha256(f"{model}\0{json.dumps(body['messages'])}".encode()).digest())
        weights = [drawn.uniform(0, 6) for _ in WORDS]
        total = math.log(sum(map(math.exp, weights)))
        scores = {
            word: min(weight - total + self.dice.uniform(-self.jitter, self.jitter), 0.0)
            for word, weight in zip(WORDS, weights, strict=True)
        }
        ranked = sorted(scores, key=lambda word: -scores[word])
        return [{"token": word, "logprob": scores[word], "bytes": list(word.encode())} for word in ranked]

    async def _stream(self, body: Mapping[str, Any]) -> AsyncIterator[str]:
        self.streams += 1
        done = False
        head = self._head(body, "chat.completion.chunk")
        try:
            words = self.says(body["messages"]).split(" ")
            for number, word in enumerate(words):
                if number == self.cut_after:
                    done = True
                    raise ConnectionAbortedError
                await asyncio.sleep(self.pause)
                delta = {"content": word if number + 1 == len(words) else f"{word} "}
                yield _event(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
            yield _event(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            if (body.get("stream_options") or {}).get("include_usage"):
                usage = {"prompt_tokens": 9, "completion_tokens": len(words), "total_tokens": 9 + len(words)}
                yield _event(head | {"choices": [], "usage": usage})
            yield "data: [DONE]\n\n"
            done = True
        finally:
            self.aborted += not done


def check_chat(asked: object, most_logprobs: int) -> dict[str, Any]:
    """What is documented of a request; anything else is refused."""
    if not isinstance(asked, dict):
        raise Fault("We could not parse the JSON body of your request.")
    if unknown := sorted(set(asked) - KEYS):
        raise Fault(f"Unrecognized request argument supplied: {unknown[0]}")
    if not isinstance(asked.get("model"), str):
        raise Fault("you must provide a model parameter", param="model")
    messages = asked.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Fault("'messages' is too short", param="messages")
    for message in messages:
        if not isinstance(message, dict) or set(message) != {"role", "content"}:
            raise Fault("a message has unexpected keys", param="messages")
        if message["role"] not in {"system", "developer", "user", "assistant"}:
            raise Fault(f"{message['role']!r} is not a role", param="messages")
        if not isinstance(message["content"], str):
            raise Fault("content must be a string", param="messages")
    _check_numbers(asked, most_logprobs)
    if asked.get("stream_options") is not None and not asked.get("stream"):
        raise Fault("The 'stream_options' parameter is only allowed when 'stream' is enabled.")
    stop = asked.get("stop") or []
    if len(stop if isinstance(stop, list) else [stop]) > 4:
        raise Fault("'stop' is too long", param="stop")
    return asked


def _check_numbers(asked: Mapping[str, Any], most_logprobs: int) -> None:
    for name, low, high in (
        ("temperature", 0, 2),
        ("top_p", 0, 1),
        ("max_tokens", 1, 16384),
        ("seed", 0, 2**63),
    ):
        value = asked.get(name)
        if value is not None and not (isinstance(value, int | float) and low <= value <= high):
            raise Fault(f"{value!r} is not valid - '{name}'", param=name)
    top = asked.get("top_logprobs")
    if top is not None and not asked.get("logprobs"):
        raise Fault("The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.")
    if top is not None and not (type(top) is int and 0 <= top <= most_logprobs):
        raise Fault(f"'top_logprobs' is at most {most_logprobs}", param="top_logprobs")


def _event(data: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"
