"""Fixtures: the command line on a state folder, a persona that loads, and a model server that answers as it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.cli.command import CommandLine
from tests.fakes.openai_server import FakeOpenAIServer, Reply
from tests.fakes.persona import write_persona

ANSWER = "quokka smile"


@pytest.fixture
def understudy(state_dir: Path) -> CommandLine:
    return CommandLine(state_dir)


@pytest.fixture
def persona(state_dir: Path) -> Path:
    return write_persona(state_dir / "persona")


@pytest.fixture
async def model() -> AsyncIterator[FakeOpenAIServer]:
    async with FakeOpenAIServer(api_key="sk-capybara") as server:
        server.reply = Reply(pieces=("quokka", " smile"))
        server.first_tokens = {"sam": {"a": -1.0, "z": -5.0}}
        yield server


@pytest.fixture
def served(state_dir: Path, persona: Path, model: FakeOpenAIServer) -> CommandLine:
    """The command line with all that `run` needs."""
    settings = {
        "PERSONA": str(persona),
        "MODEL__ENGINE": "openai",
        "MODEL__BASE_URL": f"{model.base_url}/v1",
        "MODEL__API_KEY": model.api_key,
        "DASHBOARD__PORT": "0",
        "TURNS__PAUSE_SECONDS": "0.05",
    }
    return CommandLine(state_dir, {f"UNDERSTUDY_{name}": value for name, value in settings.items()})
