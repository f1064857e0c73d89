"""A model at a host is asked only while it is the one that was trained, and no more than a guest should ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from inference.client import Limits, ModelClient
from inference.engines.hosted import Cadence, HostedServer
from inference.errors import (
    EngineError,
    ModelAnswerInvalid,
    ModelError,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
)
from inference.persona import Persona
from tests.fakes.hosted.persona import MODEL, endpoint_at, hosted_persona
from tests.fakes.hosted.rules import Fault
from tests.fakes.hosted.server import BASES, KEY, FakeHost, Play, fake_host

CHAT = "/v1/chat/completions"
SELDOM = Cadence(check=3600, canary=3600, retry=3600)
OFTEN = Cadence(check=0.03, canary=3600, retry=0.02)


@pytest.fixture
async def fake() -> AsyncIterator[FakeHost]:
    async with fake_host() as host:
        yield host


@pytest.fixture
async def persona(fake: FakeHost, tmp_path: Path) -> Persona:
    return await hosted_persona(fake, tmp_path / "persona")


async def allowed() -> None:
    """Somebody agreed."""


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


async def ask(engine: HostedServer, persona: Persona) -> str:
    """Ask as the service does."""
    async with ModelClient(lambda: engine.endpoint, vouch=engine.vouch, hear=engine.hear) as client:
        return (await client.complete(persona.canary.probes[0].prompt, persona.sampling, seed=1)).text


async def test_the_model_that_was_trained_is_verified_and_answers(fake: FakeHost, persona: Persona) -> None:
    async with HostedServer(endpoint_at(fake), allowed, SELDOM) as engine:
        await engine.verify(persona)
        assert await ask(engine, persona) == "quokka smile"
        assert (engine.alive, engine.trouble) == (True, "")


@pytest.mark.parametrize(
    ("really", "why"),
    [(BASES[0], "bare base model answers"), ("ft:other", "another model or adapter answers")],
)
async def test_somebody_else_under_the_models_name_is_found_out(
    fake: FakeHost, persona: Persona, really: str, why: str
) -> None:
    async with HostedServer(endpoint_at(fake), allowed, SELDOM) as engine:
        await engine.verify(persona)
        fake.chat.answers_as[MODEL] = really
        with pytest.raises(ModelUnavailable, match=why):
            await ask(engine, persona)
        asked = len(fake.chat.asked)
        with pytest.raises(ModelUnavailable, match="did not pass its last check"):
            _ = engine.endpoint
        assert len(fake.chat.asked) == asked
    async with HostedServer(endpoint_at(fake), allowed, SELDOM) as engine:
        with pytest.raises(EngineError, match=why):
            await engine.verify(persona)


async def test_the_same_model_a_little_off_is_still_itself(fake: FakeHost, persona: Persona) -> None:
    fake.chat.jitter = 0.1
    async with HostedServer(endpoint_at(fake), allowed, SELDOM) as engine:
        await engine.verify(persona)
    fake.chat.jitter = 1.5
    async with HostedServer(endpoint_at(fake), allowed, SELDOM) as engine:
        with pytest.raises(EngineError, match="another model or adapter answers"):
            await engine.verify(persona)


@pytest.mark.parametrize("name", ["gpt-4o-mini-2024-07-18", ""])
async def test_an_answer_that_says_it_is_of_another_model_is_none(
    fake: FakeHost, persona: Persona, name: str
) -> None:
    async with HostedServer(endpoint_at(fake), allowed, SELDOM) as engine:
        await engine.verify(persona)
        fake.chat.calls_itself[MODEL] = name
        with pytest.raises(ModelAnswerInvalid, match="another model answers than ft:"):
            await ask(engine, persona)
        assert not engine.alive
    async with HostedServer(endpoint_at(fake), allowed, SELDOM) as engine:
        with pytest.raises(EngineError, match="another model answers than ft:"):
            await engine.verify(persona)


async def test_a_host_that_gives_no_log_probabilities_proves_nothing(
    fake: FakeHost, persona: Persona
) -> None:
    fake.chat.gives_logprobs = False
    async with HostedServer(endpoint_at(fake), allowed, SELDOM) as engine:
        with pytest.raises(EngineError, match="gives no log-probabilities"):
            await engine.verify(persona)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault(f"Incorrect API key provided: {KEY}", status=401), "refuses the key \\(401\\)"),
        (Fault("Project has no access", status=403), "refuses the key \\(403\\)"),
        (Fault("The model does not exist", status=404), f"has no model {MODEL}"),
        (Fault("The server had an error", status=500), "failed \\(500\\)"),
    ],
)
async def test_what_an_answer_fails_with_is_one_line_until_the_host_has_passed_again(
    fake: FakeHost, persona: Persona, fault: Fault, why: str
) -> None:
    async with HostedServer(endpoint_at(fake), allowed, SELDOM) as engine:
        await engine.verify(persona)
        fake.chat.refusal = fault
        with pytest.raises(ModelError):
            await ask(engine, persona)
        assert not engine.alive
        with pytest.raises(ModelUnavailable, match=why):
            _ = engine.endpoint
        assert engine.trouble.startswith(fake.name)
        assert "\n" not in engine.trouble
        assert KEY not in engine.trouble
        fake.chat.refusal = None
        await engine.vouch()
        assert (engine.alive, engine.trouble) == (True, "")


async def test_a_broken_stream_is_no_answer_and_the_canary_comes_before_the_next(
    fake: FakeHost, persona: Persona
) -> None:
    async with HostedServer(endpoint_at(fake), allowed, OFTEN) as engine:
        await engine.verify(persona)
        fake.chat.cut_after = 1
        with pytest.raises(ModelError):
            await ask(engine, persona)
        assert "broke" in engine.trouble
        canaries = sum(not one.stream for one in fake.chat.asked)
        fake.chat.cut_after = None
        await until(lambda: engine.alive)
        assert sum(not one.stream for one in fake.chat.asked) - canaries == len(persona.canary.probes)


async def test_a_host_that_never_begins_to_answer_is_away(fake: FakeHost, persona: Persona) -> None:
    async with HostedServer(endpoint_at(fake), allowed, SELDOM) as engine:
        await engine.verify(persona)
        fake.play(Play("POST", CHAT, "hold"))
        hasty = Limits(first_token=0.2)
        async with ModelClient(lambda: engine.endpoint, hasty, engine.vouch, hear=engine.hear) as client:
            with pytest.raises(ModelTimeout):
                await client.complete(persona.canary.probes[0].prompt, persona.sampling)
        assert (
            engine.trouble
            == f"{fake.name}: the answer did not begin in time: see the model server's load and log"
        )


async def test_a_host_that_asks_to_be_left_alone_is(fake: FakeHost, persona: Persona) -> None:
    async with HostedServer(endpoint_at(fake), allowed, OFTEN) as engine:
        await engine.verify(persona)
        fake.chat.refusal, fake.chat.retry_after = Fault("Rate limit reached", status=429), "3600"
        with pytest.raises(ModelUnavailable):
            await ask(engine, persona)
        assert "left alone for 3600 s" in engine.trouble
        asked = len(fake.requests)
        await asyncio.sleep(20 * OFTEN.check)
        assert len(fake.requests) == asked


async def test_a_question_that_is_at_fault_says_nothing_of_the_host(fake: FakeHost, persona: Persona) -> None:
    async with HostedServer(endpoint_at(fake), allowed, SELDOM) as engine:
        await engine.verify(persona)
        fake.chat.refusal = Fault("'messages' is too long", status=400)
        with pytest.raises(ModelRejected):
            await ask(engine, persona)
        assert engine.alive


async def test_a_deleted_model_is_noticed_and_named(fake: FakeHost, persona: Persona) -> None:
    async with HostedServer(endpoint_at(fake), allowed, OFTEN) as engine:
        await engine.verify(persona)
        fake.models.clear()
        await until(lambda: not engine.alive)
        assert engine.trouble.startswith(f"{fake.name} has no model {MODEL}")
    with pytest.raises(EngineError, match="nobody can speak as this persona"):
        async with HostedServer(endpoint_at(fake), allowed, SELDOM):
            pass


async def test_while_nobody_writes_the_host_is_not_asked_the_canary_again_and_again(
    fake: FakeHost, persona: Persona
) -> None:
    async with HostedServer(endpoint_at(fake), allowed, OFTEN) as engine:
        await engine.verify(persona)
        asked, looked = len(fake.chat.asked), fake.asked("GET", "/v1/models")
        await until(lambda: fake.asked("GET", "/v1/models") > looked + 3)
        assert len(fake.chat.asked) == asked
    due = Cadence(check=0.03, canary=0.0, retry=0.02)
    async with HostedServer(endpoint_at(fake), allowed, due) as engine:
        await engine.verify(persona)
        fake.chat.answers_as[MODEL] = BASES[0]
        await until(lambda: not engine.alive)
        assert "bare base model answers" in engine.trouble


async def test_answers_that_end_together_share_a_canary_that_began_after_them(
    fake: FakeHost, persona: Persona
) -> None:
    async with HostedServer(endpoint_at(fake), allowed, SELDOM) as engine:
        await engine.verify(persona)
        before = len(fake.chat.asked)
        held = fake.play(Play("POST", CHAT, "hold"))
        first = asyncio.create_task(engine.vouch())
        async with asyncio.timeout(20):
            await held.met.wait()
        # Whoever asks now may have been answered by somebody who came after that one began.
        others = [asyncio.create_task(engine.vouch()) for _ in range(5)]
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await asyncio.gather(*others)
        probes = len(persona.canary.probes)
        assert probes <= len(fake.chat.asked) - before < 3 * probes


async def test_without_a_permit_not_even_a_connection_is_opened(fake: FakeHost, persona: Persona) -> None:
    async def forbidden() -> None:
        raise ModelUnavailable("nobody agreed")

    before = fake.connections
    with pytest.raises(EngineError, match="nobody agreed"):
        async with HostedServer(endpoint_at(fake), forbidden, SELDOM):
            pass
    assert fake.connections == before
    assert persona.base.hosted is not None


async def test_a_permit_that_is_taken_back_ends_all_asking(fake: FakeHost, persona: Persona) -> None:
    agreed = [True]

    async def permit() -> None:
        if not agreed[0]:
            raise ModelUnavailable("taken back")

    async with HostedServer(endpoint_at(fake), permit, OFTEN) as engine:
        await engine.verify(persona)
        agreed[0] = False
        await until(lambda: not engine.alive)
        asked = len(fake.requests)
        await asyncio.sleep(10 * OFTEN.check)
        assert len(fake.requests) == asked
        assert engine.trouble.endswith("taken back")
