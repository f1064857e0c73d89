"""The edge: what httpx and HTTP may throw, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from inference.translation import FOREIGN
from tests.fakes.hosted.server import FakeHost, Play
from tests.training.hosted.desk import Desk
from training.hosted.client import HostClient, Patience
from training.hosted.errors import HostAway, HostError, HostRefused, HostStrange, NotThere
from training.hosted.host import Host
from training.hosted.translation import NEVER_ARRIVED, UNUSABLE, error_of, refusal_of

MAY_HAVE_ARRIVED = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.StreamError)


def _leaves(kind: type[Exception]) -> Iterator[type[Exception]]:
    below = kind.__subclasses__()
    if not below:
        yield kind
    for inner in below:
        yield from _leaves(inner)


_KINDS = sorted({kind for root in FOREIGN for kind in _leaves(root)}, key=str)


@pytest.mark.parametrize("kind", _KINDS)
def test_every_error_of_httpx_has_a_meaning(kind: type[Exception]) -> None:
    assert issubclass(kind, (*NEVER_ARRIVED, *UNUSABLE, *MAY_HAVE_ARRIVED)), f"{kind.__name__} is new"
    made = kind.__new__(kind)
    found = error_of(made)
    assert isinstance(found, HostError)
    assert len(str(found).splitlines()) == 1
    if isinstance(found, HostAway):
        # In doubt it may have arrived: then somebody looks before it is sent again.
        assert found.maybe_taken != issubclass(kind, NEVER_ARRIVED)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, HostRefused),
        (401, HostRefused),
        (403, HostRefused),
        (404, NotThere),
        (409, HostAway),
        (413, HostRefused),
        (429, HostAway),
        (500, HostAway),
        (502, HostAway),
        (529, HostAway),
        (302, HostStrange),
    ],
)
def test_every_status_has_a_meaning(status: int, kind: type[HostError]) -> None:
    body = b'{"error": {"message": "your key sk-x and what you said", "code": "no such word!", "param": "p"}}'
    error = refusal_of(status, body, {})
    assert type(error) is kind
    assert "sk-x" not in str(error)
    assert "such word" not in str(error)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error": "text"}', b"[1]", b'{"error": {"code": 5}}'])
def test_an_error_object_that_is_none_is_no_obstacle(body: bytes) -> None:
    assert isinstance(refusal_of(400, body, {}), HostRefused)


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7.0), ("0.5", 0.5), ("soon", 0.0), ("-3", 0.0), ("", 0.0)]
)
def test_a_pause_that_is_asked_for_is_read(said: str, seconds: float) -> None:
    error = refusal_of(429, b"", {"Retry-After": said})
    assert isinstance(error, HostAway)
    assert error.retry_after_seconds == seconds


def test_waits_double_and_end() -> None:
    patience = Patience(attempts=4, backoff=1, longest_wait=10)
    away = HostAway("no", maybe_taken=False)
    assert [patience.before(attempt, away) for attempt in (1, 2, 3)] == [1, 2, 4]
    assert patience.before(1, HostAway("no", maybe_taken=False, retry_after_seconds=9)) == 9
    with pytest.raises(HostAway):
        patience.before(4, away)
    with pytest.raises(HostAway):
        patience.before(1, HostAway("no", maybe_taken=False, retry_after_seconds=11))


async def test_nobody_there_is_told() -> None:
    async with HostClient(Host("http://127.0.0.1:9"), Patience(attempts=2, backoff=0.01)) as client:
        with pytest.raises(HostAway, match="nobody answers"):
            await client.models()


async def test_a_host_that_says_nothing_is_not_waited_for_for_ever(fake: FakeHost) -> None:
    fake.play(Play("GET", "/v1/models", "hold"))
    async with HostClient(Host(fake.base_url), Patience(request=0.2, attempts=1)) as client:
        with pytest.raises(HostAway, match="too slow"):
            await client.models()


async def test_lists_are_read_to_their_end(desk: Desk) -> None:
    desk.fake.most = 1
    for number in range(5):
        async with desk.client() as client:
            await client.upload(f"{number}.jsonl", b"{}\n")
    async with desk.client() as client:
        assert [file.filename async for file in client.files()] == [f"{n}.jsonl" for n in (4, 3, 2, 1, 0)]


async def test_an_endless_list_ends(desk: Desk) -> None:
    desk.fake.raw[("GET", "/v1/files")] = b'{"data": [{"id": "file-1"}], "has_more": true}'
    async with desk.client() as client:
        with pytest.raises(HostStrange, match="does not end"):
            [file async for file in client.files()]
