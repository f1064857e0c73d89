"""Proof that llama.cpp reads a converted model as PyTorch reads the original.

A wrong row order or word-cutting rule gives a model that talks, only worse. So both are asked the same:
the ids of many lines, and the log-probabilities of what may come next.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import httpx

from inference.canary import canary_prompts
from inference.client import Endpoint
from inference.engines.llama_cpp import LlamaCpp, LlamaModel, LlamaSettings
from inference.errors import EngineError
from inference.prompt import PromptFormat, PromptMessage
from training.errors import Disagreement
from training.gguf import NumberType
from training.gguf_tokenizer import plain_template
from training.reference import Reference
from training.sentencepiece import space_put_by


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far apart the two may be, in nats: any of the likeliest tokens, and all of them in the mean."""

    worst: float
    mean: float


TOLERANCES: Final[Mapping[NumberType, Tolerance]] = {
    NumberType.F32: Tolerance(0.05, 0.015),
    NumberType.F16: Tolerance(0.05, 0.015),
    NumberType.Q8_0: Tolerance(0.3, 0.05),
    NumberType.Q4_0: Tolerance(1.5, 0.35),
}
"""Measured, mean and worst, on the sample and on a random model of 64 columns: 0.0006 and 0.003 in f32 and f16
(llama.cpp keeps what it has read in f16), 0.03 and 0.14 in q8_0, 0.2 and 0.7 in q4_0; wider models lose less. A wrong
order of rows gives whole nats."""

LIKELIEST = 20
"""How many tokens of each prompt are compared."""

LINES = (
    "hey", " hey", "Hey Mia!!", "lol", "i'm", "I'M", "don't, we'll", "you've they're he'd", "ok   then", "a  b", "   ",
    "x ", "7pm", "2026", "12:30", "100%", "£3.50", "C++", "...", "?!", ":-)", "😀", "👩‍👧", "naïve café", "Übergröße",
    "привет", "日本語", "a\tb", "end.", "“quoted”", "it’s", "https://example.org/a?b=c&d", "#tag @name", "under_score",
    "new\nline", "two\n\nlines", " \n ", "e.g. this", "(yes)", "no-one", "1st", "a1b2", "\u00a0nbsp", "e\u0301",
    "     five", "a    b     c", "!!!!!!!", "hahahaha", "-------", "<0x41>", "▁",
)  # fmt: skip
"""Lines that word-cutting rules differ on."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far apart the two were: mean and worst, in nats, over `compared` log-probabilities of `prompts`.

    `lines` texts were tokenized alike.
    """

    lines: int
    prompts: int
    compared: int
    mean: float
    worst: float


async def check_agreement(
    reference: Reference,
    base_gguf: Path,
    adapter_gguf: Path | None = None,
    *,
    form: PromptFormat,
    lines: Sequence[str] = (),
    tolerance: Tolerance = TOLERANCES[NumberType.F16],
) -> Agreement:
    """Compare the GGUF files with what they were made from; `lines` are tokenized besides `LINES`.

    Where there is an adapter, with it and without. Raises Disagreement when any line has other ids, or the
    log-probabilities are off by more than the tolerance; EngineError when llama.cpp does not load the files.
    """
    prompts = canary_prompts(form)
    rendered = [reference.render(prompt) for prompt in prompts]
    # What stands around an answer that is in the chat already is the template's, too.
    answered = (PromptMessage("assistant", "a"), PromptMessage("user", "b"))
    chat = reference.render((*prompts[0], *answered))
    space, marks = space_put_by(reference.tokenizer), reference.tokenizer.get_added_vocab()
    texts = [*(space.settled(line, marks) for line in (*LINES, *lines)), *rendered, chat]
    (letter,) = reference.ids("a")
    sides = (True, False) if adapter_gguf is not None else (reference.adapted,)
    distances: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        served = LlamaModel("agreement", base_gguf, adapter_gguf, plain_template(reference.template))
        async with (
            LlamaCpp(served, Path(folder) / "llama.log", LlamaSettings(slots=1)) as engine,
            httpx.AsyncClient(trust_env=False, timeout=60) as http,
        ):
            for text in texts:
                ids = reference.ids(text)
                body = {"content": text, "add_special": False, "parse_special": True}
                if await _ask(http, engine.endpoint, "/tokenize", body, "tokens") != ids:
                    raise Disagreement(
                        "llama.cpp cuts a text into other tokens: its pre-tokenizer does not fit this base"
                    )
            for text, adapted in product(rendered, sides):
                ids = reference.ids(text)
                body = {
                    "prompt": ids,
                    "n_predict": 1,
                    "n_probs": LIKELIEST,
                    "cache_prompt": False,
                    # An answer that is half a character or a mark has no text, and then llama.cpp gives no
                    # probabilities. They are of the logits before this bias, which only fixes the answer.
                    "logit_bias": [[letter, 1000.0]],
                    "temperature": 0,
                }
                endpoint = engine.endpoint if adapted else engine.base_endpoint
                (position,) = await _ask(http, endpoint, "/completion", body, "completion_probabilities")
                expected = replace(reference, adapted=adapted).next_logprobs(ids)
                distances += [
                    abs(float(expected[token["id"]]) - token["logprob"]) for token in position["top_logprobs"]
                ]
    worst, mean = max(distances), fmean(distances)
    if worst > tolerance.worst or mean > tolerance.mean:
        raise Disagreement(
            f"llama.cpp's log-probabilities are off by {worst:.3f} nats at worst and {mean:.3f} in the mean, "
            f"{tolerance.worst:g} and {tolerance.mean:g} are allowed: do not serve these files"
        )
    return Agreement(len(texts), len(rendered), len(distances), mean, worst)


async def _ask(http: httpx.AsyncClient, endpoint: Endpoint, path: str, body: dict[str, Any], key: str) -> Any:  # noqa: ANN401
    """One of llama.cpp's own routes, which the OpenAI protocol lacks."""
    try:
        answer = await http.post(
            endpoint.url(path), json={**body, **endpoint.extra_body}, headers=endpoint.headers
        )
        return answer.raise_for_status().json()[key]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise EngineError(f"llama.cpp did not answer on {path} ({type(error).__name__})") from None
