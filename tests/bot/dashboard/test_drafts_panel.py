"""The drafts of a chat in a real Chromium: who has one, which text, another text, and many at once."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from bot.app import Office
from bot.dashboard.server import Dashboard
from bot.drafts import Candidate, candidates_to_json
from bot.rewrites import NewText, Rewrites
from safety.mode import Mode
from tests.bot.dashboard.conftest import plant, visiting
from tests.bot.playground import MODERATOR, OWNER, ROOM, Playground

pytestmark = pytest.mark.browser

TEXTS = (
    Candidate(1, ("sure",), 1, None),
    Candidate(2, ("Mia: sure",), 2, "speaker: a line begins with a speaker's label"),
    Candidate(3, ("no", "sorry"), 3, None),
)


@pytest.fixture
async def page(browser: Browser, dashboard: Dashboard, office: Office) -> AsyncIterator[Page]:
    """A moderator's page, without a service, in manual mode."""
    await office.desk.set_mode(OWNER, ROOM, Mode.MANUAL)
    async with visiting(browser, dashboard, MODERATOR) as page:
        yield page


async def test_who_has_a_draft_is_seen_by_everybody(
    page: Page, browser: Browser, dashboard: Dashboard, office: Office, room: Playground
) -> None:
    draft = await plant(office, await room.say("Sam?"))
    async with visiting(browser, dashboard, OWNER) as other:
        await page.get_by_role("button", name="Take", exact=True).click()
        await expect(page.locator(".u-claim")).to_contain_text("You have it for 5 min")
        await expect(other.locator(".u-claim")).to_contain_text("max has it for 5 min")
        await expect(other.get_by_role("button", name="Approve", exact=True)).to_be_disabled()
        await expect(other.get_by_role("button", name="Reject", exact=True)).to_be_disabled()
        await other.get_by_role("button", name="Take over").click()
        await expect(page.locator(".u-claim")).to_contain_text("olivia has it")
        await expect(page.get_by_role("button", name="Take over")).to_be_hidden()
        await expect(page.get_by_role("button", name="Approve", exact=True)).to_be_disabled()
        await other.get_by_role("button", name="Give back").click()
        await expect(page.locator(".u-claim")).to_be_hidden()
        await page.get_by_role("button", name="Approve", exact=True).click()
        await expect(other.locator(".u-card")).to_have_count(0)
    assert (await office.desk.drafts.get(draft)).decided_by == "max"


async def test_who_edits_has_the_draft_until_they_let_it_be(
    page: Page, office: Office, room: Playground
) -> None:
    draft = await plant(office, await room.say("Sam?"))
    await page.get_by_role("button", name="Edit").click()
    await expect(page.locator(".u-claim")).to_contain_text("You have it")
    assert (await office.desk.drafts.get(draft)).taken_by == "max"
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.locator(".u-claim")).to_be_hidden()
    assert (await office.desk.drafts.get(draft)).taken_by is None


async def test_one_pages_through_the_candidates_and_the_shown_one_leaves(
    page: Page, office: Office, room: Playground
) -> None:
    fields = {"candidates": candidates_to_json(TEXTS), "chosen": "1"}
    draft = await plant(office, await room.say("Sam?"), "sure", fields=fields)
    bubbles, approve = (
        page.locator(".u-card-bubbles .u-mini-bubble"),
        page.get_by_role("button", name="Approve"),
    )
    await expect(page.get_by_text("Text 1 of 3")).to_be_visible()
    await expect(bubbles).to_have_text(["sure"])
    await page.get_by_role("button", name="The next text").click()
    await expect(page.get_by_text("The rules refused it (speaker: a line begins")).to_be_visible()
    await expect(approve).to_be_disabled()
    await page.get_by_role("button", name="The next text").click()
    await expect(bubbles).to_have_text(["no", "sorry"])
    await expect(approve).to_be_enabled()
    await approve.click()
    await expect(page.locator(".u-card")).to_have_count(0)
    after = await office.desk.drafts.get(draft)
    assert (after.chosen, after.bubbles, after.state) == (3, ("no", "sorry"), "approved")


async def test_another_text_takes_the_place_of_the_old_one(
    page: Page, office: Office, room: Playground
) -> None:
    draft = await plant(office, await room.say("Sam?"))
    await page.get_by_role("button", name="Rewrite").click()
    await expect(page.get_by_role("button", name="Approve")).to_be_disabled()
    assert (await office.desk.drafts.get(draft)).state == "rewriting"
    rewrites = Rewrites(office.store, office.clock, 10.0)
    rewrite = await rewrites.claim()
    assert rewrite is not None
    assert (
        await rewrites.written(rewrite, NewText(("rather not",)), "another text was written", {}) == "written"
    )
    await expect(page.locator(".u-card-bubbles .u-mini-bubble")).to_have_text(["rather not"])
    await page.get_by_text("1 earlier text").click()
    await expect(page.locator(".u-earlier .u-mini-bubble")).to_have_text(["sure", "see you there"])
    await expect(page.get_by_text("by max: another text was written")).to_be_visible()
    await page.get_by_role("button", name="Approve").click()
    await expect(page.locator(".u-card")).to_have_count(0)
    assert (await office.desk.drafts.get(draft)).bubbles == ("rather not",)


async def test_a_reason_is_offered_for_a_rejection(page: Page, office: Office, room: Playground) -> None:
    draft = await plant(office, await room.say("Sam?"))
    await page.get_by_role("button", name="Reject", exact=True).click()
    await page.get_by_role("button", name="not how I talk").click()
    await expect(page.get_by_role("textbox", name="Reason for the rejection")).to_have_value("not how I talk")
    await page.get_by_role("button", name="Reject draft").click()
    await expect(page.locator(".u-card")).to_have_count(0)
    assert (await office.desk.drafts.get(draft)).reason == "not how I talk"


async def test_many_are_approved_at_once_after_a_question(
    page: Page, office: Office, room: Playground
) -> None:
    ids = [await plant(office, await room.say(f"Sam? {n}"), f"yes {n}") for n in range(3)]
    await office.desk.claim(OWNER, ids[1])
    await expect(page.locator(".u-card")).to_have_count(3)
    await page.get_by_role("button", name="Approve all shown").click()
    await expect(page.get_by_text("3 drafts will leave as they are shown.")).to_be_visible()
    assert len(await office.desk.drafts.waiting()) == 3
    await page.get_by_role("button", name="Yes, let them leave").click()
    await expect(page.get_by_text("2 approved.")).to_be_visible()
    await expect(page.get_by_text(re.compile("1 not: olivia has taken it"))).to_be_visible()
    await expect(page.locator(".u-card")).to_have_count(1)
    states = [(await office.desk.drafts.get(id_)).state for id_ in ids]
    assert states == ["approved", "held", "approved"]


async def test_those_that_are_selected_are_rejected(page: Page, office: Office, room: Playground) -> None:
    ids = [await plant(office, await room.say(f"Sam? {n}"), f"yes {n}") for n in range(3)]
    boxes = page.get_by_role("checkbox", name="Select this draft")
    await boxes.nth(0).click()
    await boxes.nth(2).click()
    await page.get_by_role("button", name="Reject 2 selected").click()
    await page.get_by_role("textbox", name="Reason for the rejections").fill("too much")
    await page.get_by_role("button", name="Yes, reject them").click()
    await expect(page.locator(".u-card")).to_have_count(1)
    found = [await office.desk.drafts.get(id_) for id_ in ids]
    assert [draft.state for draft in found] == ["rejected", "held", "rejected"]
    assert {draft.reason for draft in found if draft.state == "rejected"} == {"too much"}
