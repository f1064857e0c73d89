"""The one client: prompts in, text out, over any OpenAI-compatible server.

Everything is streamed, also where the whole answer is wanted: closing the connection is how a generation
is stopped, at llama.cpp and at vLLM, so cancelling the task that waits is enough.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import asdict, dataclass, field
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any, Self

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from inference.errors import ModelAnswerInvalid, ModelError, ModelRejected, ModelTimeout, ModelUnavailable
from inference.event_stream import LONGEST_LINE, events
from inference.persona import Sampling
from inference.prompt import PromptMessage

COMPLETIONS = "/v1/chat/completions"

TOP_TOKENS = 20
"""How many likeliest tokens servers give at most (vLLM's and OpenAI's limit)."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model answers: the address before `/v1`, the model's name there, and its key.

    `extra_body` is merged into each request, for what only this server understands.
    """

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    extra_body: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if not (self.api_key.isascii() and self.api_key.isprintable()):
            raise ValueError("an API key is printable ASCII: copy it again")

    def url(self, path: str) -> str:
        """The full address of a route such as `/v1/models`; a base that ends in `/v1` is understood."""
        return self.base_url.rstrip("/").removesuffix("/v1") + path

    @property
    def headers(self) -> dict[str, str]:
        """The headers that prove who asks."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait and how much to take. Seconds, unless named otherwise."""

    connect: float = 5.0
    short: float = 10.0
    """For a question that generates nothing, such as which models there are."""
    first_token: float = 60.0
    """From the request to the first token, with the time in the server's queue."""
    total: float = 120.0
    """From the call to the last token, tries and waits between them included."""
    attempts: int = 5
    backoff: float = 0.25
    """Before the second try; it doubles each time."""
    longest_backoff: float = 8.0
    answer_bytes: int = 32_768
    """The longest answer; a model that runs away is cut here and the answer thrown away."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer. `finish_reason` is `stop`, or `length` when max_tokens cut it."""

    text: str = field(repr=False)
    finish_reason: str
    prompt_tokens: int
    answer_tokens: int
    first_token_seconds: float
    seconds: float


class ModelClient:
    """Asks one model; open it with `async with` and share it, it keeps the connections.

    `endpoint` may be a function: it is called for each try, so that a server which came back on another
    port is found. It may raise ModelUnavailable.
    """

    def __init__(self, endpoint: Endpoint | Callable[[], Endpoint], limits: Limits | None = None) -> None:
        self._source = endpoint
        self._limits = limits or Limits()
        # Reading is timed by us, token by token. Proxies from the environment would carry prompts away.
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(None, connect=self._limits.connect),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
            headers={"Accept-Encoding": "identity"},
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.aclose()

    async def stream(
        self, prompt: Sequence[PromptMessage], sampling: Sampling, *, seed: int | None = None
    ) -> AsyncGenerator[str, None]:
        """Give the answer piece by piece.

        Wrap it in `contextlib.aclosing` when you may leave the loop early. `seed` may be any integer; 31
        bits of it are used, which every server takes. Raises ModelTimeout, ModelUnavailable,
        ModelRejected and ModelAnswerInvalid; after the last, what came before must not be used.
        """
        async with aclosing(self._chunks(_body(prompt, sampling, seed))) as chunks:
            async for chunk in chunks:
                if chunk.text:
                    yield chunk.text

    async def complete(
        self, prompt: Sequence[PromptMessage], sampling: Sampling, *, seed: int | None = None
    ) -> Completion:
        """Give the whole answer. Arguments and errors as of `stream`."""
        started = time.monotonic()
        first: float | None = None
        pieces: list[str] = []
        finish_reason = ""
        usage = _Usage()
        async with aclosing(self._chunks(_body(prompt, sampling, seed))) as chunks:
            async for chunk in chunks:
                first = first or time.monotonic()
                pieces.append(chunk.text)
                finish_reason = chunk.finish_reason or finish_reason
                usage = chunk.usage or usage
        ended = time.monotonic()
        return Completion(
            text="".join(pieces),
            finish_reason=finish_reason,
            prompt_tokens=usage.prompt_tokens,
            answer_tokens=usage.completion_tokens,
            first_token_seconds=(first or ended) - started,
            seconds=ended - started,
        )

    async def first_tokens(self, prompt: Sequence[PromptMessage]) -> dict[str, float]:
        """Give the likeliest first tokens of an answer with their natural log-probabilities.

        Bytes that are no text are written with backslashes. Empty when the server gives none: it knows no
        log-probabilities, or (llama.cpp) the likeliest token is the beginning of a character. Raises as
        `stream` does.
        """
        body = _body(prompt, Sampling(temperature=0, top_p=1, max_tokens=1), seed=0)
        del body["stream_options"]
        body |= {"stream": False, "logprobs": True, "top_logprobs": TOP_TOKENS}
        deadline = asyncio.get_running_loop().time() + self._limits.total
        for attempt in range(1, self._limits.attempts + 1):
            try:
                return _first_tokens(await self._ask(COMPLETIONS, body, seconds=self._limits.first_token))
            except ModelUnavailable as error:
                await self._pause(error, attempt, deadline)
        raise AssertionError  # the last pause raises

    async def models(self) -> tuple[str, ...]:
        """The names of the models that the server serves, asked once without retries: is it well?"""
        answer = await self._ask("/v1/models", seconds=self._limits.short)
        try:
            return tuple(model.id for model in _Models.model_validate_json(answer).data)
        except ValidationError:
            raise ModelAnswerInvalid(_STRANGE) from None

    async def render(self, prompt: Sequence[PromptMessage]) -> str:
        """The text that the server's chat template makes of a prompt; llama.cpp alone can tell.

        Raises as `models` does.
        """
        messages = [asdict(message) for message in prompt]
        answer = await self._ask("/apply-template", {"messages": messages}, seconds=self._limits.short)
        try:
            return _Rendered.model_validate_json(answer).prompt
        except ValidationError:
            raise ModelAnswerInvalid(_STRANGE) from None

    def _now(self) -> Endpoint:
        return self._source if isinstance(self._source, Endpoint) else self._source()

    async def _ask(self, path: str, body: dict[str, Any] | None = None, *, seconds: float) -> bytes:
        """One try at a question whose answer is short and comes whole."""
        endpoint = self._now()
        try:
            async with asyncio.timeout(seconds):
                response = await self._http.send(self._request(endpoint, path, body), stream=True)
                try:
                    answer = await _at_most(response, LONGEST_LINE)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise ModelTimeout(_TOO_SLOW) from None
        except FOREIGN as error:
            raise error_of(error) from None
        if not response.is_success:
            raise _refusal(response.status_code, answer, response.headers)
        return answer

    async def _chunks(self, body: dict[str, Any]) -> AsyncGenerator[_Chunk, None]:
        """Try until an answer begins; nothing is tried again after that."""
        deadline = asyncio.get_running_loop().time() + self._limits.total
        for attempt in range(1, self._limits.attempts + 1):
            begun = False
            try:
                async with aclosing(self._answer(body, deadline)) as chunks:
                    async for chunk in chunks:
                        begun = True
                        yield chunk
            except ModelUnavailable as error:
                if begun:
                    raise
                await self._pause(error, attempt, deadline)
            else:
                return

    async def _pause(self, error: ModelUnavailable, attempt: int, deadline: float) -> None:
        """Wait before the next try; raises the error again when there should be none."""
        backoff = min(self._limits.backoff * 2 ** (attempt - 1), self._limits.longest_backoff)
        wait = max(backoff, error.retry_after_seconds)
        no_time = asyncio.get_running_loop().time() + wait >= deadline
        if no_time or attempt >= self._limits.attempts or not error.safe_to_retry:
            raise error
        await asyncio.sleep(wait)

    async def _answer(self, body: dict[str, Any], deadline: float) -> AsyncGenerator[_Chunk, None]:
        """One try. Every error that leaves is ours."""
        endpoint = self._now()
        wait_until = min(deadline, asyncio.get_running_loop().time() + self._limits.first_token)
        begun = finished = False
        size = 0
        try:
            async with AsyncExitStack() as stack:
                # The time-outs stand around each wait and never around a yield: there they would cut off
                # the caller's own work.
                async with asyncio.timeout_at(wait_until):
                    request = self._request(endpoint, COMPLETIONS, body)
                    response = await self._http.send(request, stream=True)
                    stack.push_async_callback(response.aclose)
                    if not response.is_success:
                        raise _refusal(response.status_code, await _at_most(response, 4096), response.headers)
                source = await stack.enter_async_context(aclosing(events(response.aiter_bytes())))
                while True:
                    async with asyncio.timeout_at(wait_until):
                        data = await anext(source, None)
                    if data is None or data == "[DONE]":
                        break
                    chunk = _chunk(data)
                    begun, wait_until = True, deadline
                    finished = finished or bool(chunk.finish_reason)
                    size += len(chunk.text.encode(errors="replace"))
                    if size > self._limits.answer_bytes:
                        raise ModelAnswerInvalid(
                            f"the answer runs beyond {self._limits.answer_bytes} bytes: lower max_tokens"
                        )
                    yield chunk
        except TimeoutError:
            what = "did not end" if begun else "did not begin"
            raise ModelTimeout(f"the answer {what} in time: see the model server's load and log") from None
        except FOREIGN as error:
            # Not chained: a protocol error may quote the answer, a traceback with locals the key.
            raise error_of(error) from None
        if not finished:
            # Half an answer must not pass for a whole one.
            raise ModelAnswerInvalid("the answer was cut off before its end: see the model server's log")

    def _request(self, endpoint: Endpoint, path: str, body: dict[str, Any] | None) -> httpx.Request:
        if body is None:
            return self._http.build_request("GET", endpoint.url(path), headers=endpoint.headers)
        if path == COMPLETIONS:
            body = {"model": endpoint.model, **body, **endpoint.extra_body}
        # json.dumps escapes lone surrogates, on which httpx's own encoding would raise with the text.
        content = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **endpoint.headers}
        return self._http.build_request("POST", endpoint.url(path), content=content, headers=headers)


# What httpx may raise, and what it means here. A test walks httpx's errors and fails when one is missing.
FOREIGN = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict)

_NOBODY = "nobody answers at the model server's address: start the server, or correct the address"
_BROKEN = "the connection to the model server broke: see the server's log"
_ADDRESS = "the model server's address cannot be used: give one like http://127.0.0.1:8000"
_TOO_SLOW = "the model server was too slow: see its load and log"
_STRANGE = "the model server does not speak OpenAI's protocol: check the address"

_MEANING: Mapping[type[Exception], Callable[[], ModelError]] = {
    httpx.ConnectError: lambda: ModelUnavailable(_NOBODY, safe_to_retry=True),
    httpx.ConnectTimeout: lambda: ModelUnavailable(_NOBODY, safe_to_retry=True),
    httpx.PoolTimeout: lambda: ModelUnavailable(_NOBODY, safe_to_retry=True),
    httpx.ReadTimeout: lambda: ModelTimeout(_TOO_SLOW),
    httpx.WriteTimeout: lambda: ModelTimeout(_TOO_SLOW),
    httpx.ReadError: lambda: ModelUnavailable(_BROKEN),
    httpx.WriteError: lambda: ModelUnavailable(_BROKEN),
    httpx.CloseError: lambda: ModelUnavailable(_BROKEN),
    httpx.RemoteProtocolError: lambda: ModelUnavailable(_BROKEN),
    httpx.StreamConsumed: lambda: ModelUnavailable(_BROKEN),
    httpx.StreamClosed: lambda: ModelUnavailable(_BROKEN),
    httpx.ResponseNotRead: lambda: ModelUnavailable(_BROKEN),
    httpx.RequestNotRead: lambda: ModelUnavailable(_BROKEN),
    httpx.ProxyError: lambda: ModelUnavailable(_ADDRESS),
    httpx.LocalProtocolError: lambda: ModelUnavailable(_ADDRESS),
    httpx.UnsupportedProtocol: lambda: ModelUnavailable(_ADDRESS),
    httpx.InvalidURL: lambda: ModelUnavailable(_ADDRESS),
    httpx.DecodingError: lambda: ModelAnswerInvalid(_STRANGE),
    httpx.TooManyRedirects: lambda: ModelAnswerInvalid(_STRANGE),
    httpx.HTTPStatusError: lambda: ModelAnswerInvalid(_STRANGE),
    httpx.CookieConflict: lambda: ModelAnswerInvalid(_STRANGE),
}


def error_of(error: Exception) -> ModelError:
    """Give our error for one of httpx's; a class that a later httpx adds counts as a broken connection."""
    meaning = _MEANING.get(type(error))
    return meaning() if meaning else ModelUnavailable(_BROKEN)


def _refusal(status: int, content: bytes, headers: Mapping[str, str]) -> ModelError:
    """What an HTTP status means. The server's own words are left out: they may quote the prompt."""
    if status == 429:
        wait = _retry_after(headers)
        message = "the model server asks to slow down (429): lower the number of parallel requests"
        return ModelUnavailable(message, safe_to_retry=True, retry_after_seconds=wait)
    if status == 503:
        message = "the model server is loading or overloaded (503): wait, or see its log"
        return ModelUnavailable(message, safe_to_retry=True, retry_after_seconds=_retry_after(headers))
    if status >= 500:
        return ModelUnavailable(f"the model server failed ({status}): see its log")
    if status < 400:
        return ModelAnswerInvalid(_STRANGE)
    if status in {401, 403}:
        what = "the model server refuses the API key: give the key that it was started with"
    elif status == 404:
        what = "the model server has no such model or route: correct the address or the model's name"
    elif (b"context" in content and b"exceed" in content) or b"maximum context length" in content:
        what = (
            "the prompt is longer than the model's context: lower history_messages or raise the context size"
        )
    else:
        what = (
            f"the model server refuses the request ({status}): compare its version and settings with the docs"
        )
    return ModelRejected(what, status=status)


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds, from either form that HTTP knows; 0 when there is none."""
    value = headers.get("Retry-After", "")
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


async def _at_most(response: httpx.Response, size: int) -> bytes:
    """The beginning of a body, never all of an endless one."""
    content = b""
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) >= size:
            break
    return content[:size]


def _body(prompt: Sequence[PromptMessage], sampling: Sampling, seed: int | None) -> dict[str, Any]:
    """The request. Every filter is named, also where it is off: servers have defaults of their own."""
    body: dict[str, Any] = {
        "messages": [asdict(message) for message in prompt],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": 0,
        "min_p": sampling.min_p,
        "repeat_penalty": sampling.repeat_penalty,  # llama.cpp's name
        "repetition_penalty": sampling.repeat_penalty,  # vLLM's
        "max_tokens": sampling.max_tokens,
    }
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if seed is not None:
        body["seed"] = seed % 2**31
    return body


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Token(_Wire):
    token: str
    logprob: float
    bytes: list[int] | None = None

    @property
    def name(self) -> str:
        """The token's bytes as text: `token` alone cannot tell two halves of a character apart."""
        try:
            raw = bytearray(self.bytes) if self.bytes is not None else self.token.encode()
        except ValueError:
            return ""
        return raw.decode(errors="backslashreplace")


class _Position(_Wire):
    top_logprobs: list[_Token] = []


class _Logprobs(_Wire):
    content: list[_Position] | None = None


class _Delta(_Wire):
    content: str | None = None


class _Choice(_Wire):
    delta: _Delta = _Delta()
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Usage(_Wire):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Answer(_Wire):
    choices: list[_Choice]


class _Fault(_Wire):
    code: int | str | None = None


class _Event(_Wire):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: _Fault | None = None


class _Rendered(_Wire):
    prompt: str


class _Model(_Wire):
    id: str


class _Models(_Wire):
    data: list[_Model]


@dataclass(frozen=True, slots=True)
class _Chunk:
    text: str
    finish_reason: str
    usage: _Usage | None


def _chunk(data: str) -> _Chunk:
    try:
        event = _Event.model_validate_json(data)
    except ValidationError:
        raise ModelAnswerInvalid(_STRANGE) from None
    if event.error is not None:
        code = event.error.code
        raise _refusal(code if isinstance(code, int) and code >= 400 else 500, data.encode(), {})
    if event.choices is None:
        raise ModelAnswerInvalid(_STRANGE)
    if not event.choices:
        return _Chunk("", "", event.usage)
    choice = event.choices[0]
    return _Chunk(
        text=choice.delta.content or "",
        finish_reason=choice.finish_reason or "",
        usage=event.usage,
    )


def _first_tokens(answer: bytes) -> dict[str, float]:
    try:
        (choice,) = _Answer.model_validate_json(answer).choices
    except ValueError:
        raise ModelAnswerInvalid(_STRANGE) from None
    found: dict[str, float] = {}
    positions = (choice.logprobs and choice.logprobs.content) or []
    for token in positions[0].top_logprobs if positions else ():
        if token.name and math.isfinite(token.logprob):
            found[token.name] = max(token.logprob, found.get(token.name, -math.inf))
    return found
