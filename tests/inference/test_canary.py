"""The canary tells the trained adapter from the bare base and from a stranger."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from inference.canary import LEAST_PROBES, canary_prompts, check_canary, distance, record_canary
from inference.client import Limits, ModelClient
from inference.errors import EngineError
from inference.prompt import PromptFormat
from tests.fakes.openai_server import FakeOpenAIServer, Reply

FORM = PromptFormat("Sam")
ADAPTER = {" hey": -0.5, " lol": -1.2, " yeah": -2.5, "\ufffd": -0.1}
BASE = {" Hello": -0.3, " Yes": -1.9, " hey": -3.0}


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAIServer]:
    async with FakeOpenAIServer(models=("sam", "base")) as server:
        server.first_tokens = {"sam": dict(ADAPTER), "base": dict(BASE)}
        yield server


@pytest.fixture
async def adapted(server: FakeOpenAIServer) -> AsyncIterator[ModelClient]:
    async with ModelClient(server.endpoint("sam"), Limits(attempts=1)) as client:
        yield client


@pytest.fixture
async def bare(server: FakeOpenAIServer) -> AsyncIterator[ModelClient]:
    async with ModelClient(server.endpoint("base"), Limits(attempts=1)) as client:
        yield client


async def test_what_was_recorded_passes(adapted: ModelClient, bare: ModelClient) -> None:
    canary = await record_canary(adapted, bare, FORM, render=lambda prompt: f"{len(prompt)} messages")
    assert [probe.prompt for probe in canary.probes] == list(canary_prompts(FORM))
    assert canary.probes[0].adapter == {" hey": -0.5, " lol": -1.2, " yeah": -2.5}
    assert canary.probes[0].rendered == "2 messages"
    await check_canary(adapted, canary)


async def test_the_base_in_place_of_the_adapter_is_found_out(
    server: FakeOpenAIServer, adapted: ModelClient, bare: ModelClient
) -> None:
    canary = await record_canary(adapted, bare, FORM)
    server.first_tokens["sam"] = BASE
    with pytest.raises(EngineError, match="bare base model answers"):
        await check_canary(adapted, canary)


async def test_another_adapter_is_found_out(
    server: FakeOpenAIServer, adapted: ModelClient, bare: ModelClient
) -> None:
    canary = await record_canary(adapted, bare, FORM)
    server.first_tokens["sam"] = {token: logprob - 0.4 for token, logprob in ADAPTER.items()}
    with pytest.raises(EngineError, match="another model or adapter"):
        await check_canary(adapted, canary)
    # Nearer to the base, and not the base either.
    server.first_tokens["sam"] = {token: logprob - 0.4 for token, logprob in BASE.items()}
    with pytest.raises(EngineError, match="another model or adapter"):
        await check_canary(adapted, canary)


@pytest.mark.parametrize("stray", [-0.1, 0.1])
async def test_another_cpu_passes(
    server: FakeOpenAIServer, adapted: ModelClient, bare: ModelClient, stray: float
) -> None:
    canary = await record_canary(adapted, bare, FORM)
    server.first_tokens["sam"] = {token: logprob + stray for token, logprob in ADAPTER.items()}
    await check_canary(adapted, canary)


async def test_an_adapter_that_changes_nothing_cannot_be_recorded(bare: ModelClient) -> None:
    with pytest.raises(EngineError, match="train it longer"):
        await record_canary(bare, bare, FORM)


@pytest.mark.parametrize(("apart", "passes"), [(0.2, 0.09), (0.12, 0.05), (4.0, 0.14)])
async def test_an_adapter_that_changes_little_is_told_from_its_base_by_half_of_that(
    server: FakeOpenAIServer, adapted: ModelClient, bare: ModelClient, apart: float, passes: float
) -> None:
    def moved(by: float) -> dict[str, float]:
        return {token: logprob - by for token, logprob in BASE.items()}

    server.first_tokens["sam"] = moved(apart)
    canary = await record_canary(adapted, bare, FORM)
    for by in (apart - passes, apart + passes):
        server.first_tokens["sam"] = moved(by)
        await check_canary(adapted, canary)
    for by in (0.0, apart / 2 - 0.01, apart + min(apart / 2, 0.15) + 0.02):
        server.first_tokens["sam"] = moved(by)
        with pytest.raises(EngineError):
            await check_canary(adapted, canary)


async def test_an_adapter_within_what_cpus_differ_by_cannot_be_recorded(
    server: FakeOpenAIServer, adapted: ModelClient, bare: ModelClient
) -> None:
    server.first_tokens["sam"] = {token: logprob - 0.09 for token, logprob in BASE.items()}
    with pytest.raises(EngineError, match=r"by 0\.09 only, 0\.10 are needed"):
        await record_canary(adapted, bare, FORM)


async def test_a_server_without_log_probabilities_cannot_pass(
    server: FakeOpenAIServer, adapted: ModelClient, bare: ModelClient
) -> None:
    canary = await record_canary(adapted, bare, FORM)
    server.first_tokens.clear()
    with pytest.raises(EngineError, match="no log-probabilities"):
        await check_canary(adapted, canary)
    with pytest.raises(EngineError, match="no log-probabilities"):
        await record_canary(adapted, bare, FORM)


async def test_a_server_that_fails_cannot_pass(
    server: FakeOpenAIServer, adapted: ModelClient, bare: ModelClient
) -> None:
    canary = await record_canary(adapted, bare, FORM)
    server.reply = Reply(status=500)
    with pytest.raises(EngineError, match="no answer"):
        await check_canary(adapted, canary)


def test_there_are_more_prompts_than_must_be_answered_and_no_two_alike() -> None:
    prompts = canary_prompts(FORM)
    assert len(set(prompts)) == len(prompts) > LEAST_PROBES


def test_the_distance_of_a_missing_token_is_measured_from_the_least_likely_one() -> None:
    assert distance({"a": -1.0, "b": -6.0}, {"a": -1.0, "c": -2.0}) == pytest.approx(2.0)
    assert distance({"a": -1.0}, {"a": -1.0}) == 0
