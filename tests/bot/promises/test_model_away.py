"""Promises 2 and 5 while the model server is away: the turn waits, nothing is sent, and no turn waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.app import Office, open_office
from bot.settings import Settings
from tests.bot.playground import Playground, running, until
from tests.bot.promises.neighbourhood import entries
from tests.fakes.model_server import ServedEngine
from tests.fakes.openai_server import FakeOpenAIServer, Reply


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAIServer]:
    async with FakeOpenAIServer(models=["fake"]) as server:
        yield server


async def test_a_model_server_that_dies_in_the_middle_of_an_answer_is_waited_for(
    office: Office, room: Playground, server: FakeOpenAIServer
) -> None:
    server.reply = Reply(pieces=["on", " my", " way", " over"], pause=0.2)
    async with running(office, ServedEngine(server.base_url)):
        message = await room.say("Sam?")
        await server.asked.wait()
        await asyncio.sleep(0.3)
        await server.stop()

        async def postponed() -> bool:
            return "turn.postponed" in [kind for kind, _, _ in await entries(office, room.key)]

        await until(postponed)
        assert await room.answers() == [], "half an answer is none"
        found = await room.outcome(message)
        assert found is not None
        assert found.outcome == "waiting"
        server.reply = Reply(pieces=["on my way over"])
        await server.start()
        assert (await room.settled(message)).outcome == "answered"
        assert await room.answers() == ["on my way over"]
    assert len({request.body["seed"] for request in server.completions}) == 1, (
        "a retry asks for the same sample"
    )


async def test_a_model_that_never_finishes_an_answer_is_given_up_with_the_reason_on_record(
    settings: Settings, server: FakeOpenAIServer
) -> None:
    worker = settings.worker.__class__(lease_seconds=5.0, retry_seconds=0.05, most_attempts=3)
    server.reply = Reply(pieces=["on my"], cut=True)
    async with open_office(settings.model_copy(update={"worker": worker})) as office:
        room = Playground(office)
        await room.open()
        async with running(office, ServedEngine(server.base_url)):
            found = await room.settled(await room.say("Sam?"))
            assert found.outcome == "failed"
            assert "the model gave no answer" in found.reason
            assert len(server.completions) == 3
            assert await room.answers() == []
            decided = [facts for kind, _, facts in await entries(office, room.key) if kind == "turn.decided"]
            assert [(facts["outcome"], facts["attempts"]) for facts in decided] == [("failed", 3)]
            # The chat is not stuck behind it.
            server.reply = Reply(pieces=["here"])
            assert (await room.settled(await room.say("Sam? you there"))).outcome == "answered"
