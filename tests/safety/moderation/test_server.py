from __future__ import annotations

import asyncio

import httpx
import pytest

from safety.moderation.errors import AnswerInvalid, ClassifierAway, ClassifierRefused, ModerationError
from safety.moderation.server import ModerationServer, Patience
from tests.fakes.moderation_server import Failure, FakeModerationServer

PATH = "/v1/moderations"
BODY = {"input": "hello"}
KEY = "sk-of-nobody"


def opened(server: FakeModerationServer, **patience: float) -> ModerationServer:
    values = {"try_seconds": 5.0, "seconds": 10.0, "attempts": 3} | patience
    return ModerationServer(server.base_url, KEY, Patience(**values))  # type: ignore[arg-type]


async def refused(server: FakeModerationServer, **patience: float) -> ModerationError:
    async with opened(server, **patience) as asking:
        with pytest.raises(ModerationError) as caught:
            await asking.ask(PATH, BODY)
    assert KEY not in str(caught.value)
    assert "hello" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_server_that_cannot_now_is_asked_again(server: FakeModerationServer, status: int) -> None:
    server.failures.extend([Failure(status), Failure(status)])
    async with opened(server) as asking:
        answer = await asking.ask(PATH, BODY)
    assert answer["results"]
    assert len(server.requests) == 3
    assert all(request.body == BODY for request in server.requests)


async def test_after_the_last_try_it_is_away(server: FakeModerationServer) -> None:
    server.failure = Failure(503)
    assert isinstance(await refused(server, attempts=2), ClassifierAway)
    assert len(server.requests) == 2


async def test_a_server_that_asks_for_more_time_than_there_is_is_away_at_once(
    server: FakeModerationServer,
) -> None:
    server.failure = Failure(429, headers={"Retry-After": "3600"})
    assert isinstance(await refused(server), ClassifierAway)
    assert len(server.requests) == 1


async def test_the_wait_that_a_server_asks_for_is_kept(
    server: FakeModerationServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    server.failures.append(Failure(429, headers={"Retry-After": "1.5"}))
    monkeypatch.setattr("safety.moderation.server.asyncio.sleep", note)
    async with opened(server) as asking:
        await asking.ask(PATH, BODY)
    assert waits == [1.5]


@pytest.mark.parametrize(
    ("status", "said"),
    [(400, "refuses the request"), (401, "API key"), (403, "API key"), (404, "no such model")],
)
async def test_a_refusal_is_not_repeated(server: FakeModerationServer, status: int, said: str) -> None:
    server.failure = Failure(status, b'{"error": "hello sk-of-nobody"}')
    error = await refused(server)
    assert isinstance(error, ClassifierRefused)
    assert said in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "failure",
    [
        Failure(body=b""),
        Failure(body=b"<html>hello</html>"),
        Failure(body=b"\xff\xfe"),
        Failure(body=b"[" * 100_000),
        Failure(body=b'"' + b"x" * 2_000_000 + b'"'),
        Failure(body=b"{}", headers={"content-encoding": "gzip"}),
        Failure(302, headers={"location": "/elsewhere"}),
    ],
    ids=["empty", "html", "bytes", "deep", "long", "not gzip", "redirect"],
)
async def test_what_is_no_json_is_no_answer(server: FakeModerationServer, failure: Failure) -> None:
    server.failure = failure
    assert isinstance(await refused(server), AnswerInvalid)


async def test_an_answer_that_breaks_off_is_asked_for_again(server: FakeModerationServer) -> None:
    server.failures.append(Failure(body=b'{"results": [', cut=True))
    async with opened(server) as asking:
        assert (await asking.ask(PATH, BODY))["results"]


async def test_a_slow_answer_is_waited_for(server: FakeModerationServer) -> None:
    server.failures.append(Failure(slow=0.05))
    async with opened(server) as asking:
        assert (await asking.ask(PATH, BODY))["results"]
    assert len(server.requests) == 1


async def test_a_server_that_hangs_is_away_and_the_connection_is_closed(server: FakeModerationServer) -> None:
    server.failure = Failure(hang=True)
    assert isinstance(await refused(server, try_seconds=0.1, attempts=1), ClassifierAway)
    await asyncio.wait_for(server.aborted.wait(), 5)


async def test_nobody_waits_longer_than_the_budget(server: FakeModerationServer) -> None:
    server.failure = Failure(hang=True)
    assert isinstance(await refused(server, try_seconds=60.0, seconds=0.2, attempts=9), ClassifierAway)
    assert len(server.requests) == 1


async def test_cancelling_who_waits_closes_the_request(server: FakeModerationServer) -> None:
    server.failure = Failure(hang=True)
    async with opened(server, try_seconds=60.0, seconds=60.0) as asking:
        waiting = asyncio.ensure_future(asking.ask(PATH, BODY))
        await asyncio.wait_for(server.asked.wait(), 5)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.wait_for(server.aborted.wait(), 5)


async def test_a_server_that_is_not_there_is_away(server: FakeModerationServer) -> None:
    await server.stop()
    error = await refused(server, attempts=1)
    assert isinstance(error, ClassifierAway)
    assert "cannot be reached" in str(error)


@pytest.mark.parametrize("address", ["http://", "http://[", "ftp://host", "nonsense", "http://\x00"])
async def test_an_address_that_cannot_be_used_is_one_of_our_errors(address: str) -> None:
    async with ModerationServer(address, patience=Patience(attempts=1)) as asking:
        with pytest.raises(ClassifierAway):
            await asking.ask(PATH, BODY)


@pytest.mark.parametrize("name", [name for name in dir(httpx) if not name.startswith("_")])
async def test_each_error_of_httpx_becomes_one_of_ours(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = getattr(httpx, name)
    if not (isinstance(foreign, type) and issubclass(foreign, Exception)):
        return
    error = foreign.__new__(foreign)

    def raising(*arguments: object, **named: object) -> object:
        raise error

    monkeypatch.setattr(httpx.AsyncClient, "stream", raising)
    async with ModerationServer("http://localhost/v1", patience=Patience(attempts=1)) as asking:
        with pytest.raises(ModerationError):
            await asking.ask(PATH, BODY)


async def test_the_key_goes_along_and_texts_that_are_no_unicode_do_no_harm(
    server: FakeModerationServer,
) -> None:
    server.api_key = KEY
    async with opened(server) as asking:
        await asking.ask(PATH, {"input": "\ud800"})
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/"])
async def test_an_address_with_and_without_v1_is_the_same(server: FakeModerationServer, base: str) -> None:
    async with ModerationServer(server.base_url.removesuffix("/v1") + base) as asking:
        await asking.ask(PATH, BODY)
    assert server.requests[0].path == PATH
