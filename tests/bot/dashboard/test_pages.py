"""The page in a real Chromium, over a real office: what people see, type and press."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from bot.app import Office, Service
from bot.dashboard.server import Dashboard
from bot.people import Person, Role
from bot.presence import Condition
from chat.message import Chat, ChatKey
from safety.chain import DRAFT_RULES, GATE_RULES
from safety.consent import How, Purpose
from safety.disclosure import Disclosure
from safety.kill import KillScope
from safety.mode import Mode
from tests.bot.dashboard.conftest import plant, receive, serving, visiting
from tests.bot.playground import LEO, MIA, MODERATOR, OWNER, ROOM, VIEWER, Playground, until
from tests.fakes.model_server import ModelServer

pytestmark = pytest.mark.browser


@pytest.fixture
async def page(browser: Browser, dashboard: Dashboard) -> AsyncIterator[Page]:
    """The owner's page, without a service."""
    async with visiting(browser, dashboard, OWNER) as page:
        yield page


async def test_messages_are_seen_as_they_come(page: Page, room: Playground) -> None:
    await room.say("anyone up for the lake?")
    await room.say("me", LEO)
    log = page.get_by_role("log")
    await expect(log.get_by_text("anyone up for the lake?")).to_be_visible()
    await expect(log.locator(".u-name")).to_have_text(["Mia", "Leo"])
    await page.reload()
    await expect(log.locator(".u-text")).to_have_text(["anyone up for the lake?", "me"])


async def test_a_visitor_types_as_a_friend(page: Page, room: Playground, office: Office) -> None:
    field = page.get_by_role("textbox", name="Message")
    await field.fill("hello from mia")
    await field.press("Enter")
    await expect(page.get_by_role("log").get_by_text("hello from mia")).to_be_visible()
    await expect(field).to_have_value("")
    await page.get_by_label("Type as").click()
    await page.get_by_role("option", name="Nora").click()
    await field.fill("<b>nora</b> & me")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.get_by_role("log").get_by_text("<b>nora</b> & me")).to_be_visible()
    said = await office.rooms.said(ROOM)
    assert [(m.author.name, m.text, m.own) for m in said] == [
        ("Mia", "hello from mia", False),
        ("Nora", "<b>nora</b> & me", False),
    ]


async def test_the_one_who_types_is_shown(page: Page, office: Office, room: Playground) -> None:
    await office.rooms.show_typing(ROOM, "Sam", 30)
    await expect(page.get_by_text("Sam is typing…")).to_be_visible()
    await office.rooms.hide_typing(ROOM)
    await expect(page.get_by_text("Sam is typing…")).to_be_hidden()


async def test_a_draft_is_approved(page: Page, office: Office, room: Playground) -> None:
    draft = await plant(office, await room.say("Sam, are you in?"), "yes", "I bring the grill")
    card = page.locator(".u-card")
    await expect(card.locator("blockquote")).to_have_text("Mia Sam, are you in?")
    await expect(card.locator(".u-mini-bubble")).to_have_text(["yes", "I bring the grill"])
    await expect(card.get_by_text(re.compile(r"expires in 60 min"))).to_be_visible()
    await card.get_by_role("button", name="Approve").click()
    await expect(card).to_have_count(0)
    assert (await office.desk.drafts.get(draft)).decided_by == "olivia"
    await expect(page.get_by_text("because olivia approved it")).to_be_visible()


async def test_a_draft_is_edited_while_other_things_happen(
    page: Page, office: Office, room: Playground
) -> None:
    draft = await plant(office, await room.say("Sam, are you in?"))
    await page.get_by_role("button", name="Edit").click()
    editor = page.get_by_role("textbox", name=re.compile("Text of the draft"))
    await expect(editor).to_have_value("sure\nsee you there")
    await expect(editor).to_be_focused()
    await editor.fill("maybe")
    for number in range(3):
        await room.say(f"message {number}")
    await expect(page.get_by_role("log").get_by_text("message 2")).to_be_visible()
    await expect(editor).to_have_value("maybe")
    await expect(editor).to_be_focused()
    await editor.press_sequentially("\nor later")
    await page.get_by_role("button", name="Approve edited").click()
    await expect(page.locator(".u-card")).to_have_count(0)
    found = await office.desk.drafts.get(draft)
    assert (found.bubbles, found.original) == (("maybe", "or later"), ("sure", "see you there"))


async def test_an_edit_is_not_lost_when_somebody_else_decides(
    page: Page, office: Office, room: Playground
) -> None:
    draft = await plant(office, await room.say("Sam?"))
    await page.get_by_role("button", name="Edit").click()
    editor = page.get_by_role("textbox", name=re.compile("Text of the draft"))
    await editor.fill("my careful words")
    # Who edits has it; another owner may take it over all the same.
    otto = Person("otto", Role.OWNER)
    await office.desk.claim(otto, draft, take_over=True)
    await office.desk.reject(otto, draft)
    await expect(page.get_by_text("it has been decided on meanwhile")).to_be_visible()
    await expect(editor).to_have_value("my careful words")
    await expect(page.get_by_role("button", name="Approve edited")).to_be_disabled()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.locator(".u-card")).to_have_count(0)


async def test_a_draft_is_rejected_with_a_reason(page: Page, office: Office, room: Playground) -> None:
    draft = await plant(office, await room.say("Sam?"))
    await page.get_by_role("button", name="Reject").click()
    reason = page.get_by_role("textbox", name="Reason for the rejection")
    await reason.fill("not how I talk")
    await reason.press("Enter")
    await expect(page.locator(".u-card")).to_have_count(0)
    found = await office.desk.drafts.get(draft)
    assert (found.state, found.reason) == ("rejected", "not how I talk")
    await expect(page.get_by_text("because olivia rejected it: not how I talk")).to_be_visible()


async def test_what_the_desk_refuses_is_said(page: Page, office: Office, room: Playground) -> None:
    await plant(office, await room.say("Sam?"))
    await page.get_by_role("button", name="Edit").click()
    await page.get_by_role("textbox", name=re.compile("Text of the draft")).fill("pineapple")
    await page.get_by_role("button", name="Approve edited").click()
    await expect(page.get_by_text(re.compile("it may not leave"))).to_be_visible()


async def test_the_mode_is_changed_and_seen_by_everybody(
    page: Page, office: Office, browser: Browser, dashboard: Dashboard
) -> None:
    async with visiting(browser, dashboard, MODERATOR) as other:
        await expect(other.get_by_role("button", name="Auto")).to_have_attribute("aria-pressed", "true")
        await expect(other.get_by_role("button", name="Auto")).to_be_disabled()
        await page.get_by_role("button", name="Manual").click()
        await expect(other.get_by_role("button", name="Manual")).to_have_attribute("aria-pressed", "true")
    assert (await office.desk.chats.get(ROOM)).policy.mode is Mode.MANUAL


async def test_why_a_turn_was_held_can_be_read_to_the_draw(
    page: Page, office: Office, room: Playground
) -> None:
    await plant(office, await room.say("Sam?"))
    line = page.locator(".u-line").filter(has_text="Held")
    await expect(line.get_by_text("because a moderator decides")).to_be_visible()
    await line.locator("summary").focus()
    await page.keyboard.press("Enter")
    await expect(line.get_by_text("drawn: 0.125 is below 1")).to_be_visible()
    await expect(line.get_by_text("draw 0.125 · probability 1")).to_be_visible()
    # What comes in meanwhile does not close it.
    await office.desk.set_probability(OWNER, ROOM, 0.5)
    await expect(page.get_by_text("probability 1.0 → 0.5 by olivia")).to_be_visible()
    await expect(line.get_by_text("drawn: 0.125 is below 1")).to_be_visible()


async def test_the_button_kills_and_the_owner_resumes(page: Page, office: Office, room: Playground) -> None:
    await plant(office, await room.say("Sam?"))
    await page.get_by_role("button", name=re.compile("^KILL: stop")).click()
    banner = page.locator(".u-banners")
    await expect(banner).to_contain_text(re.compile(r"Killed by olivia at \d\d:\d\d\. Nothing leaves\."))
    (kill,) = await office.desk.kill_switch.kills()
    assert (kill.by, kill.scope) == ("olivia", KillScope.everywhere())
    await expect(page.get_by_role("button", name="Approve")).to_be_disabled()
    await page.reload()
    await expect(banner).to_contain_text("Killed by olivia")
    await page.get_by_role("button", name="Resume").click()
    await expect(banner).to_be_hidden()
    await expect(page.get_by_text("Resumed. 1 draft wait")).to_be_visible()
    assert await office.desk.kill_switch.kills() == ()


@pytest.mark.parametrize(("mode", "why"), [(Mode.OFF, "The chat is off"), (Mode.SHADOW, "In shadow mode")])
async def test_what_cannot_leave_in_this_mode_cannot_be_approved(
    page: Page, office: Office, room: Playground, mode: Mode, why: str
) -> None:
    await plant(office, await room.say("Sam?"))
    approve = page.get_by_role("button", name="Approve", exact=True)
    await expect(approve).to_be_enabled()
    await office.desk.set_mode(OWNER, ROOM, mode)
    await expect(approve).to_be_disabled()
    await expect(approve).to_have_attribute("title", re.compile(why))
    await office.desk.set_mode(OWNER, ROOM, Mode.MANUAL)
    await expect(approve).to_be_enabled()


async def test_a_kill_may_be_of_this_chat_alone(page: Page, office: Office) -> None:
    await page.get_by_role("button", name="Kill less than everything").click()
    await page.get_by_text("Only in Weekend Plans").click()
    await expect(page.locator(".u-banners")).to_contain_text("Nothing leaves in local/weekend-plans.")
    (kill,) = await office.desk.kill_switch.kills()
    assert kill.scope == KillScope.chat(ROOM)


async def test_the_kill_word_is_seen_at_once_and_a_viewer_cannot_resume(
    browser: Browser, dashboard: Dashboard, office: Office, room: Playground
) -> None:
    async with visiting(browser, dashboard, VIEWER) as page:
        await receive(office, await room.say("oh no, pineapple!"))
        banner = page.locator(".u-banners")
        await expect(banner).to_contain_text("Killed by Mia in local/weekend-plans at", timeout=2000)
        await expect(page.get_by_role("button", name="Resume")).to_have_count(0)
        await expect(page.get_by_role("textbox", name="Message")).to_have_count(0)


async def test_a_viewer_may_kill_but_not_decide(
    browser: Browser, dashboard: Dashboard, office: Office, room: Playground
) -> None:
    await plant(office, await room.say("Sam?"))
    async with visiting(browser, dashboard, VIEWER) as page:
        await expect(page.locator(".u-card")).to_contain_text("A moderator decides.")
        await expect(page.get_by_role("button", name="Approve")).to_have_count(0)
        await page.get_by_role("button", name=re.compile("^KILL: stop")).click()
        await expect(page.locator(".u-banners")).to_contain_text("Killed by vera")


async def test_who_is_removed_sees_nothing_more_at_once(
    page: Page, browser: Browser, office: Office, dashboard: Dashboard, room: Playground
) -> None:
    async with visiting(browser, dashboard, MODERATOR) as other:
        await dashboard.accounts.remove(OWNER, MODERATOR.name)
        await expect(other.get_by_text("You are signed out")).to_be_visible()
    await room.say("not for max")
    await expect(page.get_by_role("log").get_by_text("not for max")).to_be_visible()


async def test_signing_out_leads_to_the_door(page: Page) -> None:
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_text("understudy link")).to_be_visible()


async def test_there_is_a_list_when_there_are_several_chats(
    page: Page, office: Office, room: Playground
) -> None:
    chats = page.get_by_role("navigation", name="Chats")
    await expect(chats).to_be_hidden()
    await office.desk.enable(OWNER, Chat(ChatKey("discord", "42"), "Board games"))
    await plant(office, await room.say("Sam?"))
    await expect(chats.get_by_role("link")).to_have_count(2)
    await expect(chats.get_by_label("1 drafts wait")).to_be_visible()
    await chats.get_by_text("Board games").click()
    await expect(page.get_by_role("heading", name="Board games")).to_be_visible()
    await expect(page.get_by_role("textbox", name="Message")).to_have_count(0)


async def test_a_long_chat_stays_at_its_end_unless_somebody_reads_back(page: Page, room: Playground) -> None:
    for number in range(40):
        await room.say(f"message number {number}")
    log = page.get_by_role("log")
    left = "log => log.scrollHeight - log.scrollTop - log.clientHeight"
    await expect(log.get_by_text("message number 39")).to_be_in_viewport()
    await log.evaluate("log => { log.scrollTop = 0 }")
    await page.wait_for_timeout(100)
    await room.say("the newest")
    await expect(log.get_by_text("the newest")).to_be_attached()
    assert await log.evaluate(left) > 200
    await log.evaluate("log => { log.scrollTop = log.scrollHeight }")
    await page.wait_for_timeout(100)
    await room.say("the very newest")
    await expect(log.get_by_text("the very newest")).to_be_in_viewport()


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1920])
async def test_nothing_sticks_out_at_any_width(
    browser: Browser, dashboard: Dashboard, office: Office, room: Playground, width: int
) -> None:
    message = await room.say("Sam? " + "averylongwordwithoutanyspaces" * 12, MIA)
    await plant(office, message, "https://example.org/" + "x" * 300)
    await office.desk.kill(VIEWER, KillScope.everywhere())
    async with visiting(browser, dashboard, OWNER, width=width, height=844) as page:
        await expect(page.locator(".u-banners")).to_be_visible()
        for tab in ("Chat", "Drafts (1)", "Why"):
            if width <= 820:
                await page.get_by_role("tab", name=tab).click()
                await expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
            wide = await page.evaluate(
                "[...document.querySelectorAll('.u-page, .u-page :is(header, section, button, li, p)')]"
                ".filter(e => e.offsetParent && e.getBoundingClientRect().right > innerWidth + 1)"
                ".map(e => e.className || e.tagName)"
            )
            assert wide == []
            assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_redis_going_away_is_said_on_the_page(page: Page, office: Office) -> None:
    import os
    import signal

    pid = int((await office.store.ask("info", "server"))["process_id"])
    os.kill(pid, signal.SIGSTOP)
    try:
        await expect(page.get_by_text("Redis is away: nothing is sent")).to_be_visible(timeout=15_000)
    finally:
        os.kill(pid, signal.SIGCONT)
    await expect(page.get_by_text("Redis is away: nothing is sent")).to_be_hidden(timeout=15_000)
    await expect(page.get_by_text("No service is running")).to_be_visible()


async def test_what_keeps_a_messenger_or_a_chat_from_working_is_said_until_it_is_mended(
    page: Page, office: Office, room: Playground
) -> None:
    troubles: dict[str, str] = {"discord": "the token is void"}

    async def look() -> Condition:
        return Condition(True, "", 0, troubles)

    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(office.attendance.keep("one", "sam", "f", look))
        header = page.get_by_text("Discord: The token is void.")
        await expect(header).to_be_visible(timeout=15_000)
        troubles = {str(room.key): "the bot may not see it"}
        line = page.locator(".u-chat-name").get_by_text("the bot may not see it")
        await expect(line).to_be_visible(timeout=15_000)
        await expect(header).to_be_hidden()
        troubles = {"discord/4242": "everybody can see the review channel"}
        await expect(page.get_by_text("Discord: Everybody can see the review channel.")).to_be_visible(
            timeout=15_000
        )
        troubles = {}
        await expect(line).to_be_hidden(timeout=15_000)
        keeping.cancel()


async def test_the_whole_way_through_the_page(
    browser: Browser, office: Office, service: Service, room: Playground, model: ModelServer
) -> None:
    model.say = lambda _: "yes\nten works"
    await office.desk.set_mode(OWNER, ROOM, Mode.MANUAL)
    async with serving(office, service) as dashboard, visiting(browser, dashboard, OWNER) as page:
        await expect(page.get_by_text("speaks as Sam")).to_be_visible()
        field = page.get_by_role("textbox", name="Message")
        await field.fill("Sam, at ten?")
        await field.press("Enter")
        await page.get_by_role("button", name="Approve").click()
        own = page.locator(".u-own .u-text")
        await expect(own).to_have_text(["yes", "ten works"])
        await expect(page.locator(".u-line").first).to_contain_text("Answered")
        await field.fill("ok, PINEAPPLE now")
        await field.press("Enter")
        await expect(page.locator(".u-banners")).to_contain_text("Killed by Mia in local/weekend-plans at")
        await page.get_by_role("button", name="Resume").click()
        await expect(page.locator(".u-banners")).to_be_hidden()

        async def lifted() -> bool:
            return await office.desk.kill_switch.kills() == ()

        await until(lifted)


async def test_how_often_it_answers_unasked_is_set_by_the_owner(page: Page, office: Office) -> None:
    button = page.get_by_role("button", name=re.compile("^How often"))
    await expect(button).to_contain_text("100%")
    await button.click()
    # The menu takes the focus when it has opened.
    await expect(page.get_by_role("menu")).to_be_focused()
    await page.keyboard.press("Tab")
    for _ in range(4):
        await page.keyboard.press("ArrowLeft")
    await expect(button).to_contain_text("80%")
    assert (await office.desk.chats.get(ROOM)).policy.probability == 0.8


async def test_closing_does_not_wait_for_open_pages(
    browser: Browser, office: Office, room: Playground
) -> None:
    async with Dashboard(office) as dashboard:
        running = asyncio.create_task(dashboard.run())
        page = await browser.new_page()
        await page.goto(await dashboard.link(OWNER))
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_function("window.socket && window.socket.connected")
        running.cancel()
        async with asyncio.timeout(4):  # a tenth of a second, on a machine that has nothing else to do
            await asyncio.gather(running, return_exceptions=True)
        # What was on the page stays there, for who reads it.
        await expect(page.get_by_role("heading", name="Weekend Plans")).to_be_visible()


async def test_the_rules_are_opened_and_say_how_often_each_said_what(
    page: Page, office: Office, room: Playground
) -> None:
    await plant(office, await room.say("does anybody hear me?"), "yes")
    panel = page.get_by_role("region", name="Rules")
    await panel.locator("summary").click()
    await expect(panel.locator("li")).to_have_count(len(GATE_RULES) + len(DRAFT_RULES))
    kill_word = panel.locator("li", has=page.get_by_text("kill_word", exact=True))
    await expect(kill_word).to_contain_text("Drops a draft with a kill word in it")
    await expect(kill_word).to_contain_text("not asked yet")


async def test_the_owner_sets_how_people_are_told_and_never_to_nothing(
    page: Page, office: Office, room: Playground
) -> None:
    async def told(*ways: Disclosure) -> bool:
        return (await office.desk.chats.get(ROOM)).policy.disclosure == frozenset(ways)

    panel = page.get_by_role("region", name="People")
    await panel.locator("summary").click()
    announced, marked, revealed = (
        panel.get_by_role("checkbox", name=name) for name in ("Announced", "Marked", "Revealed")
    )
    await expect(revealed).to_be_checked()
    await marked.click()
    await until(lambda: told(Disclosure.MARKED, Disclosure.REVEALED))
    # What is set elsewhere is shown here, and sets nothing itself.
    await office.desk.set_disclosure(OWNER, ROOM, frozenset({Disclosure.ANNOUNCED}))
    await expect(announced).to_be_checked()
    await expect(marked).not_to_be_checked()
    await expect(revealed).not_to_be_checked()
    await announced.click()
    await expect(page.get_by_text("A chat is told somehow")).to_be_visible()
    await expect(announced).to_be_checked()
    assert await told(Disclosure.ANNOUNCED)


async def test_the_owner_says_that_they_are_here_and_that_they_have_left(
    page: Page, office: Office, room: Playground
) -> None:
    panel = page.get_by_role("region", name="People")
    await panel.locator("summary").click()
    await panel.get_by_role("button", name="I am here").click()
    await expect(panel.get_by_text("steps back")).to_be_visible()
    assert (await office.desk.chats.get(ROOM)).owner_seen is not None
    await panel.get_by_role("button", name="I have left").click()
    await expect(panel.get_by_text("may answer.")).to_be_visible()
    assert (await office.desk.chats.get(ROOM)).owner_seen is None


async def test_the_owner_leaves_a_person_alone_and_whoever_said_so_themselves_stays_so(
    page: Page, office: Office, room: Playground
) -> None:
    await room.say("hello")
    await office.consents.withdraw(ROOM, LEO, Purpose.ANSWERED, How.IN_CHAT, "Leo")
    await expect(page.get_by_role("log").get_by_text("hello")).to_be_visible()
    panel = page.get_by_role("region", name="People")
    await panel.locator("summary").click()
    leo = panel.locator("li", has_text="Leo")
    await expect(leo).to_contain_text("Leo no, said here by Leo")
    await expect(leo.get_by_role("button")).to_have_count(0)
    mia = panel.locator("li", has_text="Mia")
    await mia.get_by_role("button", name="Leave alone").click()
    assert (await office.consents.of(ROOM)).may_answer(MIA.id)  # one press only asks
    await mia.get_by_role("button", name="Sure?").click()
    await expect(mia).to_contain_text("Mia no, written down by olivia")
    assert not (await office.consents.of(ROOM)).may_answer(MIA.id)
    await mia.get_by_role("button", name="Answer").click()
    await expect(mia).to_contain_text("Mia yes")
    assert (await office.consents.of(ROOM)).may_answer(MIA.id)


async def test_a_moderator_reads_about_the_people_and_a_viewer_does_not(
    browser: Browser, dashboard: Dashboard, room: Playground
) -> None:
    await room.say("hello")
    async with visiting(browser, dashboard, MODERATOR) as page:
        await expect(page.get_by_role("log").get_by_text("hello")).to_be_visible()
        panel = page.get_by_role("region", name="People")
        await panel.locator("summary").click()
        await expect(panel.locator("li")).to_have_text(["Mia yes, nothing on record"])
        await expect(panel.get_by_role("button")).to_have_count(0)
        await expect(panel.get_by_role("checkbox", name="Marked")).to_be_disabled()
    async with visiting(browser, dashboard, VIEWER) as page:
        await expect(page.get_by_role("region", name="Rules")).to_be_visible()
        await expect(page.get_by_role("region", name="People")).to_have_count(0)
