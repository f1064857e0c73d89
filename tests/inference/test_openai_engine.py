"""A server that runs already is used only while it serves the persona."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from inference.canary import record_canary
from inference.client import ModelClient
from inference.engines.engine import Engine
from inference.engines.openai import OpenAIServer
from inference.errors import EngineError, ModelUnavailable
from inference.persona import Persona, load_persona, write_persona_toml
from tests.fakes.openai_server import FakeOpenAIServer, Reply
from tests.inference.conftest import manifest_of

ADAPTER = {" hey": -0.5, " lol": -1.2}
BASE = {" Hello": -0.3, " Yes": -1.9}


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAIServer]:
    async with FakeOpenAIServer(api_key="KEY", models=("sam", "base")) as server:
        server.first_tokens = {"sam": ADAPTER, "base": BASE}
        yield server


@pytest.fixture
async def persona(server: FakeOpenAIServer, persona_folder: Path) -> Persona:
    manifest = manifest_of(persona_folder)
    async with ModelClient(server.endpoint("sam")) as adapted, ModelClient(server.endpoint("base")) as bare:
        canary = await record_canary(adapted, bare, manifest.prompt)
    write_persona_toml(persona_folder, manifest.model_copy(update={"canary": canary}))
    return await load_persona(persona_folder)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.01)


async def test_the_persona_is_verified_and_answers(server: FakeOpenAIServer, persona: Persona) -> None:
    engine: Engine = OpenAIServer(server.endpoint("sam"))
    async with engine:
        await engine.verify(persona)
        assert engine.alive
        async with ModelClient(lambda: engine.endpoint) as client:
            assert (
                await client.complete(persona.canary.probes[0].prompt, persona.sampling)
            ).text == "hey there"
    assert not engine.alive


async def test_a_name_that_is_not_served_is_an_error_at_once(server: FakeOpenAIServer) -> None:
    with pytest.raises(EngineError, match="no model named other"):
        async with OpenAIServer(server.endpoint("other")):
            pass


async def test_a_wrong_key_is_an_error_at_once(server: FakeOpenAIServer) -> None:
    endpoint = server.endpoint("sam")
    server.api_key = "changed"
    with pytest.raises(EngineError, match="API key"):
        async with OpenAIServer(endpoint):
            pass


async def test_no_server_is_an_error_at_once(server: FakeOpenAIServer) -> None:
    await server.stop()
    with pytest.raises(EngineError, match="nobody answers"):
        async with OpenAIServer(server.endpoint("sam")):
            pass


async def test_the_base_served_under_the_adapters_name_is_found_out(
    server: FakeOpenAIServer, persona: Persona
) -> None:
    server.first_tokens["sam"] = BASE
    async with OpenAIServer(server.endpoint("sam")) as engine:
        with pytest.raises(EngineError, match="bare base model answers"):
            await engine.verify(persona)


async def test_a_server_that_goes_and_comes_back_is_noticed(
    server: FakeOpenAIServer, persona: Persona
) -> None:
    async with OpenAIServer(server.endpoint("sam"), check_seconds=0.05) as engine:
        await engine.verify(persona)
        await server.stop()
        await until(lambda: not engine.alive)
        with pytest.raises(ModelUnavailable):
            _ = engine.endpoint
        await server.start()
        await until(lambda: engine.alive)


async def test_an_answer_of_somebody_else_reaches_nobody(server: FakeOpenAIServer, persona: Persona) -> None:
    prompt = persona.canary.probes[0].prompt
    async with (
        OpenAIServer(server.endpoint("sam"), check_seconds=3600) as engine,
        ModelClient(lambda: engine.endpoint, vouch=engine.vouch) as client,
    ):
        await engine.verify(persona)
        assert (await client.complete(prompt, persona.sampling)).text == "hey there"
        # The server serves the base under the adapter's name from now on (vLLM issue 34186), and says nothing of it.
        server.first_tokens["sam"] = BASE
        with pytest.raises(ModelUnavailable, match="bare base model answers"):
            await client.complete(prompt, persona.sampling)
        assert not engine.alive
        assert "bare base model answers" in engine.trouble
        asked = len(server.completions)
        with pytest.raises(ModelUnavailable, match="did not pass its last check"):
            _ = engine.endpoint
        assert len(server.completions) == asked
        server.first_tokens["sam"] = ADAPTER
        await engine.vouch()
        assert (engine.alive, engine.trouble) == (True, "")


async def test_answers_that_end_together_share_a_look_that_began_after_them(
    server: FakeOpenAIServer, persona: Persona
) -> None:
    async with OpenAIServer(server.endpoint("sam"), check_seconds=3600) as engine:
        await engine.verify(persona)
        before = [request.path for request in server.requests].count("/v1/models")
        await asyncio.gather(*(engine.vouch() for _ in range(20)))
        assert [request.path for request in server.requests].count("/v1/models") - before == 2
        # Whoever asks while a look is under way may have been answered by somebody who came after it began.
        server.reply = Reply(before_headers=0.2)
        first = asyncio.create_task(engine.vouch())
        await asyncio.sleep(0.05)
        await asyncio.gather(engine.vouch(), first)
        assert [request.path for request in server.requests].count("/v1/models") - before == 4


async def test_a_server_that_comes_back_with_another_adapter_stays_out(
    server: FakeOpenAIServer, persona: Persona
) -> None:
    async with OpenAIServer(server.endpoint("sam"), check_seconds=0.05) as engine:
        await engine.verify(persona)
        server.first_tokens["sam"] = BASE
        await until(lambda: not engine.alive)
        asked = len(server.requests)
        await until(lambda: len(server.requests) > asked + 10)
        assert not engine.alive
        server.first_tokens["sam"] = ADAPTER
        await until(lambda: engine.alive)
