"""The canary: proof that the adapter which answers is the one that was trained.

A server can serve the base model in silence when an adapter's name or file does not match (vLLM issue
34186), and then a stranger speaks for the persona. So a few fixed prompts are asked when the persona is
packaged, with the adapter and without, and the log-probabilities of the likeliest first tokens are kept in
persona.toml. Whoever serves the persona later must give the same ones.

The first token alone is compared: it hangs on the prompt only, while a greedy text forks at the first
near-tie and so differs between two CPUs that are both right.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import fmean
from typing import NamedTuple, Protocol

from chat.message import Author, ChatKey, Message
from inference.errors import EngineError, ModelError
from inference.persona import Canary, Probe
from inference.prompt import PromptFormat, PromptMessage, build_prompt

TOLERANCE = 0.15
"""Nats; number formats and CPUs differ by some hundredths, most adapters by more than one."""

LEAST_TOLERANCE = 0.05
"""Nats; the least that is allowed for those differences, also where an adapter changes little."""

HOST_TOLERANCE = 0.3
"""Nats; a host computes in batches, on cards and with kernels of its choice: the same question differs by tenths."""

KEPT_TOKENS = 5

LEAST_PROBES = 3
"""How many probes must have an answer, at recording and at checking."""

_OWN = ""
_CHATS = (
    (("Mia", "hey, how are you?"),),
    (("Leo", "Anyone fancy a curry on Sunday evening?"), ("Mia", "yes!!")),
    (("Mia", "did you see the game"), (_OWN, "yeah"), (_OWN, "so good"), ("Leo", "what was the score?")),
    (("Leo", "I passed my exam!"),),
    (("Mia", "what time shall we meet?"), (_OWN, "seven?"), ("Mia", "Okay, see you there.")),
    (("Leo", "I'm so tired today"), ("Leo", "work was awful")),
)


class Advice(NamedTuple):
    """What to do about a canary that does not match; it depends on who serves."""

    silent: str
    bare: str
    stranger: str


SERVED = Advice(
    "the model server gives no log-probabilities: serve the persona with llama.cpp or vLLM",
    "check that the server loads the adapter, under the name it is asked for",
    "serve the persona's own files, or package it again with this server's number format",
)
HOSTED = Advice(
    "the host gives no log-probabilities, so nobody can prove who answers there: train at a host that gives them",
    "ask the host what became of the trained model",
    "if the host changed how it serves the model, `understudy hosted persona` packages it again",
)


class Asked(Protocol):
    """Whoever can be asked what may come next: a `ModelClient`, or a model in this process."""

    async def first_tokens(self, prompt: Sequence[PromptMessage]) -> dict[str, float]:
        """Give the likeliest first tokens of an answer with their natural log-probabilities."""
        ...


def canary_prompts(form: PromptFormat) -> tuple[tuple[PromptMessage, ...], ...]:
    """The fixed prompts, in a persona's own format; no real chat is in them."""
    return tuple(build_prompt(form, _messages(chat), ("Leo", "Mia")) for chat in _CHATS)


async def record_canary(
    adapted: Asked,
    bare: Asked,
    form: PromptFormat,
    *,
    render: Callable[[Sequence[PromptMessage]], str] | None = None,
    tolerance: float = TOLERANCE,
    advice: Advice = SERVED,
) -> Canary:
    """Ask the fixed prompts with the adapter and without it, for the packager to keep.

    Where all weights were trained, `adapted` are those and `bare` those of before.

    `render` writes a prompt as the tokenizer of the training does, with the mark that asks for an
    answer; the server's template is later compared with it. An adapter that changes little has half of that for its
    tolerance. Raises EngineError when it changes so little that it could not be told from the base, and ModelError
    when a server does not answer.
    """
    probes = []
    for prompt in canary_prompts(form):
        adapter, base = await adapted.first_tokens(prompt), await bare.first_tokens(prompt)
        if not adapter or not base:
            continue
        rendered = render(prompt) if render else ""
        probes.append(
            Probe(prompt=prompt, rendered=rendered, adapter=_likeliest(adapter), base=_likeliest(base))
        )
    if len(probes) < LEAST_PROBES:
        raise EngineError(advice.silent)
    apart = fmean(distance(probe.base, probe.adapter) for probe in probes)
    if apart < 2 * LEAST_TOLERANCE:
        raise EngineError(
            f"the adapter moves the log-probabilities by {apart:.2f} only, {2 * LEAST_TOLERANCE:.2f} are needed to "
            f"tell it from the base: train it longer, or check that the server applies it"
        )
    # Nobody in the middle between the two passes, base or adapter.
    return Canary(probes=tuple(probes), tolerance=round(min(tolerance, apart / 2), 4))


async def distances(client: Asked, canary: Canary, advice: Advice = SERVED) -> tuple[float, float]:
    """Ask the fixed prompts again, and give how far the answers are from the adapter's and the base's, in nats.

    Raises EngineError when too few of them are answered.
    """
    # At once: whoever waits for an answer waits for this, too.
    answers = await asyncio.gather(
        *(client.first_tokens(probe.prompt) for probe in canary.probes), return_exceptions=True
    )
    pairs: list[tuple[dict[str, float], Probe]] = []
    for answer, probe in zip(answers, canary.probes, strict=True):
        if isinstance(answer, ModelError):
            raise EngineError(f"the canary got no answer: {answer}") from answer
        if isinstance(answer, BaseException):
            raise answer
        if answer:
            pairs.append((answer, probe))
    if len(pairs) < min(LEAST_PROBES, len(canary.probes)):
        raise EngineError(advice.silent)
    return (
        fmean(distance(answer, probe.adapter) for answer, probe in pairs),
        fmean(distance(answer, probe.base) for answer, probe in pairs),
    )


async def check_canary(client: Asked, canary: Canary, advice: Advice = SERVED) -> None:
    """Ask the fixed prompts again. Raises EngineError when another adapter, or none, answers.

    What answers must be within the tolerance of the record, and nearer to the adapter than to the base.
    """
    to_adapter, to_base = await distances(client, canary, advice)
    if to_base <= min(to_adapter, canary.tolerance):
        raise EngineError(
            f"the bare base model answers, not what was trained (distance {to_base:.2f} against {to_adapter:.2f}): "
            f"{advice.bare}"
        )
    if to_adapter > canary.tolerance or to_base <= to_adapter:
        raise EngineError(
            f"another model or adapter answers (distance {to_adapter:.2f}, at most {canary.tolerance:.2f} allowed): "
            f"{advice.stranger}"
        )


def distance(answer: Mapping[str, float], record: Mapping[str, float]) -> float:
    """The mean difference, in nats, over the record's tokens.

    A token that the answer lacks counts as just below the least likely one that the answer has.
    """
    floor = min(answer.values())
    return fmean(abs(answer.get(token, floor) - logprob) for token, logprob in record.items())


def _likeliest(tokens: Mapping[str, float]) -> dict[str, float]:
    """The few that carry the weight; a token that holds half a character is no key to rely on."""
    whole = {token: logprob for token, logprob in tokens.items() if "\ufffd" not in token}
    ranked = sorted(whole.items(), key=lambda item: (-item[1], item[0]))
    # Four decimals are beyond what any two servers agree on, and keep the file readable.
    return {token: round(logprob, 4) for token, logprob in ranked[:KEPT_TOKENS]}


def _messages(lines: Sequence[tuple[str, str]]) -> list[Message]:
    chat, sent_at = ChatKey("canary", "canary"), datetime(2000, 1, 1, tzinfo=UTC)
    return [
        Message(chat, str(number), Author(name or "own", name or "own"), text, sent_at, own=name == _OWN)
        for number, (name, text) in enumerate(lines)
    ]
