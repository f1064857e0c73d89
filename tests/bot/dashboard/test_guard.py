"""The door: hosts, other sites, cookies, and what anybody may see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from bot.app import Office
from bot.dashboard.guard import allowed_hosts
from bot.dashboard.server import Dashboard
from tests.bot.dashboard.conftest import Client, enter
from tests.bot.playground import OWNER, VIEWER


@asynccontextmanager
async def _signed_in(dashboard: Dashboard) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=dashboard.url, timeout=20) as http:
        answer = await enter(http, await dashboard.link(OWNER))
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        yield http


async def test_a_link_sets_a_strict_cookie_and_leads_to_the_chats(dashboard: Dashboard) -> None:
    async with httpx.AsyncClient(timeout=20) as http:
        link = await dashboard.link(OWNER)
        answer = await enter(http, link)
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert link.partition("=")[2] not in cookie
        page = await http.get(dashboard.url)
        assert page.status_code == 200
        assert "Weekend Plans" in page.text


async def test_a_link_that_was_used_shows_how_to_get_another(dashboard: Dashboard) -> None:
    link = await dashboard.link(OWNER)
    async with httpx.AsyncClient(timeout=20) as http:
        assert (await enter(http, link)).status_code == 303
    async with httpx.AsyncClient(timeout=20) as http:
        again = await enter(http, link)
        assert again.status_code == 401
        assert "understudy link" in again.text
        assert "set-cookie" not in again.headers
        assert (await enter(http, dashboard.url + "/sign-in?token=wrong")).status_code == 401
        assert "understudy link" in (await http.get(dashboard.url + "/sign-in")).text


async def test_to_look_at_a_link_does_not_use_it_up(dashboard: Dashboard) -> None:
    link = await dashboard.link(OWNER)
    async with httpx.AsyncClient(timeout=20) as http:
        for preview in ({}, {"Sec-Purpose": "prefetch"}, {"User-Agent": "WhatsApp/2"}):
            page = await http.get(link, headers=preview)
            assert (page.status_code, page.headers.get("set-cookie")) == (200, None)
            assert link.partition("token=")[2] in page.text
        assert "set-cookie" not in (await http.head(link)).headers
        assert (await enter(http, link)).status_code == 303


async def test_who_is_signed_out_sees_the_door_and_nothing_else(dashboard: Dashboard) -> None:
    async with httpx.AsyncClient(base_url=dashboard.url, timeout=20) as http:
        assert (await http.get("/")).headers["location"] == "/sign-in"
        assert (await http.get("/_nicegui_ws/socket.io/?EIO=4&transport=polling")).status_code == 401
        assert (await http.get("/_nicegui/anything.js")).status_code == 401
        assert (await http.get("/assets/dashboard.css")).status_code == 200
        assert (await http.get("/favicon.ico")).status_code == 200
        assert (await http.get("/etc/passwd")).status_code == 404


async def test_signing_out_ends_the_session(dashboard: Dashboard) -> None:
    async with _signed_in(dashboard) as http:
        session = dict(http.cookies)
        answer = await http.post("/sign-out", headers={"Origin": dashboard.url})
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
        http.cookies.update(session)
        assert (await http.get("/api/v1/me")).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {},
    ],
)
async def test_another_site_cannot_act_with_the_cookie(
    dashboard: Dashboard, office: Office, headers: dict[str, str]
) -> None:
    async with _signed_in(dashboard) as http:
        for path in ("/api/v1/kills", "/sign-out"):
            answer = await http.post(path, headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (403, "cross_site")
        assert await office.desk.kill_switch.kills() == ()


@pytest.mark.parametrize("site", ["Origin", "Sec-Fetch-Site"])
async def test_our_own_page_can(dashboard: Dashboard, site: str) -> None:
    async with _signed_in(dashboard) as http:
        headers = {site: dashboard.url if site == "Origin" else "same-origin"}
        assert (await http.post("/api/v1/kills", headers=headers)).status_code == 200


async def test_another_site_cannot_open_the_pages_channel(dashboard: Dashboard) -> None:
    async with _signed_in(dashboard) as http:
        path = "/_nicegui_ws/socket.io/?EIO=4&transport=polling"
        assert (await http.get(path, headers={"Origin": "http://localhost:3000"})).status_code == 403
        assert (await http.get(path, headers={"Sec-Fetch-Site": "same-site"})).status_code == 403
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        path = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
        for headers in ({}, {"Origin": "https://evil.example"}):
            assert (await http.get(path, headers=upgrade | headers)).status_code == 403
        http.cookies.clear()
        assert (await http.get(path, headers=upgrade | {"Origin": dashboard.url})).status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[", "a b"]
)
async def test_a_foreign_name_for_this_machine_is_turned_away(client: Client, host: str) -> None:
    http = await client(OWNER)
    answer = await http.get("/api/v1/me", headers={"Host": host})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8765", "127.0.0.1:1", "[::1]:80", "understudy.example"]
)
async def test_our_own_names_are_known(client: Client, host: str) -> None:
    http = await client(VIEWER)
    assert (await http.get("/api/v1/me", headers={"Host": host})).status_code == 200


def test_listening_everywhere_does_not_allow_every_name() -> None:
    assert allowed_hosts("0.0.0.0") == ("127.0.0.1", "::1", "localhost")
    assert "192.168.1.5" in allowed_hosts("192.168.1.5")
    assert "box.lan" in allowed_hosts("0.0.0.0", ["box.lan"])


async def test_a_click_on_another_site_leads_in_without_signing_in_again(dashboard: Dashboard) -> None:
    async with httpx.AsyncClient(base_url=dashboard.url, timeout=20) as http:
        answer = await http.get("/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
        assert answer.status_code == 200
        assert "refresh" in answer.text


async def test_nothing_is_framed_cached_or_told_to_others(client: Client) -> None:
    http = await client(VIEWER)
    headers = (await http.get("/api/v1/me")).headers
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'self'" in headers["content-security-policy"]
