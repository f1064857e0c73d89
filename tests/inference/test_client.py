"""The client against a server on a real socket that misbehaves in every way we know."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from email.utils import formatdate

import httpx
import pytest

from inference.client import Endpoint, Limits, ModelClient
from inference.dialect import Dialect
from inference.errors import (
    InferenceError,
    ModelAnswerInvalid,
    ModelError,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
)
from inference.persona import Sampling
from inference.prompt import PromptMessage
from inference.translation import FOREIGN, MEANING, error_of
from tests.fakes.openai_server import FakeOpenAIServer, Reply

PROMPT = (PromptMessage("system", "You are Sam."), PromptMessage("user", "Mia: SECRET plans?"))
SAMPLING = Sampling(temperature=0.5, top_p=0.9, min_p=0.05, repeat_penalty=1.1, max_tokens=40, stop=("\n\n",))
QUICK = Limits(connect=20, short=20, first_token=20, total=40, backoff=0.01)
"""Quick to ask again, and patient with a machine that is busy."""
PATIENCE = 20.0


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAIServer]:
    async with FakeOpenAIServer(api_key="KEY-1") as server:
        yield server


@pytest.fixture
async def client(server: FakeOpenAIServer) -> AsyncIterator[ModelClient]:
    async with ModelClient(server.endpoint(), QUICK) as client:
        yield client


async def test_a_whole_answer(server: FakeOpenAIServer, client: ModelClient) -> None:
    server.reply = Reply(("so", " good 👍", ""), pause=0.02)
    answer = await client.complete(PROMPT, SAMPLING, seed=3)
    assert answer.text == "so good 👍"
    assert (answer.finish_reason, answer.prompt_tokens, answer.answer_tokens) == ("stop", 7, 3)
    assert 0.02 <= answer.first_token_seconds < answer.seconds
    assert "so good" not in repr(answer)


async def test_pieces_arrive_while_the_answer_is_written(
    server: FakeOpenAIServer, client: ModelClient
) -> None:
    server.reply = Reply(("a", "b", "c"))
    assert [piece async for piece in client.stream(PROMPT, SAMPLING)] == ["a", "b", "c"]
    # Of an answer that takes minutes, too, the first piece comes at once.
    server.reply = Reply(("x",) * 10_000, pause=0.02)
    async with aclosing(client.stream(PROMPT, SAMPLING)) as pieces:
        assert await anext(pieces) == "x"


async def test_every_filter_is_named_in_the_request(server: FakeOpenAIServer) -> None:
    async with ModelClient(server.endpoint(), QUICK) as client:
        await client.complete(PROMPT, SAMPLING, seed=2**31 + 5)
    (request,) = server.requests
    assert request.headers["authorization"] == "Bearer KEY-1"
    assert request.body == {
        "model": "sam",
        "messages": [
            {"role": "system", "content": "You are Sam."},
            {"role": "user", "content": "Mia: SECRET plans?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 0,
        "min_p": 0.05,
        "repetition_penalty": 1.1,
        "max_tokens": 40,
        "stop": ["\n\n"],
        "seed": 5,
    }


@pytest.mark.parametrize("base", ["{}", "{}/", "{}/v1", "{}/v1/"])
async def test_an_address_with_and_without_v1_is_understood(server: FakeOpenAIServer, base: str) -> None:
    async with ModelClient(Endpoint(base.format(server.base_url), "sam", "KEY-1"), QUICK) as client:
        assert [model.id for model in await client.models()] == ["sam"]


async def test_a_lone_surrogate_does_not_break_the_request(
    server: FakeOpenAIServer, client: ModelClient
) -> None:
    await client.complete([PromptMessage("user", "Mia: \ud83d")], SAMPLING)
    assert server.requests[0].body["messages"][0]["content"] == "Mia: \ud83d"


@pytest.mark.parametrize("status", [503, 429])
async def test_a_server_that_is_not_ready_is_asked_again(
    server: FakeOpenAIServer, client: ModelClient, status: int
) -> None:
    server.replies.extend([Reply(status=status), Reply(status=status)])
    assert (await client.complete(PROMPT, SAMPLING)).text == "hey there"
    assert len(server.requests) == 3


async def test_retry_after_is_obeyed(server: FakeOpenAIServer, client: ModelClient) -> None:
    server.replies.append(Reply(status=429, headers={"Retry-After": "0.4"}))
    started = time.monotonic()
    await client.complete(PROMPT, SAMPLING)
    assert time.monotonic() - started >= 0.4


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_wait_beyond_the_total_is_refused_at_once(
    server: FakeOpenAIServer, client: ModelClient, form: str
) -> None:
    value = "3600" if form == "seconds" else formatdate(time.time() + 3600, usegmt=True)
    server.reply = Reply(status=429, headers={"Retry-After": value})
    with pytest.raises(ModelUnavailable) as caught:
        await client.complete(PROMPT, SAMPLING)
    assert caught.value.safe_to_retry
    assert caught.value.retry_after_seconds == pytest.approx(3600, abs=5)
    assert len(server.requests) == 1


@pytest.mark.parametrize("value", ["soon", "-1", "inf", "nan", "", "9" * 40, "\u0661"])
async def test_a_senseless_retry_after_counts_as_none(
    server: FakeOpenAIServer, client: ModelClient, value: str
) -> None:
    server.replies.append(Reply(status=503, headers={"Retry-After": value}))
    assert (await client.complete(PROMPT, SAMPLING)).text == "hey there"
    assert len(server.requests) == 2


async def test_tries_end(server: FakeOpenAIServer, client: ModelClient) -> None:
    server.reply = Reply(status=503)
    with pytest.raises(ModelUnavailable):
        await client.complete(PROMPT, SAMPLING)
    assert len(server.requests) == QUICK.attempts


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_failure_that_may_have_begun_is_not_repeated(
    server: FakeOpenAIServer, client: ModelClient, status: int
) -> None:
    server.reply = Reply(status=status)
    with pytest.raises(ModelUnavailable) as caught:
        await client.complete(PROMPT, SAMPLING)
    assert not caught.value.safe_to_retry
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, b'{"error": {"message": "bad SECRET"}}', "refuses the request"),
        (400, b'{"error": {"type": "exceed_context_size_error"}}', "longer than the model's context"),
        (403, b"", "API key"),
        (404, b"", "model's name"),
        (422, b"x" * 5_000_000, "refuses the request"),
    ],
)
async def test_a_refusal_says_what_to_do_and_quotes_nothing(
    server: FakeOpenAIServer, client: ModelClient, status: int, body: bytes, words: str
) -> None:
    server.reply = Reply(status=status, body=body)
    with pytest.raises(ModelRejected, match=words) as caught:
        await client.complete(PROMPT, SAMPLING)
    assert caught.value.status == status
    assert "SECRET" not in str(caught.value)
    assert len(server.requests) == 1


async def test_a_wrong_key_is_rejected_and_not_shown(server: FakeOpenAIServer) -> None:
    async with ModelClient(replace(server.endpoint(), api_key="KEY-2"), QUICK) as client:
        with pytest.raises(ModelRejected, match="API key") as caught:
            await client.complete(PROMPT, SAMPLING)
        with pytest.raises(ModelRejected, match="API key"):
            await client.models()
    assert "KEY" not in str(caught.value)
    assert "KEY" not in repr(server.endpoint())


@pytest.mark.parametrize("key", ["smörgås", "two\nlines"])
def test_a_key_that_no_header_carries_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII") as caught:
        Endpoint("http://127.0.0.1:1", "sam", key)
    assert key not in str(caught.value)


async def test_a_connection_that_breaks_in_the_answer_is_not_retried(
    server: FakeOpenAIServer, client: ModelClient
) -> None:
    server.replies.append(Reply(("half", " an"), cut=True))
    pieces: list[str] = []

    async def read() -> None:
        async for piece in client.stream(PROMPT, SAMPLING):
            pieces.append(piece)  # noqa: PERF401 - what came before the break is looked at

    with pytest.raises(ModelUnavailable) as caught:
        await read()
    assert pieces == ["half", " an"]
    assert not caught.value.safe_to_retry
    assert len(server.requests) == 1


@pytest.mark.parametrize("reason", [None, "abort", "content_filter"])
async def test_half_an_answer_does_not_pass_for_a_whole_one(
    server: FakeOpenAIServer, client: ModelClient, reason: str | None
) -> None:
    server.reply = Reply(("half",), finish_reason=reason)
    with pytest.raises(ModelAnswerInvalid, match="cut off"):
        await client.complete(PROMPT, SAMPLING)


@pytest.mark.parametrize(
    "body",
    [
        b"data: SECRET garbage\n\n",
        b"data: {}\n\n",
        b"data: []\n\n",
        b'data: {"choices": "SECRET"}\n\n',
        b'data: {"choices": [{"delta": {"content": 3}}]}\n\n',
        b"<html>SECRET</html>",
        b"",
        b"data: [DONE]\n\n",
        b"data: \xff\xfe\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
    ],
)
async def test_garbage_is_no_answer(server: FakeOpenAIServer, client: ModelClient, body: bytes) -> None:
    server.reply = Reply(body=body)
    with pytest.raises(ModelAnswerInvalid) as caught:
        await client.complete(PROMPT, SAMPLING)
    assert "SECRET" not in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [(500, ModelUnavailable), (400, ModelRejected), ("oops", ModelUnavailable), (503, ModelUnavailable)],
)
async def test_an_error_within_the_stream_is_an_error(
    server: FakeOpenAIServer, client: ModelClient, code: object, kind: type[ModelError]
) -> None:
    begin = {"choices": [{"delta": {"content": "hey"}}]}
    events = [begin, {"error": {"message": "SECRET", "code": code}}]
    server.reply = Reply(body="".join(f"data: {json.dumps(event)}\n\n" for event in events).encode())
    with pytest.raises(kind) as caught:
        await client.complete(PROMPT, SAMPLING)
    assert "SECRET" not in str(caught.value)
    assert not getattr(caught.value, "safe_to_retry", False)
    assert len(server.requests) == 1


async def test_comments_and_other_fields_of_the_stream_are_passed_over(
    server: FakeOpenAIServer, client: ModelClient
) -> None:
    answer = b'data:{"choices":[{"delta":{"content":"ok"},"finish_reason":"stop"}]}'
    server.reply = Reply(
        body=b": ping\r\nevent: message\r\nid: 7\r\ndata\r\n" + answer + b"\r\n\r\ndata: [DONE]\r\n\r\n"
    )
    assert (await client.complete(PROMPT, SAMPLING)).text == "ok"


async def test_a_runaway_answer_is_cut_off_and_thrown_away(server: FakeOpenAIServer) -> None:
    server.reply = Reply(("x" * 100,) * 1000, pause=0.001)
    async with ModelClient(server.endpoint(), Limits(answer_bytes=1000, total=20)) as client:
        with pytest.raises(ModelAnswerInvalid, match="1000 bytes"):
            await client.complete(PROMPT, SAMPLING)
        async with asyncio.timeout(PATIENCE):
            await server.aborted.wait()


async def test_an_endless_line_is_cut_off(server: FakeOpenAIServer, client: ModelClient) -> None:
    server.reply = Reply(body=b"data: " + b"x" * 3_000_000)
    with pytest.raises(ModelAnswerInvalid, match="endless"):
        await client.complete(PROMPT, SAMPLING)


async def test_an_answer_that_does_not_begin_times_out(server: FakeOpenAIServer) -> None:
    server.reply = Reply(before_headers=30)
    async with ModelClient(server.endpoint(), Limits(first_token=0.2)) as client:
        with pytest.raises(ModelTimeout, match="did not begin"):
            await client.complete(PROMPT, SAMPLING)
    assert len(server.requests) == 1


async def test_a_first_token_that_does_not_come_times_out(server: FakeOpenAIServer) -> None:
    server.reply = Reply(pause=30)
    async with ModelClient(server.endpoint(), Limits(first_token=0.2)) as client:
        with pytest.raises(ModelTimeout, match="did not begin"):
            await client.complete(PROMPT, SAMPLING)
        async with asyncio.timeout(PATIENCE):
            await server.aborted.wait()


async def test_an_answer_that_does_not_end_times_out(server: FakeOpenAIServer) -> None:
    server.reply = Reply(("x",) * 1000, pause=0.02)
    async with ModelClient(server.endpoint(), Limits(first_token=PATIENCE, total=0.5)) as client:
        with pytest.raises(ModelTimeout, match="did not end"):
            await client.complete(PROMPT, SAMPLING)


async def test_the_callers_own_work_between_pieces_is_not_timed(server: FakeOpenAIServer) -> None:
    server.reply = Reply(("a", "b"))
    async with ModelClient(server.endpoint(), Limits(first_token=1, total=20)) as client:
        async for _ in client.stream(PROMPT, SAMPLING):
            await asyncio.sleep(1.1)


async def test_cancelling_is_noticed_by_the_server_at_once(
    server: FakeOpenAIServer, client: ModelClient
) -> None:
    server.reply = Reply(("x",) * 1000, pause=0.05)
    task = asyncio.create_task(client.complete(PROMPT, SAMPLING))
    await server.asked.wait()
    assert not server.aborted.is_set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(PATIENCE):
        await server.aborted.wait()


async def test_cancelling_before_the_first_token_is_noticed_too(
    server: FakeOpenAIServer, client: ModelClient
) -> None:
    server.reply = Reply(before_headers=30)
    task = asyncio.create_task(client.complete(PROMPT, SAMPLING))
    await server.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(PATIENCE):
        await server.aborted.wait()


async def test_leaving_the_stream_early_stops_the_generation(
    server: FakeOpenAIServer, client: ModelClient
) -> None:
    server.reply = Reply(("x",) * 1000, pause=0.02)
    async with aclosing(client.stream(PROMPT, SAMPLING)) as pieces:
        async for _ in pieces:
            break
    async with asyncio.timeout(PATIENCE):
        await server.aborted.wait()


async def test_nobody_at_the_address(server: FakeOpenAIServer, client: ModelClient) -> None:
    await server.stop()
    with pytest.raises(ModelUnavailable, match="nobody answers") as caught:
        await client.complete(PROMPT, SAMPLING)
    assert caught.value.safe_to_retry
    with pytest.raises(ModelUnavailable, match="nobody answers"):
        await client.models()


async def test_a_server_that_comes_up_late_is_waited_for(server: FakeOpenAIServer) -> None:
    await server.stop()
    async with ModelClient(server.endpoint(), Limits(backoff=0.1)) as client:
        task = asyncio.create_task(client.complete(PROMPT, SAMPLING))
        await asyncio.sleep(0.15)
        await server.start()
        assert (await task).text == "hey there"


async def test_the_endpoint_is_asked_for_at_each_try(server: FakeOpenAIServer) -> None:
    asked = 0

    def endpoint() -> Endpoint:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise ModelUnavailable("restarting", safe_to_retry=True)
        return (
            Endpoint("http://127.0.0.1:1", "sam", dialect=Dialect.VLLM) if asked == 2 else server.endpoint()
        )

    async with ModelClient(endpoint, QUICK) as client:
        assert (await client.complete(PROMPT, SAMPLING)).text == "hey there"
    assert asked == 3


@pytest.mark.parametrize(
    "address", ["127.0.0.1:80", "ftp://127.0.0.1", "http://", "http://[bad", "http://a\0b", ""]
)
async def test_an_address_that_is_none_is_our_error(address: str) -> None:
    async with ModelClient(Endpoint(address, "sam", dialect=Dialect.VLLM), QUICK) as client:
        with pytest.raises(ModelError):
            await client.complete(PROMPT, SAMPLING)
        with pytest.raises(ModelError):
            await client.models()


async def test_a_server_that_speaks_something_else_is_our_error() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-SECRET\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    strange = Endpoint(f"http://127.0.0.1:{port}", "sam", dialect=Dialect.VLLM)
    async with server, ModelClient(strange, QUICK) as client:
        with pytest.raises(ModelUnavailable) as caught:
            await client.complete(PROMPT, SAMPLING)
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_redirect_is_not_followed(server: FakeOpenAIServer, client: ModelClient) -> None:
    server.reply = Reply(status=307, headers={"Location": "/elsewhere"})
    with pytest.raises(ModelAnswerInvalid):
        await client.complete(PROMPT, SAMPLING)
    assert [request.path for request in server.requests] == ["/v1/chat/completions"]


async def test_first_tokens_come_with_their_log_probabilities(
    server: FakeOpenAIServer, client: ModelClient
) -> None:
    server.first_tokens["sam"] = {" hey": -0.25, "lol": -1.5}
    server.replies.append(Reply(status=503))
    assert await client.first_tokens(PROMPT) == {" hey": -0.25, "lol": -1.5}
    body = server.requests[-1].body
    assert (body["temperature"], body["max_tokens"], body["logprobs"], body["top_logprobs"]) == (
        0,
        1,
        True,
        20,
    )


async def test_no_log_probabilities_are_no_error_here(client: ModelClient) -> None:
    assert await client.first_tokens(PROMPT) == {}


@pytest.mark.parametrize("body", [b"", b"[]", b'{"choices": []}', b'{"data": [{"name": "sam"}]}'])
async def test_garbage_instead_of_log_probabilities_is_an_error(
    server: FakeOpenAIServer, client: ModelClient, body: bytes
) -> None:
    server.reply = Reply(body=body)
    with pytest.raises(ModelAnswerInvalid):
        await client.first_tokens(PROMPT)


async def test_no_text_and_no_key_reaches_a_log(
    server: FakeOpenAIServer, client: ModelClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.reply = Reply(("ANSWER",))
    await client.complete(PROMPT, SAMPLING)
    assert caplog.records
    for word in ("SECRET", "KEY-1", "ANSWER"):
        assert word not in caplog.text


def _all_errors(root: type[Exception]) -> set[type[Exception]]:
    found = {root}
    for child in root.__subclasses__():
        found |= _all_errors(child)
    return found


ABSTRACT = {
    httpx.HTTPError,
    httpx.RequestError,
    httpx.TransportError,
    httpx.TimeoutException,
    httpx.NetworkError,
    httpx.ProtocolError,
    httpx.StreamError,
}


def test_every_error_that_httpx_exports_is_known_to_the_client() -> None:
    exported = {thing for name in httpx.__all__ if isinstance(thing := getattr(httpx, name), type)}
    errors = {thing for thing in exported if issubclass(thing, Exception)}
    assert len(errors) > 20
    assert all(issubclass(error, FOREIGN) for error in errors)


@pytest.mark.parametrize(
    "foreign",
    sorted(
        {error for root in FOREIGN for error in _all_errors(root) if error.__module__.startswith("httpx")}
        - ABSTRACT,
        key=repr,
    ),
)
def test_every_error_of_httpx_has_a_meaning_of_its_own(foreign: type[Exception]) -> None:
    assert foreign in MEANING
    ours = error_of(foreign.__new__(foreign))
    assert isinstance(ours, ModelError)
    assert "\n" not in str(ours)


def test_the_tree_is_one() -> None:
    for error in (ModelTimeout, ModelUnavailable, ModelRejected, ModelAnswerInvalid):
        assert issubclass(error, ModelError)
        assert issubclass(error, InferenceError)
