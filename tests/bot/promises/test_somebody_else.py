"""Promise 5: an adapter that is not the one that was trained says nothing, and a person sees why."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.app import Office, open_office
from bot.presence import Presence
from bot.settings import Settings
from inference.canary import record_canary
from inference.client import ModelClient
from inference.engines.llama_cpp import LlamaCpp, LlamaModel, LlamaSettings
from inference.engines.openai import OpenAIServer
from inference.persona import TypingProfile, load_persona, read_manifest, write_persona_toml
from tests.bot.playground import Playground, running, until
from tests.fakes.openai_server import FakeOpenAIServer, Reply
from tests.inference.conftest import SAMPLE

ADAPTER = {" hey": -0.5, " lol": -1.2}
BASE = {" Hello": -0.3, " Yes": -1.9}


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAIServer]:
    async with FakeOpenAIServer(models=("sam", "base")) as server:
        server.first_tokens = {"sam": ADAPTER, "base": BASE}
        yield server


async def the_service(office: Office) -> Presence:
    (service,) = await office.attendance.present()
    return service


async def test_an_adapter_replaced_behind_the_running_service_says_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    folder, right, wrong = tmp_path / "sam", tmp_path / "right.gguf", tmp_path / "wrong.gguf"
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("base", "adapter", "*.py", "grammar"))
    served = folder / "gguf/adapter.gguf"
    content = served.read_bytes()
    right.write_bytes(content)
    wrong.write_bytes(content[: len(content) // 3] + bytes(len(content) - len(content) // 3))
    at_once = TypingProfile(characters_per_second=10_000, reading_seconds=0, pause_seconds=0)
    write_persona_toml(folder, read_manifest(folder).model_copy(update={"typing": at_once}))
    persona = await load_persona(folder)
    quick = LlamaSettings(slots=1, context_tokens=512, restart_seconds=0.05, longest_restart_seconds=0.3)
    engine = LlamaCpp(LlamaModel.of(persona), tmp_path / "llama.log", quick)
    async with open_office(settings.model_copy(update={"persona": folder})) as office:
        room = Playground(office)
        await room.open()
        async with running(office, engine):
            assert (await room.settled(await room.say("Sam?"))).outcome == "answered"
            said = await room.answers()
            wrong.replace(served)
            message = await room.say("Sam, what time shall we meet?")

            async def silent() -> bool:
                service = await the_service(office)
                return not service.model_alive and "answers" in service.model_trouble

            await until(silent)
            found = await room.outcome(message)
            assert found is not None
            assert found.outcome == "waiting"
            assert await room.answers() == said
            right.replace(served)
            assert (await room.settled(message)).outcome == "answered"

            async def well() -> bool:
                service = await the_service(office)
                return service.model_alive and not service.model_trouble

            await until(well)


async def test_a_base_served_in_silence_under_the_adapters_name_says_nothing(
    settings: Settings, server: FakeOpenAIServer
) -> None:
    manifest = read_manifest(settings.persona)
    async with ModelClient(server.endpoint("sam")) as adapted, ModelClient(server.endpoint("base")) as bare:
        canary = await record_canary(adapted, bare, manifest.prompt)
    write_persona_toml(settings.persona, manifest.model_copy(update={"canary": canary}))
    server.reply = Reply(pieces=["as", " a", " stranger"], pause=0.1)
    async with open_office(settings) as office:
        room = Playground(office)
        await room.open()
        async with running(office, OpenAIServer(server.endpoint("sam"), check_seconds=0.3)):
            message = await room.say("Sam?")
            await until(lambda: asyncio.sleep(0, len(server.completions) > 18))
            # In the middle of the answer: no look before it can tell.
            server.first_tokens["sam"] = BASE

            async def silent() -> bool:
                return "bare base model answers" in (await the_service(office)).model_trouble

            await until(silent)
            found = await room.outcome(message)
            assert found is not None
            assert found.outcome == "waiting"
            assert await room.answers() == []
            server.first_tokens["sam"] = ADAPTER
            server.reply = Reply(pieces=["hey"])
            assert (await room.settled(message)).outcome == "answered"
            assert await room.answers() == ["hey"]
