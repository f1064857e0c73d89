"""Each filter reaches the server that has it, under the name that it has there, or nobody is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inference.client import Limits, ModelClient
from inference.dialect import Dialect, sampling_fields
from inference.engines.openai import OpenAIServer
from inference.errors import EngineError, ModelAnswerInvalid, SamplingUnsupported
from inference.persona import load_persona
from inference.prompt import PromptMessage
from inference.sampling import Sampling
from tests.fakes.openai_server import FakeOpenAIServer, Reply

PROMPT = (PromptMessage("user", "Mia: hey"),)
QUICK = Limits(connect=2, short=2, first_token=2, total=5, backoff=0.01)
RICH = Sampling(
    min_p=0.05, repeat_penalty=1.1, stop=("\n\n",), banned_tokens=(7, 11), banned_words=("moist", "as an AI")
)


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_a_strict_server_takes_what_is_sent_in_its_own_dialect(dialect: Dialect) -> None:
    sampling = RICH if dialect is not Dialect.OPENAI else Sampling(banned_tokens=(7, 11), stop=("\n\n",))
    async with (
        FakeOpenAIServer(owner=dialect) as server,
        ModelClient(server.endpoint(), QUICK) as client,
    ):
        assert (await client.complete(PROMPT, sampling)).text == "hey there"
        (request,) = server.requests
    assert request.body["logit_bias"] == {"7": -100, "11": -100}
    assert request.body["stop"] == ["\n\n"]
    assert request.body.get("bad_words") == (["moist", "as an AI"] if dialect is Dialect.VLLM else None)
    penalties = {"repeat_penalty", "repetition_penalty"} & set(request.body)
    assert (
        penalties
        == {
            Dialect.LLAMA_CPP: {"repeat_penalty"},
            Dialect.VLLM: {"repetition_penalty"},
            Dialect.OPENAI: set(),
        }[dialect]
    )


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_a_text_that_is_laid_out_already_is_sent_as_it_is_and_no_mark_is_added(
    dialect: Dialect,
) -> None:
    sampling = RICH if dialect is not Dialect.OPENAI else Sampling()
    async with (
        FakeOpenAIServer(owner=dialect) as server,
        ModelClient(server.endpoint(), QUICK) as client,
    ):
        said = await client.continue_text("<|user|>hey<|end|>", sampling, seed=2**31 + 3, marks=("<|end|>",))
        assert (said.text, said.finish_reason, said.answer_tokens) == ("hey there", "stop", 2)
        (request,) = server.requests
    assert (request.path, request.body["prompt"]) == ("/v1/completions", "<|user|>hey<|end|>")
    assert request.body["seed"] == 3
    assert request.body.get("add_special_tokens") is (False if dialect is Dialect.VLLM else None)


async def test_a_beam_that_runs_past_a_stop_is_cut_there() -> None:
    beams = Sampling(beams=2, stop=(" there",))
    async with (
        FakeOpenAIServer(owner=Dialect.VLLM) as server,
        ModelClient(server.endpoint(), QUICK) as client,
    ):
        assert (await client.continue_text("hi", beams)).text == "hey"


async def test_half_a_text_does_not_pass_for_a_whole_one() -> None:
    async with FakeOpenAIServer() as server, ModelClient(server.endpoint(), QUICK) as client:
        server.reply = Reply(finish_reason="abort")
        with pytest.raises(ModelAnswerInvalid, match="cut off"):
            await client.continue_text("hi", Sampling())


@pytest.mark.parametrize("other", [Dialect.LLAMA_CPP, Dialect.OPENAI])
async def test_beams_are_searched_on_vllm_alone(other: Dialect) -> None:
    beams = Sampling(beams=4, stop=("!!",))
    async with FakeOpenAIServer() as server, ModelClient(server.endpoint(), QUICK) as client:
        server.reply = Reply(("hey", "!!", " you"))
        answer = await client.complete(PROMPT, beams)
        # The likeliest of the four; vLLM passes over stops there, so the text is cut here.
        assert (answer.text, answer.finish_reason, answer.answer_tokens) == ("hey", "stop", 3)
        assert server.requests[0].body["n"] == 4
        assert [piece async for piece in client.stream(PROMPT, beams)] == ["hey"]
        server.reply = Reply(finish_reason="abort")
        with pytest.raises(ModelAnswerInvalid, match="cut off"):
            await client.complete(PROMPT, beams)
    async with FakeOpenAIServer(owner=other) as server, ModelClient(server.endpoint(), QUICK) as client:
        with pytest.raises(SamplingUnsupported, match="no beam search") as caught:
            await client.complete(PROMPT, beams)
        assert "\n" not in str(caught.value)
        assert not server.requests


@pytest.mark.parametrize("filters", [{"min_p": 0.1}, {"repeat_penalty": 1.2}])
def test_a_server_that_is_unknown_is_not_asked_for_what_it_may_pass_over(filters: dict[str, float]) -> None:
    with pytest.raises(SamplingUnsupported, match="neither min_p nor"):
        sampling_fields(Sampling.model_validate(filters), Dialect.OPENAI)


async def test_the_server_says_what_it_is_and_a_persona_that_it_cannot_draw_is_refused_at_the_start(
    persona_folder: Path,
) -> None:
    searched = replace(await load_persona(persona_folder), sampling=Sampling(beams=2))
    async with FakeOpenAIServer(owner="somebody") as server:
        async with OpenAIServer(server.endpoint()) as engine:
            assert engine.endpoint.dialect is Dialect.OPENAI
            with pytest.raises(EngineError, match="no beam search"):
                await engine.verify(searched)
        server.owner = "vllm"
        async with OpenAIServer(server.endpoint()) as engine:
            assert engine.endpoint.dialect is Dialect.VLLM
        async with OpenAIServer(server.endpoint(), dialect=Dialect.LLAMA_CPP) as engine:
            assert engine.endpoint.dialect is Dialect.LLAMA_CPP
