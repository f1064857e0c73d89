"""The real vLLM: who answers is proved, somebody else is found out, and what is no longer wanted is not written.

Skipped where `UNDERSTUDY_TEST_VLLM` names none; see tests/bot/vllm_server.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.app import open_office
from bot.settings import Settings
from inference.canary import distance
from inference.client import ModelClient
from inference.dialect import Dialect
from inference.engines.openai import OpenAIServer
from inference.errors import EngineError, ModelUnavailable
from inference.persona import Persona, load_persona
from inference.sampling import Sampling
from tests.bot.cli.command import CommandLine, said, staying
from tests.bot.playground import Playground, running, until
from tests.bot.vllm_server import PYTHON, VllmServer, Weights, adapter_with, vllm_server
from tests.inference.conftest import SAMPLE
from tests.training.conftest import needs_torch

pytestmark = [
    pytest.mark.skipif(
        not PYTHON, reason="names no vLLM: UNDERSTUDY_TEST_VLLM, see tests/bot/vllm_server.py"
    ),
    pytest.mark.timeout(400),
]

GREEDY = Sampling(temperature=0, top_p=1, max_tokens=24)
ENDLESS = Sampling(temperature=1.5, top_p=1, max_tokens=900, banned_tokens=tuple(range(5)))
"""Whoever may not end goes on until the tokens are used up."""

SILENT: dict[str, Weights] = {
    # vLLM issue 34186: it takes each of these, and says that it was added.
    "of zeros": lambda names, numbers: (names, bytes(len(numbers))),
    "for layers that are not there": lambda names, numbers: (
        names.replace(b"self_attn", b"elfs_attn").replace(b".mlp.", b".plm."),
        numbers,
    ),
    "for another kind of model": lambda names, numbers: (
        names.replace(b"base_model.model.model.", b"base_model.model.ladom."),
        numbers,
    ),
}


def _stranger(names: bytes, numbers: bytes) -> tuple[bytes, bytes]:
    half = len(numbers) // 8 * 4
    return names, numbers[half:] + numbers[:half]


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    with vllm_server(tmp_path_factory.mktemp("vllm") / "vllm.log") as server:
        yield server


@pytest.fixture
async def sam() -> Persona:
    return await load_persona(SAMPLE)


@pytest.fixture
async def engine(vllm: VllmServer) -> AsyncIterator[OpenAIServer]:
    # Nothing but what a test asks for looks.
    async with OpenAIServer(vllm.endpoint(), check_seconds=3600) as engine:
        yield engine


@pytest.fixture
async def client(engine: OpenAIServer) -> AsyncIterator[ModelClient]:
    async with ModelClient(lambda: engine.endpoint, vouch=engine.vouch) as client:
        yield client


async def idle(vllm: VllmServer) -> None:
    await until(lambda: asyncio.to_thread(lambda: vllm.busy() == 0))


async def test_the_persona_is_proved_and_answers(
    engine: OpenAIServer, client: ModelClient, sam: Persona
) -> None:
    await engine.verify(sam)
    assert engine.endpoint.dialect is Dialect.VLLM
    answer = await client.complete(sam.canary.probes[0].prompt, GREEDY)
    assert answer.text
    assert (answer.finish_reason, answer.prompt_tokens > 0, answer.answer_tokens > 0) == ("stop", True, True)


async def test_it_agrees_with_what_was_recorded_at_packaging_far_within_the_tolerance(
    client: ModelClient, sam: Persona
) -> None:
    found = [distance(await client.first_tokens(probe.prompt), probe.adapter) for probe in sam.canary.probes]
    assert max(found) < sam.canary.tolerance / 10


async def test_a_name_under_which_nothing_is_served_is_an_error_at_once(vllm: VllmServer) -> None:
    with pytest.raises(EngineError, match="no model named tamsin"):
        async with OpenAIServer(vllm.endpoint("tamsin")):
            pass


async def test_the_bases_name_is_not_the_personas(vllm: VllmServer, sam: Persona) -> None:
    async with OpenAIServer(vllm.endpoint("base")) as engine:
        with pytest.raises(EngineError, match="bare base model answers"):
            await engine.verify(sam)


@pytest.mark.parametrize("weights", SILENT.values(), ids=SILENT)
async def test_an_adapter_that_vllm_takes_and_does_not_apply_is_found_out(
    vllm: VllmServer, sam: Persona, tmp_path: Path, weights: Weights
) -> None:
    vllm.load("quiet", adapter_with(tmp_path / "quiet", weights))
    try:
        async with OpenAIServer(vllm.endpoint("quiet")) as engine:
            with pytest.raises(EngineError, match="bare base model answers"):
                await engine.verify(sam)
    finally:
        vllm.unload("quiet")


async def test_another_adapter_under_the_same_name_answers_nobody(
    vllm: VllmServer, engine: OpenAIServer, client: ModelClient, sam: Persona, tmp_path: Path
) -> None:
    prompt = sam.canary.probes[0].prompt
    await engine.verify(sam)
    vllm.load("sam", adapter_with(tmp_path / "stranger", _stranger), inplace=True)
    try:
        with pytest.raises(ModelUnavailable, match="another model or adapter answers"):
            await client.complete(prompt, GREEDY)
    finally:
        vllm.unload("sam")
    with pytest.raises(ModelUnavailable, match="no model named sam"):
        await engine.vouch()
    vllm.load("sam", SAMPLE / "adapter")
    await engine.vouch()
    assert (await client.complete(prompt, GREEDY)).text


async def test_a_base_served_under_the_personas_name_is_found_out(sam: Persona, tmp_path: Path) -> None:
    with vllm_server(tmp_path / "vllm.log", "--served-model-name", "tamsin", "base") as server:
        async with OpenAIServer(server.endpoint("tamsin")) as engine:
            with pytest.raises(EngineError, match="bare base model answers"):
                await engine.verify(sam)


async def test_a_cancelled_answer_is_no_longer_written(
    vllm: VllmServer, client: ModelClient, sam: Persona
) -> None:
    writing = asyncio.create_task(client.complete(sam.canary.probes[0].prompt, ENDLESS))
    await until(lambda: asyncio.to_thread(lambda: vllm.busy() == 1))
    writing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await writing
    await idle(vllm)
    # It would have gone on for seconds: nothing else ended it.
    assert writing.cancelled()


@pytest.mark.parametrize(
    "changes",
    [
        {"repeat_penalty": 1.5},
        {"temperature": 1.0, "min_p": 0.2},
        {"stop": ("e",)},
        {"banned_tokens": (60, 61)},
        {"banned_words": ("hey", "yeah")},
        {"beams": 3},
    ],
    ids=",".join,
)
async def test_whatever_a_persona_may_be_sampled_by_is_understood(
    engine: OpenAIServer, client: ModelClient, sam: Persona, changes: dict[str, object]
) -> None:
    sampling = GREEDY.model_copy(update=changes)
    await engine.verify(sam)
    for prompt in (probe.prompt for probe in sam.canary.probes[:2]):
        text = (await client.complete(prompt, sampling, seed=1)).text
        assert text
        assert sampling.cut(text) == text
        assert not sampling.banned_in(text)


@pytest.mark.train
async def test_the_likeliest_answers_are_those_of_the_model_that_was_measured(
    engine: OpenAIServer, client: ModelClient, sam: Persona
) -> None:
    needs_torch()
    from training.base import BaseFolder
    from training.evaluation.speaker import ServedSpeaker
    from training.evaluation.torch_speaker import TorchSpeaker
    from training.model import Compute, load_model, load_tokenizer, with_adapter

    base = BaseFolder(SAMPLE / "base")
    model = with_adapter(load_model(base, Compute("cpu", "float32")), SAMPLE / "adapter").eval()
    here = TorchSpeaker(model, load_tokenizer(base))
    served = ServedSpeaker(client, sam.prompt.control_tokens)
    await engine.verify(sam)
    prompts = [probe.rendered for probe in sam.canary.probes]
    penal = GREEDY.model_copy(update={"repeat_penalty": 1.3})
    for sampling in (GREEDY, penal, GREEDY.model_copy(update={"max_tokens": 3})):
        assert await served.answers(prompts, sampling, (), 1) == await here.answers(prompts, sampling, (), 1)
    # A served chat is laid out as the training laid it out.
    assert [(await client.complete(probe.prompt, GREEDY)).text for probe in sam.canary.probes] == [
        answer and answer.text for answer in await here.answers(prompts, GREEDY, (), 1)
    ]


async def test_the_service_answers_and_a_kill_ends_what_is_being_written(
    settings: Settings, vllm: VllmServer, tmp_path: Path
) -> None:
    folder = tmp_path / "sam"
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("*.py", "grammar", "*.txt"))
    async with _room(settings, SAMPLE) as room, running(room.office, OpenAIServer(vllm.endpoint())):
        assert (await room.settled(await room.say("Sam, what time shall we meet?"))).outcome == "answered"
        answers = await room.answers()
        assert answers
    # Of an answer that would take seconds, nothing is sent.
    changed = [f"--set={key}={value}" for key, value in ENDLESS.model_dump(mode="json").items()]
    assert (await CommandLine(settings.state_dir)("persona", "sampling", str(folder), *changed)).code == 0
    async with _room(settings, folder) as room, running(room.office, OpenAIServer(vllm.endpoint())):
        message = await room.say("Sam, what time shall we meet?")
        await until(lambda: asyncio.to_thread(lambda: vllm.busy() == 1))
        await room.say("pineapple")
        await idle(vllm)
        assert (await room.settled(message)).outcome == "ignored"
        assert await room.answers() == answers


@asynccontextmanager
async def _room(settings: Settings, persona: Path) -> AsyncIterator[Playground]:
    async with open_office(settings.model_copy(update={"persona": persona})) as office:
        room = Playground(office)
        await room.open()
        yield room


def _served(state_dir: Path, vllm: VllmServer, model: str) -> CommandLine:
    settings = {
        "PERSONA": str(SAMPLE),
        "MODEL__ENGINE": "openai",
        "MODEL__BASE_URL": f"{vllm.base_url}/v1",
        "MODEL__API_KEY": vllm.api_key,
        "MODEL__MODEL": model,
        "DASHBOARD__PORT": "0",
    }
    return CommandLine(state_dir, {f"UNDERSTUDY_{name}": value for name, value in settings.items()})


async def test_the_command_runs_as_the_persona_and_as_nobody_else(state_dir: Path, vllm: VllmServer) -> None:
    understudy = _served(state_dir, vllm, "sam")
    async with staying(await understudy.start("run")) as process:
        await said(process, "/sign-in?token=")
    checked = await understudy("persona", "check", "--engine", "openai")
    assert checked.code == 0, checked.err
    for model, why in (("base", "bare base model answers"), ("tamsin", "no model named tamsin")):
        other = _served(state_dir, vllm, model)
        for arguments in (("run",), ("persona", "check", "--engine", "openai")):
            refused = await other(*arguments)
            assert refused.code != 0
            assert why in refused.err
            assert "Traceback" not in refused.err
