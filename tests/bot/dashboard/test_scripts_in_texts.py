"""What people write is shown as text, in every panel and in a real browser: no script of theirs runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, expect

from bot.app import Office
from bot.dashboard.server import Dashboard
from bot.people import Person, Role
from chat.message import Author, Chat
from safety.kill import KillScope
from safety.mode import Mode
from tests.bot.dashboard.conftest import plant, visiting
from tests.bot.playground import OWNER, ROOM, Playground

pytestmark = pytest.mark.browser

RUN = "window.ran=(window.ran||0)+1"
TRICKS = [
    f"<script>{RUN};alert(1)</script>",
    f'<img src=x onerror="{RUN}">',
    f'"><svg onload={RUN}>',
    f"' onmouseover='{RUN}' autofocus onfocus='{RUN}",
    f"</textarea></title></style></script><script>{RUN}</script>",
    f"javascript:{RUN}",
    f"[a](javascript:{RUN})",
    f"<a href='javascript:{RUN}'>a</a>",
    "{{ constructor.constructor('" + RUN + "')() }}",
    "${" + RUN + "}",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f"<script>{RUN}</script>",
    "**bold** <b>bold</b> `code`",
    "&lt;script&gt;&amp;",
]


@asynccontextmanager
async def _harmless(browser: Browser, dashboard: Dashboard, person: Person = OWNER) -> AsyncIterator[Page]:
    """Visit, press on everything that hides something, and see that nothing ran and nothing was built of texts."""
    async with visiting(browser, dashboard, person) as page:
        dialogs: list[str] = []

        async def shown(dialog: object) -> None:
            dialogs.append(str(dialog))

        page.on("dialog", shown)
        yield page
        assert await page.evaluate("window.ran") is None
        assert dialogs == []
        built = await page.evaluate(
            "[...document.body.querySelectorAll("
            "'iframe, a[href^=\"javascript:\"], img[src=x], [onerror], [onmouseover], [onload], [onfocus], b b'"
            ")].map(element => element.outerHTML)"
        )
        assert built == []


async def test_messages_and_drafts_are_shown_as_they_were_written(
    browser: Browser, dashboard: Dashboard, office: Office, room: Playground
) -> None:
    async with _harmless(browser, dashboard) as page:
        log, card = page.get_by_role("log"), page.locator(".u-card")
        for trick in TRICKS:
            message = await room.say(trick, Author(f"mallory {trick}"[:60], trick))
            draft = await plant(office, message, trick)
            await expect(log.locator(".u-text").last).to_have_text(trick)
            await expect(log.locator(".u-name").last).to_have_text(trick)
            await expect(card.locator("blockquote")).to_contain_text(trick)
            await expect(card.locator(".u-mini-bubble")).to_have_text(trick)
            await card.get_by_role("button", name="Edit").click()
            await expect(card.locator("textarea").first).to_have_value(trick)
            await card.get_by_role("button", name="Cancel").click()
            await office.desk.reject(OWNER, draft, trick)
            await expect(card).to_have_count(0)
            line = page.locator(".u-line", has_text=f"because olivia rejected it: {trick}").first
            await line.locator("summary").click()
        await page.reload()
        await expect(log.locator(".u-text")).to_have_text(TRICKS)


async def test_kill_reasons_titles_and_the_names_of_moderators_are_text(
    browser: Browser, dashboard: Dashboard, office: Office, room: Playground
) -> None:
    everything = " ".join(TRICKS)
    await office.desk.enable(OWNER, Chat(ROOM, everything))
    await office.rooms.show_typing(ROOM, everything, 60)
    for trick in TRICKS:
        await office.desk.set_probability(Person(trick, Role.OWNER), ROOM, 0.5)
    await office.desk.kill(Person(everything, Role.OWNER), KillScope.everywhere(), everything)
    await office.desk.kill(
        Person(everything, Role.OWNER), KillScope.parse("chat:local/<img src=x onerror=ran()>"), "x"
    )
    async with _harmless(browser, dashboard) as page:
        banners = page.locator(".u-banners")
        await expect(banners).to_contain_text(f"Killed by {everything}")
        await expect(banners).to_contain_text(f"({everything})")
        await expect(page.get_by_role("heading", level=1)).to_have_text(everything)
        await expect(page.get_by_text("is typing…")).to_contain_text(everything)
        assert everything in await page.title()
        await expect(page.locator(".u-reasons")).to_contain_text(f"by {everything}")
        await page.get_by_role("button", name="Kill less than everything").click()
        await banners.get_by_role("button", name="Resume").first.click()
        await expect(banners.get_by_role("button", name="Resume")).to_have_count(1)


async def test_a_shadow_draft_and_what_the_rules_said_are_text(
    browser: Browser, dashboard: Dashboard, office: Office, room: Playground
) -> None:
    everything = "\n".join(TRICKS)
    await plant(office, await room.say(everything), *TRICKS)
    await office.desk.set_mode(OWNER, ROOM, Mode.SHADOW)
    async with _harmless(browser, dashboard) as page:
        await expect(page.locator(".u-mini-bubble").first).to_have_text(TRICKS[0])
        line = page.locator(".u-line").filter(has_text="Held").first
        await line.locator("summary").click()
        await expect(line).to_contain_text(TRICKS[0])


@pytest.mark.parametrize("trick", [TRICKS[1], TRICKS[3], TRICKS[8]])
async def test_ones_own_name_is_text_in_the_header_and_on_the_account_page(
    browser: Browser, dashboard: Dashboard, office: Office, room: Playground, trick: str
) -> None:
    person = Person(trick[:40].strip(), Role.OWNER)
    async with _harmless(browser, dashboard, person) as page:
        await expect(page.locator(".u-who-name b")).to_have_text(person.name)
        await page.goto(dashboard.url + "/account")
        await expect(page.locator("main p b").first).to_have_text(person.name)
        await expect(page.get_by_role("listitem").first).to_contain_text(person.name)


async def test_a_chat_that_an_address_names_and_a_link_that_is_none_are_text(
    browser: Browser, dashboard: Dashboard, room: Playground
) -> None:
    async with _harmless(browser, dashboard) as page:
        for trick in TRICKS:
            await page.goto(f"{dashboard.url}/?chat=local/{trick.replace('&', '%26').replace('#', '%23')}")
            await expect(page.get_by_role("heading", name="Weekend Plans")).to_be_visible()
        for trick in TRICKS:
            quoted = trick.replace("&", "%26").replace("#", "%23").replace("+", "%2B")
            await page.goto(f"{dashboard.url}/sign-in?token={quoted}")
            await expect(page.locator("input[name=token]")).to_have_value(trick)


@asynccontextmanager
async def _another_site(body: str) -> AsyncIterator[str]:
    """Serve a page from `localhost`, which to a browser is another site than 127.0.0.1."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write((head + body).encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://localhost:{server.sockets[0].getsockname()[1]}/"


async def test_a_page_of_another_site_cannot_frame_the_dashboard(
    browser: Browser, dashboard: Dashboard
) -> None:
    frame = f"<iframe src='{dashboard.url}/sign-in' onload='window.loaded=1'></iframe>"
    async with _another_site(frame) as url:
        page = await browser.new_page()
        refused: list[str] = []
        page.on("console", lambda line: refused.append(line.text))
        await page.goto(url)
        await page.wait_for_function("window.loaded")
        await expect(page.frame_locator("iframe").get_by_text("You are signed out")).to_have_count(0)
        assert [text for text in refused if "frame-ancestors" in text], refused
        await page.close()


@pytest.mark.parametrize("path", ["/api/v1/kills", "/sign-out", "/account/sign-everybody-out"])
async def test_a_form_of_another_site_cannot_act_in_a_visitors_browser(
    browser: Browser, dashboard: Dashboard, office: Office, path: str
) -> None:
    form = f"<form method=post action='{dashboard.url}{path}'><button>win a prize</button></form>"
    async with visiting(browser, dashboard, OWNER) as page, _another_site(form) as url:
        evil = await page.context.new_page()
        await evil.goto(url)
        async with evil.expect_response(dashboard.url + path) as answered:
            await evil.get_by_role("button").click()
        assert (await answered.value).status in {303, 401}  # without the cookie, nobody asks
        assert await office.desk.kill_switch.kills() == ()
        assert (await page.request.get(dashboard.url + "/api/v1/me")).status == 200


async def test_the_address_of_a_link_is_told_to_nobody(browser: Browser, dashboard: Dashboard) -> None:
    async with _another_site("theirs") as url:
        page = await browser.new_page()
        told: dict[str, str | None] = {}
        page.on("request", lambda request: told.update({request.url: request.headers.get("referer")}))
        await page.goto(await dashboard.link(OWNER))
        await page.evaluate("url => { location.href = url }", url)
        await expect(page.get_by_text("theirs")).to_be_visible()
        assert told[url] is None
        await page.close()
