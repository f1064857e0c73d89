"""Proof that llama.cpp reads a converted model as PyTorch reads the original.

A wrong row order or word-cutting rule gives a model that talks, only worse. So both are asked the same:
the ids of many lines, and the log-probabilities of what may come next.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import torch
from peft import PeftModel

from inference.canary import canary_prompts
from inference.client import Endpoint
from inference.engines.llama_cpp import LlamaCpp, LlamaModel, LlamaSettings
from inference.errors import EngineError
from inference.prompt import PromptFormat
from training.base import BaseFolder
from training.errors import Disagreement
from training.gguf import NumberType, plain_template
from training.lora import Compute, load_model, load_tokenizer
from training.tokens import Encoder

TOLERANCES = {NumberType.F32: 0.02, NumberType.F16: 0.02, NumberType.Q8_0: 0.3}
"""Nats, at the most for any of the likeliest tokens. Measured on a random model: 0.002 in f32 (llama.cpp
keeps what it has read in f16), 0.003 in f16, 0.05 in q8_0. A wrong order of rows gives whole nats."""

LIKELIEST = 20
"""How many tokens of each prompt are compared."""

LINES = (
    "hey", " hey", "Hey Mia!!", "lol", "i'm", "I'M", "don't, we'll", "you've they're he'd", "ok   then", "a  b", "   ",
    "x ", "7pm", "2026", "12:30", "100%", "£3.50", "C++", "...", "?!", ":-)", "😀", "👩‍👧", "naïve café", "Übergröße",
    "привет", "日本語", "a\tb", "end.", "“quoted”", "it’s", "https://example.org/a?b=c&d", "#tag @name", "under_score",
    "new\nline", "two\n\nlines", " \n ", "e.g. this", "(yes)", "no-one", "1st", "a1b2", "\u00a0nbsp", "e\u0301",
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
    base: BaseFolder,
    base_gguf: Path,
    adapter: Path | None = None,
    adapter_gguf: Path | None = None,
    *,
    form: PromptFormat,
    lines: Sequence[str] = (),
    tolerance: float = TOLERANCES[NumberType.F16],
) -> Agreement:
    """Compare the GGUF files with what they were made from; `lines` are tokenized besides `LINES`.

    Raises Disagreement when any line has other ids, or any log-probability is off by more than
    `tolerance` nats; EngineError when llama.cpp does not load the files. PyTorch computes on the CPU in
    32 bits.
    """
    tokenizer = load_tokenizer(base)
    encoder = Encoder(tokenizer)
    model = load_model(base, Compute("cpu", "float32"))
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter)
    model.eval()
    rendered = [encoder.render(prompt) for prompt in canary_prompts(form)]
    texts = [*LINES, *lines, *rendered]
    (letter,) = _ids(tokenizer, "a")
    distances: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        served = LlamaModel("agreement", base_gguf, adapter_gguf, plain_template(tokenizer.chat_template))
        async with (
            LlamaCpp(served, Path(folder) / "llama.log", LlamaSettings(slots=1)) as engine,
            httpx.AsyncClient(trust_env=False, timeout=60) as http,
        ):
            for text in texts:
                ids = _ids(tokenizer, text)
                body = {"content": text, "add_special": False, "parse_special": True}
                if await _ask(http, engine.endpoint, "/tokenize", body, "tokens") != ids:
                    raise Disagreement(
                        "llama.cpp cuts a text into other tokens: its pre-tokenizer does not fit this base"
                    )
            for text in rendered:
                ids = _ids(tokenizer, text)
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
                (position,) = await _ask(
                    http, engine.endpoint, "/completion", body, "completion_probabilities"
                )
                with torch.no_grad():
                    reference = model(torch.tensor([ids])).logits[0, -1].float().log_softmax(-1)
                distances += [
                    abs(float(reference[token["id"]]) - token["logprob"])
                    for token in position["top_logprobs"]
                ]
    worst = max(distances)
    if worst > tolerance:
        raise Disagreement(
            f"llama.cpp's log-probabilities are off by {worst:.3f} nats, {tolerance:.3f} are allowed: do not serve "
            f"these files"
        )
    return Agreement(len(texts), len(rendered), len(distances), sum(distances) / len(distances), worst)


def _ids(tokenizer: Any, text: str) -> list[int]:  # noqa: ANN401 - transformers is untyped here
    return [int(token) for token in tokenizer(text, add_special_tokens=False)["input_ids"]]


async def _ask(http: httpx.AsyncClient, endpoint: Endpoint, path: str, body: dict[str, Any], key: str) -> Any:  # noqa: ANN401
    """One of llama.cpp's own routes, which the OpenAI protocol lacks."""
    try:
        answer = await http.post(
            endpoint.url(path), json={**body, **endpoint.extra_body}, headers=endpoint.headers
        )
        return answer.raise_for_status().json()[key]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise EngineError(f"llama.cpp did not answer on {path} ({type(error).__name__})") from None
