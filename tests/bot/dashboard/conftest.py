"""A dashboard on a real socket, clients for it, and a real Chromium."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest
from playwright.async_api import Browser, Page, async_playwright

from bot.app import Office, Service
from bot.dashboard.server import Dashboard
from bot.people import Person
from bot.settings import DashboardSettings, Settings
from bot.turn_queue import DraftPlan, TurnQueue
from chat.message import Message
from tests.bot.playground import OWNER, Playground, until

ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"dashboard": DashboardSettings(port=0)})


@asynccontextmanager
async def serving(office: Office, service: Service | None = None) -> AsyncIterator[Dashboard]:
    """Serve a dashboard in the background."""
    async with Dashboard(office, service, hosts=("understudy.example",)) as dashboard:
        task = asyncio.create_task(dashboard.run())
        try:
            yield dashboard
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled(), task.exception()


@pytest.fixture
async def dashboard(office: Office, room: Playground) -> AsyncIterator[Dashboard]:
    async with serving(office) as dashboard:
        yield dashboard


Client = Callable[[Person | None], Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def client(dashboard: Dashboard) -> AsyncIterator[Client]:
    """Make a client that has a person's session and asks as our own pages do, or one that has none."""
    made: list[httpx.AsyncClient] = []

    async def make(person: Person | None) -> httpx.AsyncClient:
        http = httpx.AsyncClient(base_url=dashboard.url, headers={"Origin": dashboard.url}, timeout=20)
        made.append(http)
        if person is not None:
            assert (await enter(http, await dashboard.link(person))).status_code == 303
        return http

    yield make
    for one in made:
        await one.aclose()


@pytest.fixture
async def program(dashboard: Dashboard) -> AsyncIterator[Client]:
    """Make a client that says a person's token, as a program does."""
    made: list[httpx.AsyncClient] = []

    async def make(person: Person | None) -> httpx.AsyncClient:
        headers = {}
        if person is not None:
            account = await dashboard.accounts.add(OWNER, person.name, person.role)
            headers["Authorization"] = (
                f"Bearer {await dashboard.sign_in.mint_token(OWNER, account, person.role)}"
            )
        made.append(httpx.AsyncClient(base_url=dashboard.url, headers=headers, timeout=20))
        return made[-1]

    yield make
    for one in made:
        await one.aclose()


async def enter(http: httpx.AsyncClient, link: str) -> httpx.Response:
    """Press the button on the page that a link leads to, as a browser would."""
    address, _, token = link.partition("?token=")
    origin = address.removesuffix("/sign-in")
    return await http.post(address, data={"token": token}, headers={"Origin": origin})


async def receive(office: Office, message: Message) -> None:
    """Put a message into the inbox as a connector would, and let its pause pass."""
    from bot.inbox import Inbox

    inbox = Inbox(
        office.store,
        office.clock,
        office.kill_switch,
        office.kill_words,
        office.settings.turns,
        office.faults,
    )
    await inbox.receive(message)


async def plant(
    office: Office, message: Message, *bubbles: str, fields: Mapping[str, str] | None = None
) -> str:
    """Have a draft written for a message, without a model; gives its id."""
    await receive(office, message)
    queue = TurnQueue(office.store, office.clock, 10, 20, 60)
    claims = []

    async def claimed() -> bool:
        claim = await queue.claim("test")
        if claim is not None:
            claims.append(claim)
        return claim is not None

    await until(claimed)
    (claim,) = claims
    expires = office.clock.now_ms() + 3_600_000
    draft = DraftPlan(
        claim.turn.id,
        bubbles or ("sure", "see you there"),
        hold=True,
        expires_at_ms=expires,
        fields=fields or {},
    )
    gate = [
        {
            "rule": "probability",
            "outcome": "allow",
            "reason": "drawn: 0.125 is below 1",
            "facts": {"draw": 0.125, "probability": 1.0},
        }
    ]
    facts = {"gate": gate, "mode": "manual", "rule": "manual"}
    assert await queue.settle(claim, "draft", "a moderator decides", facts, draft) == "draft"
    return draft.id


def chromium() -> str:
    """Find the browser; without one the test is skipped, in CI it fails."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        reason = "no Chromium: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    executable = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        await browser.close()


@asynccontextmanager
async def visiting(
    browser: Browser, dashboard: Dashboard, person: Person, width: int = 1280, height: int = 800
) -> AsyncIterator[Page]:
    """Sign somebody in by a link, and fail on anything that the page complains about."""
    context = await browser.new_context(viewport={"width": width, "height": height})
    page = await context.new_page()
    page.set_default_timeout(15_000)
    # The first page of a process compiles its parts; on a machine with other work that takes a while.
    page.set_default_navigation_timeout(60_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)

    def foreign(url: str) -> None:
        if not url.startswith((dashboard.url, dashboard.url.replace("http", "ws"), "data:")):
            complaints.append(f"asked for {url}")

    page.on("request", lambda request: foreign(request.url))
    await page.goto(await dashboard.link(person))
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_function("window.socket && window.socket.connected")
    yield page
    await context.close()
    assert complaints == []
