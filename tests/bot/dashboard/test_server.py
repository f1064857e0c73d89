"""Opening, serving and closing; and Redis going away meanwhile."""

from __future__ import annotations

import asyncio
import io
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import httpx
import pytest

from bot.accounts import Accounts
from bot.app import Office
from bot.dashboard.address import sign_in_link, url_of
from bot.dashboard.server import Dashboard
from bot.errors import PortTaken, SettingsInvalid
from bot.settings import DashboardSettings
from safety.kill import KillScope
from tests.bot.dashboard.conftest import Client, enter, serving
from tests.bot.playground import OWNER, VIEWER, Playground, until


def _with(office: Office, host: str, port: int) -> Office:
    from dataclasses import replace

    listening = DashboardSettings(host=host, port=port)
    return replace(office, settings=office.settings.model_copy(update={"dashboard": listening}))


async def test_a_taken_port_is_said_in_one_line_before_anything_else(office: Office) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1 is in use") as raised:
            await Dashboard(_with(office, "127.0.0.1", port)).__aenter__()
        assert "\n" not in str(raised.value)


async def test_a_host_that_is_not_ours_is_a_wrong_setting(office: Office) -> None:
    for host in ("192.0.2.1", "no.such.host.invalid"):
        with pytest.raises(SettingsInvalid, match=r"dashboard\.host"):
            await Dashboard(_with(office, host, 0)).__aenter__()


async def test_a_link_holds_before_the_serving_begins(office: Office, room: Playground) -> None:
    async with Dashboard(office) as dashboard, httpx.AsyncClient(timeout=20) as http:
        asking = asyncio.create_task(enter(http, await dashboard.link(OWNER)))
        await asyncio.sleep(0.1)
        assert not asking.done()
        running = asyncio.create_task(dashboard.run())
        assert (await asking).status_code == 303
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_dashboards_may_follow_each_other_in_one_process(office: Office, room: Playground) -> None:
    for _ in range(2):
        async with serving(office) as dashboard, httpx.AsyncClient(timeout=20) as http:
            await enter(http, await dashboard.link(OWNER))
            assert "Weekend Plans" in (await http.get(dashboard.url)).text


async def test_a_second_cancellation_leaves_nothing_open(office: Office, room: Playground) -> None:
    for _ in range(2):
        async with Dashboard(office) as dashboard, httpx.AsyncClient(timeout=20) as http:
            running = asyncio.create_task(dashboard.run())
            assert (await enter(http, await dashboard.link(OWNER))).status_code == 303
            running.cancel()
            await asyncio.sleep(0.01)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running


async def test_a_kill_is_shown_by_the_next_dashboard_too(office: Office, room: Playground) -> None:
    async with serving(office):
        await office.desk.kill(VIEWER, KillScope.everywhere())
    async with serving(office) as dashboard, httpx.AsyncClient(timeout=20) as http:
        await enter(http, await dashboard.link(OWNER))
        assert "Killed by vera at " in (await http.get(dashboard.url)).text


async def test_another_process_can_make_a_link(office: Office, room: Playground) -> None:
    olivia = await Accounts(office.store, office.clock).add(OWNER, "olivia", OWNER.role)
    async with serving(office), httpx.AsyncClient(timeout=20) as http:

        async def announced() -> bool:
            link = await sign_in_link(office.store, office.clock, office.settings.dashboard, olivia)
            return ":0/" not in link and (await enter(http, link)).status_code == 303

        await until(announced)


def test_the_address_is_one_that_a_browser_can_open() -> None:
    addresses = [url_of(DashboardSettings(host=host), 80) for host in ("0.0.0.0", "::", "::1", "box.lan")]
    assert addresses == ["http://127.0.0.1:80", "http://127.0.0.1:80", "http://[::1]:80", "http://box.lan:80"]


async def test_signals_stay_with_the_program(office: Office) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    async with serving(office) as dashboard, httpx.AsyncClient(timeout=20) as http:
        await http.get(dashboard.url + "/sign-in")
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@contextmanager
def _everything_printed() -> Iterator[io.StringIO]:
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        yield printed


async def test_no_token_and_no_text_stands_in_a_log(
    office: Office, room: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    with _everything_printed() as printed:
        async with serving(office) as dashboard, httpx.AsyncClient(timeout=20) as http:
            await room.say("my secret words")
            link = await dashboard.link(OWNER)
            token = link.partition("=")[2]
            await enter(http, link)
            await enter(http, link)
            await http.get(f"{dashboard.url}/sign-inn?token={token}")
            assert "my secret words" in (await http.get(dashboard.url)).text
            session = next(iter(http.cookies.values()))
    ours = "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))
    )
    for secret in (token, session, "secret words"):
        assert secret not in printed.getvalue()
        assert secret not in ours


async def test_redis_away_is_said_and_a_kill_still_works(
    office: Office, client: Client, room: Playground, state_dir: Path
) -> None:
    http = await client(VIEWER)
    assert (await http.get("/api/v1/me")).status_code == 200
    pid = int((await office.store.ask("info", "server"))["process_id"])
    import os

    os.kill(pid, signal.SIGSTOP)
    try:
        away = await http.get("/api/v1/status")
        assert (away.status_code, away.json()["error"]) == (503, "store_away")
        kill = await http.post("/api/v1/kills")
        assert kill.status_code == 503
        assert "fallen silent" in kill.json()["message"]
        assert office.kill_switch.latched(room.key, None)
    finally:
        os.kill(pid, signal.SIGCONT)

    async def written() -> bool:
        return [kill["by"] for kill in (await http.get("/api/v1/kills")).json()] == ["vera"]

    await until(written)
