"""Promises 1, 2 and 6 where another text is written: no death loses a draft, a kill stops it, and one worker has it."""

from __future__ import annotations

import signal

import pytest

from bot.answer import seed_of
from bot.app import Office, open_office
from bot.rewrites import NewText, Rewrite, Rewrites
from bot.settings import Settings
from safety.kill import KillScope
from safety.mode import Mode
from tests.bot.dashboard.conftest import plant
from tests.bot.playground import MODERATOR, OWNER, ROOM, VIEWER, Playground, until
from tests.bot.promises.processes import ServiceProcess
from tests.fakes.clock import JumpingClock
from tests.fakes.model_server import ModelServer

RIVER = NewText(("the river",))


@pytest.fixture
async def draft(office: Office, room: Playground) -> str:
    await office.desk.set_mode(OWNER, ROOM, Mode.MANUAL)
    return await plant(office, await room.say("Sam? lake or river"), "the lake")


async def in_state(office: Office, draft_id: str, state: str) -> None:
    async def there() -> bool:
        return (await office.desk.drafts.get(draft_id)).state == state

    await until(there, 30)


async def dies_while_rewriting(
    office: Office, settings: Settings, model: ModelServer, draft: str, point: str
) -> None:
    async with ServiceProcess(settings, model.url, faults=f"{point}=kill") as doomed:
        await doomed.running()
        await office.desk.regenerate(MODERATOR, draft)
        assert await doomed.died() == -signal.SIGKILL
    left = await office.desk.drafts.get(draft)
    assert (left.state, left.bubbles) == ("rewriting", ("the lake",))


@pytest.mark.parametrize("point", ["rewriter.claimed", "rewriter.written"])
async def test_a_worker_that_dies_while_rewriting_is_followed_by_one_that_says_the_same(
    office: Office, settings: Settings, model: ModelServer, draft: str, point: str
) -> None:
    model.say = lambda _: "the river"
    await dies_while_rewriting(office, settings, model, draft, point)
    async with ServiceProcess(settings, model.url):
        await in_state(office, draft, "held")
    after = await office.desk.drafts.get(draft)
    assert (after.bubbles, after.version) == (("the river",), 2)
    assert [version.bubbles for version in after.versions] == [("the lake",)]
    assert set(model.seeds) == {seed_of(f"{draft}:1", 0)}, "a retry asks for the same sample"


@pytest.mark.parametrize("point", ["rewriter.claimed", "rewriter.written"])
async def test_a_kill_after_the_workers_death_freezes_the_old_text_and_no_resume_wakes_the_order(
    office: Office, settings: Settings, model: ModelServer, room: Playground, draft: str, point: str
) -> None:
    model.say = lambda _: "the river"
    await dies_while_rewriting(office, settings, model, draft, point)
    asked = len(model.seeds)
    await office.desk.kill(VIEWER, KillScope.everywhere())
    # Nobody has looked at it when the owner resumes: the order is from before the kill all the same.
    (waiting,) = await office.desk.resume(OWNER, KillScope.everywhere())
    assert waiting.id == draft
    async with ServiceProcess(settings, model.url):
        await in_state(office, draft, "frozen")
        assert (await office.desk.drafts.get(draft)).bubbles == ("the lake",)
        assert len(model.seeds) == asked
        await office.desk.approve(MODERATOR, draft)
        await in_state(office, draft, "sent")
    assert await room.answers() == ["the lake"]


async def test_under_a_kill_a_text_that_is_finished_does_not_take_the_old_ones_place(
    office: Office, draft: str
) -> None:
    rewrites = Rewrites(office.store, office.clock, 10.0)
    await office.desk.regenerate(MODERATOR, draft)
    rewrite = await claimed(rewrites)
    await office.desk.kill(VIEWER, KillScope.chat(ROOM))
    assert await rewrites.renew(rewrite) != rewrite.epoch
    assert await rewrites.written(rewrite, RIVER, "another", {}) == "frozen"
    after = await office.desk.drafts.get(draft)
    assert (after.state, after.bubbles, after.version) == ("frozen", ("the lake",), 1)


async def test_a_worker_that_was_too_slow_changes_nothing(settings: Settings) -> None:
    clock = JumpingClock()
    async with open_office(settings, clock) as office:
        room = Playground(office)
        await room.open(Mode.MANUAL)
        draft = await plant(office, await room.say("Sam?"), "the lake")
        rewrites = Rewrites(office.store, clock, 10.0)
        await office.desk.regenerate(MODERATOR, draft)
        slow = await claimed(rewrites)
        assert await rewrites.claim() is None, "one worker has it"
        clock.jump_seconds += 11
        quick = await claimed(rewrites)
        assert (quick.token > slow.token, quick.order, quick.tries) == (True, slow.order, 2)
        before = await office.desk.drafts.get(draft)
        assert await rewrites.renew(slow) is None
        assert await rewrites.written(slow, NewText(("too late",)), "another", {}) == "lost"
        assert await rewrites.kept(slow, "no", {}) == "lost"
        assert await rewrites.cancelled(slow) == "lost"
        assert await office.desk.drafts.get(draft) == before
        assert await rewrites.written(quick, RIVER, "another", {}) == "written"
        assert await rewrites.written(quick, NewText(("twice",)), "another", {}) == "lost"
        after = await office.desk.drafts.get(draft)
        assert (after.bubbles, len(after.versions)) == (("the river",), 1)


async def claimed(rewrites: Rewrites) -> Rewrite:
    rewrite = await rewrites.claim()
    assert rewrite is not None
    return rewrite
