"""Who answers the held-out prompts: a served model here, one in this process in `training.evaluation.torch_speaker`."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, cast

from inference.client import Completion, ModelClient
from inference.errors import ModelUnavailable, PromptTooLong
from inference.sampling import Sampling
from training.layout import Case

_PAUSES: Final = (0.5, 2.0, 8.0)
"""Seconds before a server that broke off is asked again; an embedded one is brought back meanwhile."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was written, without its end; `tokens` counts the end too. `length`: it was cut at `max_tokens`."""

    text: str = field(repr=False)
    tokens: int
    finish: Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Said:
    """What was answered to a held-out case; the measures read it as `training.evaluation.said.Said`."""

    case: Case
    answer: Answer


class Speaker(Protocol):
    """Anybody who can go on with prompts that were laid out already."""

    async def answers(
        self, prompts: Sequence[str], sampling: Sampling, stop: tuple[str, ...], seed: int
    ) -> tuple[Answer | None, ...]:
        """Go on with each prompt; None for one that is longer than the model's context.

        `stop` joins the sampling's own. The same arguments give the same answers, as far as the engine computes the
        same: which prompts stand beside one changes its answer by rounding alone. Raises InferenceError.
        """
        ...


def seeds(seed: int, prompts: Sequence[str]) -> tuple[int, ...]:
    """Give each prompt a seed of its own, whatever stands beside it; the same prompt again gets another."""
    met: Counter[str] = Counter()
    found = []
    for prompt in prompts:
        text = f"{seed}\0{met[prompt]}\0{prompt}".encode(errors="surrogatepass")
        found.append(int.from_bytes(hashlib.sha256(text).digest()[:4], "big") >> 1)
        met[prompt] += 1
    return tuple(found)


def with_stops(sampling: Sampling, stop: tuple[str, ...]) -> Sampling:
    """Let an answer end at these texts as well."""
    return sampling.model_copy(update={"stop": tuple(dict.fromkeys((*sampling.stop, *stop)))})


class ServedSpeaker:
    """A model behind `/v1/completions`, of llama.cpp or vLLM.

    `marks` are the template's own: an answer shows them where the model writes them, so that they can be counted.
    `abreast` is how many prompts are asked at a time: no more than the server has slots for. One by one llama.cpp gives
    the same answers again, to the letter; side by side it rounds otherwise each time, and a few in a hundred differ.
    """

    def __init__(self, client: ModelClient, marks: Sequence[str] = (), abreast: int = 4) -> None:
        self._client = client
        self._marks = tuple(marks)
        self._turns = asyncio.Semaphore(abreast)

    async def answers(
        self, prompts: Sequence[str], sampling: Sampling, stop: tuple[str, ...], seed: int
    ) -> tuple[Answer | None, ...]:
        """See `Speaker.answers`."""
        wanted = with_stops(sampling, stop)
        try:
            async with asyncio.TaskGroup() as group:
                asked = [
                    group.create_task(self._answer(prompt, wanted, own))
                    for prompt, own in zip(prompts, seeds(seed, prompts), strict=True)
                ]
        except ExceptionGroup as failed:
            # They fail for one reason, mostly; a person is told one.
            raise failed.exceptions[0] from None
        return tuple(task.result() for task in asked)

    async def _answer(self, prompt: str, sampling: Sampling, seed: int) -> Answer | None:
        async with self._turns:
            try:
                said = await self._continue(prompt, sampling, seed)
            except PromptTooLong:
                return None
        return self._read(said)

    async def _continue(self, prompt: str, sampling: Sampling, seed: int) -> Completion:
        """Ask again when the connection breaks: nothing is sent to anybody here, and hours of work may hang on it."""
        for pause in _PAUSES:
            try:
                return await self._client.continue_text(prompt, sampling, seed=seed, marks=self._marks)
            except ModelUnavailable:
                await asyncio.sleep(pause)
        return await self._client.continue_text(prompt, sampling, seed=seed, marks=self._marks)

    def _read(self, said: Completion) -> Answer:
        text = said.text
        # Where marks are shown, llama.cpp shows the one that ended the answer as well.
        if said.finish_reason == "stop":
            text = next((text.removesuffix(mark) for mark in self._marks if text.endswith(mark)), text)
        return Answer(text, said.answer_tokens, cast("Literal['stop', 'length']", said.finish_reason))
