"""Which engine the settings name."""

from __future__ import annotations

import pytest

from bot.app import engine_of
from bot.settings import ModelSettings, Settings
from inference.dialect import Dialect
from inference.persona import load_persona
from tests.fakes.openai_server import FakeOpenAIServer


@pytest.mark.parametrize(
    ("said", "found"),
    [("auto", Dialect.VLLM), ("openai", Dialect.OPENAI), ("llamacpp", Dialect.LLAMA_CPP)],
)
async def test_what_kind_of_server_it_is_may_be_said_where_a_proxy_hides_it(
    settings: Settings, said: str, found: Dialect
) -> None:
    persona = await load_persona(settings.persona)
    async with FakeOpenAIServer(owner="vllm") as server:
        model = ModelSettings.model_validate(
            {"engine": "openai", "base_url": f"{server.base_url}/v1", "server": said}
        )
        async with engine_of(settings.model_copy(update={"model": model}), persona) as engine:
            assert engine.endpoint.dialect is found
