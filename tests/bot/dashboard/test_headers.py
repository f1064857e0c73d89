"""Every answer, whatever answered it, tells browsers to be careful with it."""

from __future__ import annotations

import os
import signal

import httpx
import pytest

from bot.app import Office
from bot.dashboard.server import Dashboard
from tests.bot.dashboard.conftest import Client
from tests.bot.playground import OWNER

ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
CASES = [
    ("GET", "/", 200),
    ("GET", "/account", 200),
    ("GET", "/sign-in", 200),
    ("GET", "/sign-in?token=x", 200),
    ("POST", "/sign-in", 401),
    ("GET", "/api/docs", 200),
    ("GET", "/api/openapi.json", 200),
    ("GET", "/api/v1/me", 200),
    ("GET", "/api/v1/chats/local/weekend-plans/transcript", 200),
    ("GET", "/api/v1/nothing", 404),
    ("PUT", "/api/v1/me", 404),
    ("PATCH", "/api/v1/chats/local/weekend-plans", 422),
    ("GET", "/nowhere", 404),
    ("GET", "/assets/dashboard.css", 200),
    ("GET", "/assets/missing.css", 404),
    ("GET", "/favicon.ico", 200),
    ("GET", "/_nicegui/missing", 404),
    ("GET", "/_nicegui_ws/socket.io/?EIO=9", 400),
    ("DELETE", "/sign-in", None),
]


def _careful(answer: httpx.Response) -> None:
    found = {name: answer.headers.get(name) for name in ALWAYS}
    assert found == ALWAYS, answer.url
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "object-src 'none'" in policy
    assert "base-uri 'none'" in policy
    if answer.url.path != "/":
        assert "unsafe" not in policy
    if not answer.url.path.startswith(("/assets/", "/_nicegui/")):
        assert answer.headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in answer.headers
    assert "server" not in answer.headers


@pytest.mark.parametrize(("method", "path", "status"), CASES)
async def test_answers_of_every_kind_carry_the_headers(
    client: Client, method: str, path: str, status: int | None
) -> None:
    answer = await (await client(OWNER)).request(method, path)
    assert answer.status_code == (status or answer.status_code)
    _careful(answer)


async def test_refusals_and_redirects_carry_the_headers(client: Client, dashboard: Dashboard) -> None:
    nobody, owner = await client(None), await client(OWNER)
    answers = [
        await nobody.get("/"),
        await nobody.get("/api/v1/me"),
        await nobody.get("/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}),
        await nobody.get("/", headers={"Host": "evil.example"}),
        await owner.post("/sign-out", headers={"Origin": "null"}),
        await owner.post("/sign-out"),
    ]
    assert [answer.status_code for answer in answers] == [303, 401, 200, 400, 403, 303]
    for answer in answers:
        _careful(answer)


async def test_a_fault_and_redis_away_carry_the_headers(client: Client, office: Office) -> None:
    http = await client(OWNER)
    # What no program of ours writes.
    await office.store.ask("hset", "understudy:services", "broken", "no json")
    fault = await http.get("/api/v1/status")
    assert fault.status_code == 500
    assert "json" not in fault.json()["message"].lower()
    _careful(fault)
    await office.store.ask("hdel", "understudy:services", "broken")
    pid = int((await office.store.ask("info", "server"))["process_id"])
    os.kill(pid, signal.SIGSTOP)
    try:
        away = [await http.get("/"), await http.get("/api/v1/me")]
    finally:
        os.kill(pid, signal.SIGCONT)
    assert [answer.status_code for answer in away] == [503, 503]
    for answer in away:
        _careful(answer)


async def test_what_looks_like_a_page_to_a_browser_is_declared_as_what_it_is(client: Client) -> None:
    http = await client(OWNER)
    kinds = {
        "/api/v1/journal": "application/json",
        "/api/v1/nothing": "application/json",
        "/sign-in": "text/html; charset=utf-8",
        "/assets/understudy.svg": "image/svg+xml",
    }
    assert {path: (await http.get(path)).headers["content-type"] for path in kinds} == kinds
