"""Speakers: what llama.cpp serves and what this process computes say the same, and say it again."""

from __future__ import annotations

import pytest

from inference.client import ModelClient
from inference.errors import SamplingUnsupported
from inference.persona import Persona
from inference.sampling import Sampling
from tests.fakes.openai_server import FakeOpenAIServer, Reply
from tests.training.evaluation.conftest import Speakers
from training.evaluation.speaker import Answer, ServedSpeaker, Speaker, seeds

pytestmark = pytest.mark.train

VOCABULARY = 4096
GREEDY = Sampling(temperature=0, top_p=1, max_tokens=40)


def prompts(sam: Persona) -> list[str]:
    rendered = [probe.rendered for probe in sam.canary.probes]
    # A long one, too: left to itself llama.cpp penalises repetition of the last 64 tokens alone.
    return [*rendered, "".join(rendered)]


async def texts(
    speaker: Speaker, asked: list[str], sampling: Sampling, *stop: str, seed: int = 0
) -> list[str]:
    found = await speaker.answers(asked, sampling, stop, seed)
    return [answer.text if answer else "-" for answer in found]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"repeat_penalty": 1.3},
        {"max_tokens": 3},
        {"stop": ("\n",)},
        {"banned_tokens": (60, 61, 62, *range(300, 700))},
        {"repeat_penalty": 2.0, "max_tokens": 90},
    ],
    ids=lambda changes: ",".join(changes) or "plain",
)
async def test_the_likeliest_answers_agree_between_llama_cpp_and_torch(
    speakers: Speakers, sam: Persona, changes: dict[str, object]
) -> None:
    sampling = GREEDY.model_copy(update=changes)
    for served, here in ((speakers.served, speakers.here), (speakers.served_base, speakers.here_base)):
        assert await served.answers(prompts(sam), sampling, (), 1) == await here.answers(
            prompts(sam), sampling, (), 1
        )


async def test_with_the_adapter_and_without_it_are_two_speakers(speakers: Speakers, sam: Persona) -> None:
    assert await texts(speakers.here, prompts(sam), GREEDY) != await texts(
        speakers.here_base, prompts(sam), GREEDY
    )


@pytest.mark.parametrize(
    "filters",
    [
        {"temperature": 0.5, "top_p": 0.5},
        {"temperature": 1.5, "top_p": 0.3},
        {"temperature": 2.0, "min_p": 0.45},
    ],
    ids=["sharpened first", "flattened first", "min_p"],
)
async def test_filters_leave_the_same_tokens_in_both(
    speakers: Speakers, sam: Persona, filters: dict[str, float]
) -> None:
    # One token, many draws: with the filters in another order other tokens would be met.
    sampling = Sampling(top_p=1, max_tokens=1).model_copy(update=filters)
    asked = [prompts(sam)[1]] * 600
    served, here = [set(await texts(who, asked, sampling)) for who in (speakers.served, speakers.here)]
    assert served == here
    assert len(served) > 1


async def test_the_same_seed_says_the_same_and_another_something_else(
    speakers: Speakers, sam: Persona
) -> None:
    sampling = Sampling(temperature=1, top_p=1, max_tokens=12)
    for who in (speakers.served_one_by_one, speakers.here):
        first = await texts(who, prompts(sam), sampling, seed=1)
        assert first == await texts(who, prompts(sam), sampling, seed=1)
        assert first != await texts(who, prompts(sam), sampling, seed=2)


async def test_what_stands_beside_a_prompt_does_not_change_its_answer(
    speakers: Speakers, sam: Persona
) -> None:
    sampling = Sampling(temperature=1, top_p=0.9, repeat_penalty=1.2, max_tokens=12)
    together = await texts(speakers.here, prompts(sam), sampling)
    assert together == [(await texts(speakers.here, [prompt], sampling))[0] for prompt in prompts(sam)]


async def test_the_same_prompt_again_is_another_draw(speakers: Speakers, sam: Persona) -> None:
    sampling = Sampling(temperature=1, top_p=1, max_tokens=12)
    for who in (speakers.served, speakers.here):
        assert len(set(await texts(who, [prompts(sam)[0]] * 6, sampling))) > 3
    assert len(set(seeds(0, ["a", "a", "b"]))) == 3


async def test_a_stop_ends_the_answer_and_is_no_part_of_it(speakers: Speakers, sam: Persona) -> None:
    for who in (speakers.served, speakers.here):
        whole = await texts(who, prompts(sam), GREEDY)
        stopped = await who.answers(prompts(sam), GREEDY, ("o",), 0)
        assert [answer and answer.text for answer in stopped] == [text.partition("o")[0] for text in whole]
        assert {answer and answer.finish for answer in stopped} == {"stop"}


async def test_an_answer_that_is_cut_says_so(speakers: Speakers, sam: Persona) -> None:
    for who in (speakers.served, speakers.here):
        (answer,) = await who.answers(prompts(sam)[:1], GREEDY.model_copy(update={"max_tokens": 1}), (), 0)
        assert answer is not None
        assert (answer.finish, answer.tokens) == ("length", 1)


async def test_a_prompt_that_does_not_fit_has_no_answer_and_the_others_have(
    speakers: Speakers, sam: Persona
) -> None:
    long = "word " * 5000
    for who in (speakers.served, speakers.here):
        first, second = await who.answers([long, prompts(sam)[0]], GREEDY, (), 0)
        assert first is None
        assert second is not None


async def test_marks_that_a_model_writes_are_seen(speakers: Speakers, sam: Persona) -> None:
    # With most words banned it writes what it never would: marks of roles in the middle of an answer.
    sampling = Sampling(temperature=2, top_p=1, max_tokens=8, banned_tokens=tuple(range(12, VOCABULARY)))
    for who in (speakers.served, speakers.here):
        said = await texts(who, prompts(sam) * 2, sampling)
        assert any(mark in text for text in said for mark in ("<|user|>", "<|assistant|>", "<|system|>"))
        assert not any(text.endswith("<|end|>") for text in said)


async def test_beams_are_refused_where_there_are_none(speakers: Speakers, sam: Persona) -> None:
    for who in (speakers.served_one_by_one, speakers.here):
        with pytest.raises(SamplingUnsupported):
            await who.answers(prompts(sam)[:1], Sampling(beams=3), (), 0)


async def test_a_connection_that_breaks_is_tried_again() -> None:
    async with FakeOpenAIServer() as server, ModelClient(server.endpoint()) as client:
        server.replies.append(Reply(status=500))
        (answer,) = await ServedSpeaker(client).answers(["hi"], GREEDY, (), 0)
        assert answer == Answer("hey there", 2, "stop")
        assert len(server.requests) == 2


def test_an_answer_keeps_its_text_out_of_its_repr() -> None:
    assert "secret" not in repr(Answer("secret", 1, "stop"))
