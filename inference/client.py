"""The one client: prompts in, text out, over any OpenAI-compatible server.

Everything is streamed, also where the whole answer is wanted: closing the connection is how a generation
is stopped, at llama.cpp and at vLLM, so cancelling the task that waits is enough.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Final, Self

import httpx

from inference.dialect import Dialect
from inference.errors import ModelAnswerInvalid, ModelError, ModelTimeout, ModelUnavailable
from inference.event_stream import LONGEST_LINE, events
from inference.prompt import PromptMessage
from inference.protocol import (
    Chunk,
    Model,
    Usage,
    read_chunk,
    read_first_tokens,
    read_models,
    read_name,
    read_rendered,
    read_text,
    read_whole,
    request_body,
    text_body,
)
from inference.sampling import Sampling
from inference.translation import FOREIGN, TOO_SLOW, error_of, refusal_of

COMPLETIONS = "/v1/chat/completions"
TEXT_COMPLETIONS = "/v1/completions"

WHOLE = frozenset({"stop", "length"})
"""The reasons to finish after which an answer may be used."""

_CUT_OFF: Final = "the answer was cut off before its end: see the model server's log"
_TOO_LONG: Final = "the answer runs beyond {} bytes: lower max_tokens"

TOP_TOKENS = 20
"""How many likeliest tokens servers give at most (vLLM's and OpenAI's limit)."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model answers: the address before `/v1`, the model's name there, and its key.

    `extra_body` is merged into each request, for what only this server understands; `dialect` says under which
    names it knows a sampling. `top_logprobs` is how many likeliest tokens it is asked for. With `named`, an answer
    that does not say it is of this model is none.
    """

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    extra_body: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    dialect: Dialect = Dialect.OPENAI
    top_logprobs: int = TOP_TOKENS
    named: bool = False

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


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked, to be written in the dialect of whoever answers at the time."""

    prompt: Sequence[PromptMessage] = field(repr=False)
    sampling: Sampling
    seed: int | None

    def body(self, dialect: Dialect) -> dict[str, Any]:
        return request_body(self.prompt, self.sampling, self.seed, dialect)


class ModelClient:
    """Asks one model; open it with `async with` and share it among tasks.

    `endpoint` may be a function: it is called for each try, so that a server which came back on another
    port is found. It may raise ModelUnavailable. `vouch` is asked after each answer of `complete` whether the one who
    gave it is who it should be, as `Engine.vouch` is; when it raises, there is no answer. `permit` is asked before each
    request whether anything may be sent there at all; it raises a ModelError where not. `hear` is told why `complete`
    gave no answer, as `Engine.hear` is.
    """

    def __init__(
        self,
        endpoint: Endpoint | Callable[[], Endpoint],
        limits: Limits | None = None,
        vouch: Callable[[], Awaitable[None]] | None = None,
        *,
        permit: Callable[[], Awaitable[None]] | None = None,
        hear: Callable[[ModelError], None] | None = None,
    ) -> None:
        self._source = endpoint
        self._vouch = vouch
        self._permit = permit
        self._hear = hear
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
        bits of it are used, which every server takes. An answer that was searched for with beams comes in one
        piece. Raises SamplingUnsupported, ModelTimeout, ModelUnavailable, ModelRejected and ModelAnswerInvalid;
        after the last, what came before must not be used.
        """
        async with aclosing(self._chunks(_Question(prompt, sampling, seed))) as chunks:
            async for chunk in chunks:
                if chunk.text:
                    yield chunk.text

    async def complete(
        self, prompt: Sequence[PromptMessage], sampling: Sampling, *, seed: int | None = None
    ) -> Completion:
        """Give the whole answer. Arguments and errors as of `stream`."""
        try:
            return await self._complete(_Question(prompt, sampling, seed))
        except ModelError as error:
            if self._hear is not None:
                self._hear(error)
            raise

    async def _complete(self, question: _Question) -> Completion:
        started = time.monotonic()
        first: float | None = None
        pieces: list[str] = []
        finish_reason = ""
        usage = Usage()
        async with aclosing(self._chunks(question)) as chunks:
            async for chunk in chunks:
                first = first or time.monotonic()
                pieces.append(chunk.text)
                finish_reason = chunk.finish_reason or finish_reason
                usage = chunk.usage or usage
        ended = time.monotonic()
        if self._vouch is not None:
            await self._vouch()
        return Completion(
            text="".join(pieces),
            finish_reason=finish_reason,
            prompt_tokens=usage.prompt_tokens,
            answer_tokens=usage.completion_tokens,
            first_token_seconds=(first or ended) - started,
            seconds=ended - started,
        )

    async def continue_text(
        self, text: str, sampling: Sampling, *, seed: int = 0, marks: Sequence[str] = ()
    ) -> Completion:
        """Go on with a text that was laid out already, past every template of the server.

        A template's `marks` are part of the answer where the model writes them: a chat would not show them. Raises as
        `stream` does.
        """
        started = time.monotonic()
        found = read_text(
            await self._ask_again(
                TEXT_COMPLETIONS,
                lambda endpoint: text_body(text, sampling, seed, marks, endpoint.dialect),
                seconds=self._limits.total,
            )
        )
        if found.finish_reason not in WHOLE:
            raise ModelAnswerInvalid(_CUT_OFF)
        # Beam search does not end at a stop.
        said = sampling.cut(found.text) if sampling.beams > 1 else found.text
        usage, seconds = found.usage or Usage(), time.monotonic() - started
        finish = "stop" if said != found.text else found.finish_reason
        return Completion(said, finish, usage.prompt_tokens, usage.completion_tokens, seconds, seconds)

    async def first_tokens(self, prompt: Sequence[PromptMessage]) -> dict[str, float]:
        """Give the likeliest first tokens of an answer with their natural log-probabilities.

        Bytes that are no text are written with backslashes. Empty when the server gives none: it knows no
        log-probabilities, or (llama.cpp) the likeliest token is the beginning of a character. Raises as
        `stream` does.
        """
        question = _Question(prompt, Sampling(temperature=0, top_p=1, max_tokens=1), 0)

        def body(endpoint: Endpoint) -> dict[str, Any]:
            extra = {"stream": False, "logprobs": True, "top_logprobs": endpoint.top_logprobs}
            whole = question.body(endpoint.dialect) | extra
            del whole["stream_options"]
            return whole

        answer = await self._ask_again(COMPLETIONS, body, seconds=self._limits.first_token)
        return read_first_tokens(answer)

    async def models(self) -> tuple[Model, ...]:
        """The models that the server serves, asked once without retries: is it well?"""
        answer = await self._ask("/v1/models", seconds=self._limits.short)
        return read_models(answer)

    async def render(self, prompt: Sequence[PromptMessage]) -> str:
        """The text that the server's chat template makes of a prompt; llama.cpp alone can tell.

        Raises as `models` does.
        """
        messages = [asdict(message) for message in prompt]
        answer = await self._ask("/apply-template", {"messages": messages}, seconds=self._limits.short)
        return read_rendered(answer)

    def _now(self) -> Endpoint:
        return self._source if isinstance(self._source, Endpoint) else self._source()

    async def _ask_again(
        self, path: str, body: Callable[[Endpoint], dict[str, Any]], *, seconds: float
    ) -> bytes:
        """Ask until an answer comes, as often as the limits say, each time in the dialect of who is there then."""
        deadline = asyncio.get_running_loop().time() + self._limits.total
        for attempt in range(1, self._limits.attempts + 1):
            try:
                endpoint = self._now()
                answer = await self._ask(path, body(endpoint), seconds=seconds, endpoint=endpoint)
            except ModelUnavailable as error:
                await self._pause(error, attempt, deadline)
            else:
                if endpoint.named:
                    _check_name(endpoint, read_name(answer))
                return answer
        raise AssertionError  # the last pause raises

    async def _ask(
        self,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        seconds: float,
        endpoint: Endpoint | None = None,
    ) -> bytes:
        """One try at a question whose answer is short and comes whole."""
        endpoint = endpoint or self._now()
        try:
            async with asyncio.timeout(seconds):
                response = await self._send(endpoint, path, body)
                try:
                    answer = await _at_most(response, LONGEST_LINE)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise ModelTimeout(TOO_SLOW) from None
        except FOREIGN as error:
            raise error_of(error) from None
        if not response.is_success:
            raise refusal_of(response.status_code, answer, response.headers)
        return answer

    async def _chunks(self, question: _Question) -> AsyncGenerator[Chunk, None]:
        """Try until an answer begins; nothing is tried again after that."""
        deadline = asyncio.get_running_loop().time() + self._limits.total
        for attempt in range(1, self._limits.attempts + 1):
            begun = False
            try:
                async with aclosing(self._answer(question, deadline)) as chunks:
                    async for chunk in chunks:
                        begun = True
                        yield chunk
            except ModelUnavailable as error:
                if begun:
                    raise ModelUnavailable(str(error)) from None  # whatever it says, it had started
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

    async def _searched(
        self, question: _Question, endpoint: Endpoint, deadline: float
    ) -> AsyncGenerator[Chunk, None]:
        """One try at an answer of beam search, which no server streams and vLLM does not end at a stop."""
        left = deadline - asyncio.get_running_loop().time()
        answer = await self._ask(
            COMPLETIONS, question.body(endpoint.dialect), seconds=left, endpoint=endpoint
        )
        chunk = read_whole(answer)
        text = question.sampling.cut(chunk.text)
        if chunk.finish_reason not in WHOLE:
            raise ModelAnswerInvalid(_CUT_OFF)
        if len(text.encode(errors="replace")) > self._limits.answer_bytes:
            raise ModelAnswerInvalid(_TOO_LONG.format(self._limits.answer_bytes))
        yield Chunk(text, "stop" if text != chunk.text else chunk.finish_reason, chunk.usage)

    def _answer(self, question: _Question, deadline: float) -> AsyncGenerator[Chunk, None]:
        """One try. Every error that leaves is ours."""
        endpoint = self._now()
        if question.sampling.beams > 1:
            return self._searched(question, endpoint, deadline)
        return self._streamed(question.body(endpoint.dialect), endpoint, deadline)

    async def _streamed(
        self, body: dict[str, Any], endpoint: Endpoint, deadline: float
    ) -> AsyncGenerator[Chunk, None]:
        wait_until = min(deadline, asyncio.get_running_loop().time() + self._limits.first_token)
        begun = False
        finish_reason = ""
        size = 0
        try:
            async with AsyncExitStack() as stack:
                # The time-outs stand around each wait and never around a yield: there they would cut off
                # the caller's own work.
                async with asyncio.timeout_at(wait_until):
                    response = await self._send(endpoint, COMPLETIONS, body)
                    stack.push_async_callback(response.aclose)
                    if not response.is_success:
                        raise refusal_of(
                            response.status_code, await _at_most(response, 4096), response.headers
                        )
                source = await stack.enter_async_context(aclosing(events(response.aiter_bytes())))
                while True:
                    async with asyncio.timeout_at(wait_until):
                        data = await anext(source, None)
                    if data is None or data == "[DONE]":
                        break
                    chunk = read_chunk(data)
                    if endpoint.named:
                        _check_name(endpoint, chunk.model)
                    begun, wait_until = True, deadline
                    finish_reason = chunk.finish_reason or finish_reason
                    size += len(chunk.text.encode(errors="replace"))
                    if size > self._limits.answer_bytes:
                        raise ModelAnswerInvalid(_TOO_LONG.format(self._limits.answer_bytes))
                    yield chunk
        except TimeoutError:
            what = "did not end" if begun else "did not begin"
            raise ModelTimeout(f"the answer {what} in time: see the model server's load and log") from None
        except FOREIGN as error:
            # Not chained: a protocol error may quote the answer, a traceback with locals the key.
            raise error_of(error) from None
        if finish_reason not in WHOLE:
            # Half an answer must not pass for a whole one; vLLM ends an aborted one politely.
            raise ModelAnswerInvalid(_CUT_OFF)

    async def _send(self, endpoint: Endpoint, path: str, body: dict[str, Any] | None) -> httpx.Response:
        if self._permit is not None:
            # Here, and not where a question begins: between two tries somebody may have taken it back.
            await self._permit()
        return await self._http.send(self._request(endpoint, path, body), stream=True)

    def _request(self, endpoint: Endpoint, path: str, body: dict[str, Any] | None) -> httpx.Request:
        if body is None:
            return self._http.build_request("GET", endpoint.url(path), headers=endpoint.headers)
        if path in {COMPLETIONS, TEXT_COMPLETIONS}:
            body = {"model": endpoint.model, **body, **endpoint.extra_body}
        # json.dumps escapes lone surrogates, on which httpx's own encoding would raise with the text.
        content = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **endpoint.headers}
        return self._http.build_request("POST", endpoint.url(path), content=content, headers=headers)


def _check_name(endpoint: Endpoint, model: str) -> None:
    if model != endpoint.model:
        # What it calls itself is a server's own word: it must be right, and proves nothing.
        raise ModelAnswerInvalid(
            f"another model answers than {endpoint.model}: check what is served under that name"
        )


async def _at_most(response: httpx.Response, size: int) -> bytes:
    """The beginning of a body, never all of an endless one."""
    content = b""
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) >= size:
            break
    return content[:size]
