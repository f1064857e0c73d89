"""Promises 1, 5 and 6 with a classifier over a socket: away, it lets nothing out by itself,
and a kill ends its work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.app import Office, open_office
from bot.drafts import Draft
from bot.errors import DraftRefused
from bot.settings import Settings
from inference.engines.llama_cpp import LlamaCpp, LlamaModel
from inference.persona import load_persona
from safety.kill import KillScope
from safety.moderation.errors import AnswerInvalid
from safety.moderation.guard_model import FAMILIES, GuardModel
from safety.moderation.server import ModerationServer
from safety.moderation.settings import CategoryOutcomes, ModerationSettings
from safety.rules.moderation import ModerationRule
from safety.verdict import Outcome
from tests.bot.playground import MODERATOR, OWNER, Playground, running, until
from tests.bot.promises.neighbourhood import entries
from tests.fakes.model_server import ModelServer, ServedEngine
from tests.fakes.moderation_server import Failure, FakeModerationServer
from tests.inference.conftest import sample_folder  # noqa: F401 - a fixture
from tests.safety.builders import draft
from tests.safety.moderation.samples import sample


@pytest.fixture
async def server() -> AsyncIterator[FakeModerationServer]:
    async with FakeModerationServer() as server:
        yield server


def moderated(settings: Settings, moderation: ModerationSettings) -> Settings:
    return settings.model_copy(update={"rules": settings.rules.model_copy(update={"moderation": moderation})})


@pytest.fixture
async def office(settings: Settings, server: FakeModerationServer) -> AsyncIterator[Office]:
    moderation = ModerationSettings(
        "endpoint", server.base_url, attempts=1, outcomes=CategoryOutcomes(hate="drop", harassment="rewrite")
    )
    async with open_office(moderated(settings, moderation)) as office:
        yield office


async def held(office: Office) -> Draft:
    async def there() -> object:
        return await office.desk.drafts.waiting()

    await until(there)
    (found,) = await office.desk.drafts.waiting()
    return found


async def test_with_the_classifier_away_a_draft_waits_for_a_person_who_is_told_why(
    office: Office, room: Playground, model: ModelServer, server: FakeModerationServer
) -> None:
    await server.stop()
    async with running(office, ServedEngine(model.url)):
        message = await room.say("Sam?")
        found = await held(office)
        assert found.reason.startswith("the draft was not moderated: the moderation")
        assert await room.answers() == []
        await office.desk.approve(MODERATOR, found.id)
        assert (await room.settled(message)).outcome == "answered"
    (approval,) = [facts for kind, _, facts in await entries(office, room.key) if kind == "draft.approved"]
    assert "over what was held: moderation: the draft was not moderated" in approval["reason"]


async def test_what_it_flags_is_dropped_and_the_journal_says_why_without_the_text(
    office: Office, room: Playground, model: ModelServer
) -> None:
    model.say = lambda messages: "something horrid"
    async with running(office, ServedEngine(model.url)):
        found = await room.settled(await room.say("Sam?"))
    assert found.outcome == "ignored"
    assert await room.answers() == []
    (facts,) = [facts for kind, _, facts in await entries(office, room.key) if kind == "turn.decided"]
    verdict = facts["answers"][0]["rules"][-1]
    assert verdict["facts"]["category"] == "hate"
    assert verdict["facts"]["backend"] == "endpoint"
    assert "horrid" not in str(verdict)


async def test_what_may_be_rewritten_is_written_again_so_often_and_then_dropped(
    office: Office, room: Playground, model: ModelServer, server: FakeModerationServer
) -> None:
    server.category = "harassment"
    model.say = lambda messages: "something horrid"
    async with running(office, ServedEngine(model.url)):
        assert (await room.settled(await room.say("Sam?"))).outcome == "ignored"
        assert len(model.prompts) == office.settings.worker.rewrites + 1
        assert len(server.requests) == 1, "the same text is judged once"
        says = iter(["something horrid", "something nice"])
        model.say = lambda messages: next(says)
        assert (await room.settled(await room.say("Sam??"))).outcome == "answered"
    assert await room.answers() == ["something nice"]


async def test_a_kill_ends_a_judgement_in_the_making(
    office: Office, room: Playground, model: ModelServer, server: FakeModerationServer
) -> None:
    server.failure = Failure(hang=True)
    async with running(office, ServedEngine(model.url)):
        message = await room.say("Sam?")
        await asyncio.wait_for(server.asked.wait(), 20)
        await office.desk.kill(OWNER, KillScope.everywhere())
        await asyncio.wait_for(server.aborted.wait(), 5)
        assert (await room.settled(message)).outcome == "ignored"
    assert await room.answers() == []


async def test_what_a_person_writes_is_judged_as_well(
    office: Office, room: Playground, model: ModelServer, server: FakeModerationServer
) -> None:
    server.category = "sexual"
    model.say = lambda messages: "something horrid"
    async with running(office, ServedEngine(model.url)):
        message = await room.say("Sam?")
        found = await held(office)
        server.category = "hate"
        with pytest.raises(DraftRefused, match="moderation: the classifier sees hate"):
            await office.desk.approve(MODERATOR, found.id, "another horrid thing")
        assert await room.answers() == []
        server.category = "sexual"
        await office.desk.approve(MODERATOR, found.id, "a third horrid thing")
        assert (await room.settled(message)).outcome == "answered"
    assert await room.answers() == ["a third horrid thing"]


async def test_with_away_drop_not_even_an_approval_lets_it_out(
    settings: Settings, server: FakeModerationServer, model: ModelServer
) -> None:
    moderation = ModerationSettings("endpoint", server.base_url, attempts=1, away="drop", remembered=0)
    server.category = "sexual"
    model.say = lambda messages: "something horrid"
    async with open_office(moderated(settings, moderation)) as office:
        room = Playground(office)
        await room.open()
        async with running(office, ServedEngine(model.url)):
            await room.say("Sam?")
            found = await held(office)
            await server.stop()
            with pytest.raises(DraftRefused, match="was not moderated"):
                await office.desk.approve(MODERATOR, found.id)
            ignored = await room.settled(await room.say("Sam??"))
        assert ignored.outcome == "ignored"
        assert await room.answers() == []


async def test_a_real_model_that_is_no_guard_judges_nothing(
    sample_folder: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    persona = await load_persona(sample_folder)
    async with LlamaCpp(LlamaModel.of(persona), tmp_path / "llama.log") as engine:
        endpoint = engine.endpoint
        async with ModerationServer(endpoint.base_url, endpoint.api_key) as asking:
            guard = GuardModel(asking, endpoint.model, FAMILIES["llama_guard"])
            with pytest.raises(AnswerInvalid):
                await guard.classify(sample("see you at eight"))
            verdict = await ModerationRule(guard).judge(draft("see you at eight"))
    assert verdict.outcome is Outcome.HOLD
    assert verdict.facts["error"] == "AnswerInvalid"
