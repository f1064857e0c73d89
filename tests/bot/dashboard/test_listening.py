"""On this machine unless told otherwise, beyond it not without TLS; and what a proxy is believed."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from playwright.async_api import Browser

from bot.app import Office
from bot.dashboard.listening import check_privacy, listen
from bot.dashboard.server import Dashboard
from bot.errors import SettingsInvalid
from bot.settings import DashboardSettings, read_settings
from tests.bot.dashboard.conftest import enter, serving
from tests.bot.playground import OWNER, VIEWER, Playground


def _with(office: Office, **settings: object) -> Office:
    listening = DashboardSettings.model_validate({"port": 0, **settings})
    return replace(office, settings=office.settings.model_copy(update={"dashboard": listening}))


def test_it_listens_on_this_machine_unless_told_otherwise() -> None:
    with listen(DashboardSettings(port=0)) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_beyond_this_machine_it_refuses_plain_http_in_one_line(host: str) -> None:
    with pytest.raises(SettingsInvalid, match="nothing is encrypted") as refused:
        listen(DashboardSettings(host=host, port=0))
    assert "\n" not in str(refused.value)
    assert "dashboard.plain_http" in str(refused.value)


@pytest.mark.parametrize(
    "said",
    [{"plain_http": True}, {"trusted_proxies": ("10.0.0.1",)}, {"tls_certificate": "c", "tls_key": "k"}],
)
def test_beyond_this_machine_it_listens_where_somebody_has_seen_to_that(said: dict[str, object]) -> None:
    check_privacy(DashboardSettings.model_validate({"host": "0.0.0.0", **said}), "0.0.0.0")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine_needs_nothing_of_the_kind(address: str) -> None:
    check_privacy(DashboardSettings(host=address), address)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TLS_KEY", "key.pem", "dashboard.tls_certificate is missing"),
        ("TLS_CERTIFICATE", "c.pem", "dashboard.tls_key is missing"),
        ("TRUSTED_PROXIES", "*", "dashboard.trusted_proxies cannot be used"),
        ("TRUSTED_PROXIES", "proxy.example", "dashboard.trusted_proxies cannot be used"),
        ("SIGN_IN__PER_NAME", "0", "dashboard.sign_in.per_name must be more than 0"),
    ],
)
def test_what_does_not_fit_is_said_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"UNDERSTUDY_DASHBOARD__{name}", value)
    with pytest.raises(SettingsInvalid, match=said):
        read_settings()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> dict[str, Path]:
    issued = authority.issue_cert("127.0.0.1", "localhost", "understudy.example")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    return {"tls_certificate": certificate, "tls_key": key}


@asynccontextmanager
async def _client(dashboard: Dashboard, authority: trustme.CA) -> AsyncIterator[httpx.AsyncClient]:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with httpx.AsyncClient(base_url=dashboard.url, verify=context, timeout=20) as http:
        yield http


async def test_with_a_certificate_it_speaks_https_alone(
    office: Office, room: Playground, authority: trustme.CA, files: dict[str, Path]
) -> None:
    async with serving(_with(office, **files)) as dashboard, _client(dashboard, authority) as http:
        assert dashboard.url.startswith("https://127.0.0.1:")
        answer = await enter(http, await dashboard.link(OWNER))
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-understudy-")
        for part in ("; Secure", "; HttpOnly", "; SameSite=strict", "; Path=/"):
            assert part in cookie
        assert "Domain" not in cookie
        page = await http.get("/")
        assert "Weekend Plans" in page.text
        assert page.headers["strict-transport-security"] == "max-age=15552000"
        # `localhost` is other programs' name, too.
        elsewhere = await http.get("/sign-in", headers={"Host": f"localhost:{dashboard.port}"})
        assert "strict-transport-security" not in elsewhere.headers
        # A page that came without TLS may have been changed on the way.
        plain = dashboard.url.replace("https", "http")
        assert (await http.post("/sign-out", headers={"Origin": plain})).status_code == 403
        assert (await http.post("/sign-out", headers={"Origin": dashboard.url})).status_code == 303
        async with httpx.AsyncClient(timeout=20) as without:
            with pytest.raises(httpx.RemoteProtocolError):
                await without.get(plain)


@pytest.mark.browser
async def test_a_browser_signs_in_over_https_and_the_page_lives(
    browser: Browser, office: Office, room: Playground, files: dict[str, Path]
) -> None:
    async with serving(_with(office, **files)) as dashboard:
        context = await browser.new_context(ignore_https_errors=True)
        page = await context.new_page()
        await page.goto(await dashboard.link(OWNER))
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_function("window.socket && window.socket.connected")
        (cookie,) = await context.cookies()
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
        assert cookie["name"].startswith("__Host-")
        assert await page.evaluate("document.cookie") == ""
        await context.close()


def _lock(key: Path, locked: Path) -> None:
    """Write a key once more, with a passphrase."""
    found = serialization.load_pem_private_key(key.read_bytes(), None)
    secret = serialization.BestAvailableEncryption(b"secret")
    locked.write_bytes(
        found.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
    )


async def test_files_that_do_not_fit_are_said_in_one_line(
    office: Office, files: dict[str, Path], tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().issue_cert("127.0.0.1").private_key_pem.write_to_path(str(other))
    locked = tmp_path / "locked.pem"
    _lock(files["tls_key"], locked)
    for wrong in (tmp_path / "missing.pem", other, locked, tmp_path):
        with pytest.raises(SettingsInvalid, match=r"dashboard\.tls_key") as refused:
            await Dashboard(_with(office, **{**files, "tls_key": wrong})).__aenter__()
        assert "\n" not in str(refused.value)


async def test_a_proxy_that_is_trusted_says_who_asks_and_whether_over_tls(
    office: Office, room: Playground
) -> None:
    proxied = _with(office, trusted_proxies=("127.0.0.0/8",), sign_in={"per_address": 2})
    async with serving(proxied) as dashboard, httpx.AsyncClient(base_url=dashboard.url, timeout=20) as http:
        origin = dashboard.url.replace("http", "https")
        http.headers.update({"Origin": origin, "X-Forwarded-Proto": "https"})
        token = (await dashboard.link(VIEWER)).partition("token=")[2]
        answer = await http.post("/sign-in", data={"token": token})
        assert answer.headers["set-cookie"].startswith("__Host-understudy-")
        assert "; Secure" in answer.headers["set-cookie"]
        codes: list[int] = []
        for number in (1, 1, 1, 2):
            # What the asker wrote there is left of what the proxy has seen, and not believed.
            http.headers["X-Forwarded-For"] = f"198.51.100.{len(codes)}, 192.0.2.{number}"
            codes.append((await http.post("/sign-in", data={"token": "guess"})).status_code)
        assert codes == [401, 401, 429, 401]


async def test_a_proxy_that_is_not_trusted_is_not_believed(office: Office, room: Playground) -> None:
    proxied = _with(office, trusted_proxies=("192.0.2.1",))
    async with serving(proxied) as dashboard, httpx.AsyncClient(base_url=dashboard.url, timeout=20) as http:
        http.headers["X-Forwarded-Proto"] = "https"
        answer = await enter(http, await dashboard.link(VIEWER))
        assert answer.headers["set-cookie"].startswith("understudy-")
        assert "Secure" not in answer.headers["set-cookie"]
