"""OpenAI's chat protocol: what a request says, and how an answer is read.

Read with pydantic, because a server is a stranger: what is not as documented is no answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from inference.dialect import Dialect, sampling_fields
from inference.errors import ModelAnswerInvalid
from inference.prompt import PromptMessage
from inference.sampling import Sampling
from inference.translation import STRANGE, refusal_of


def request_body(
    prompt: Sequence[PromptMessage], sampling: Sampling, seed: int | None, dialect: Dialect
) -> dict[str, Any]:
    """Write a request, streamed unless beams are searched: those are known at the end alone.

    Raises SamplingUnsupported.
    """
    body: dict[str, Any] = {
        "messages": [asdict(message) for message in prompt],
        "stream": sampling.beams == 1,
    }
    if body["stream"]:
        body["stream_options"] = {"include_usage": True}
    body |= sampling_fields(sampling, dialect)
    if seed is not None:
        body["seed"] = seed % 2**31
    return body


def text_body(
    text: str, sampling: Sampling, seed: int, marks: Sequence[str], dialect: Dialect
) -> dict[str, Any]:
    """Write a request to go on with a text that was laid out already, in which the template's marks stand.

    The answer shows `marks` where the model writes them. Raises SamplingUnsupported.
    """
    body = {"prompt": text, "stream": False, "seed": seed % 2**31, **sampling_fields(sampling, dialect)}
    if dialect is Dialect.VLLM:
        body |= {"add_special_tokens": False, "skip_special_tokens": False}
    elif dialect is Dialect.LLAMA_CPP:
        # Our GGUF says that no mark is added. What was asked before would change the rounding, and so the draw.
        body |= {"preserved_tokens": list(marks), "cache_prompt": False}
    return body


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Token(_Wire):
    token: str
    logprob: float
    bytes: list[int] | None = None

    @property
    def name(self) -> str:
        """The token's bytes as text: `token` alone cannot tell two halves of a character apart."""
        try:
            raw = bytearray(self.bytes) if self.bytes is not None else self.token.encode()
        except ValueError:
            return ""
        return raw.decode(errors="backslashreplace")


class _Position(_Wire):
    top_logprobs: list[_Token] = []


class _Logprobs(_Wire):
    content: list[_Position] | None = None


class _Delta(_Wire):
    content: str | None = None


class _Choice(_Wire):
    delta: _Delta = _Delta()
    message: _Delta = _Delta()
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class Usage(_Wire):
    """How many tokens went in and came out."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Answer(_Wire):
    choices: list[_Choice]
    usage: Usage | None = None


class _Named(_Wire):
    model: str | None = None


class _Fault(_Wire):
    code: int | str | None = None


class _Event(_Wire):
    choices: list[_Choice] | None = None
    usage: Usage | None = None
    model: str | None = None
    error: _Fault | None = None


class _Ending(_Wire):
    text: str
    finish_reason: str | None = None


class _Text(_Wire):
    choices: list[_Ending]
    usage: Usage | None = None


class _Rendered(_Wire):
    prompt: str


class Model(_Wire):
    """A model that a server serves. vLLM also says where an adapter lies (`root`) and on which base (`parent`)."""

    id: str
    owned_by: str = ""
    root: str | None = None
    parent: str | None = None


class _Models(_Wire):
    data: list[Model]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One event of a streamed answer."""

    text: str
    finish_reason: str
    usage: Usage | None
    model: str = ""
    """Who says that it answers; servers need not say it."""


def read_chunk(data: str) -> Chunk:
    """Read an event. Raises ModelAnswerInvalid when it is none, and our error for one that the server sends."""
    try:
        event = _Event.model_validate_json(data)
    except ValidationError:
        raise ModelAnswerInvalid(STRANGE) from None
    if event.error is not None:
        code = event.error.code
        raise refusal_of(code if isinstance(code, int) and code >= 400 else 500, data.encode(), {})
    if event.choices is None:
        raise ModelAnswerInvalid(STRANGE)
    if not event.choices:
        return Chunk("", "", event.usage, event.model or "")
    choice = event.choices[0]
    return Chunk(
        text=choice.delta.content or "",
        finish_reason=choice.finish_reason or "",
        usage=event.usage,
        model=event.model or "",
    )


def read_whole(answer: bytes) -> Chunk:
    """Read an answer that came at once: the first choice, which of several beams is the likeliest."""
    try:
        found = _Answer.model_validate_json(answer)
        choice = found.choices[0]
    except (ValidationError, IndexError):
        raise ModelAnswerInvalid(STRANGE) from None
    return Chunk(choice.message.content or "", choice.finish_reason or "", found.usage)


def read_text(answer: bytes) -> Chunk:
    """Read how a text went on. Raises ModelAnswerInvalid."""
    try:
        found = _Text.model_validate_json(answer)
        choice = found.choices[0]
    except (ValidationError, IndexError):
        raise ModelAnswerInvalid(STRANGE) from None
    return Chunk(choice.text, choice.finish_reason or "", found.usage)


def read_first_tokens(answer: bytes) -> dict[str, float]:
    """Read the log-probabilities of the first position, if there are any. Raises ModelAnswerInvalid."""
    try:
        (choice,) = _Answer.model_validate_json(answer).choices
    except ValueError:
        raise ModelAnswerInvalid(STRANGE) from None
    found: dict[str, float] = {}
    positions = (choice.logprobs and choice.logprobs.content) or []
    for token in positions[0].top_logprobs if positions else ():
        if token.name and math.isfinite(token.logprob):
            found[token.name] = max(token.logprob, found.get(token.name, -math.inf))
    return found


def read_name(answer: bytes) -> str:
    """Read which model an answer says that it is of; empty where it does not say. Raises ModelAnswerInvalid."""
    try:
        return _Named.model_validate_json(answer).model or ""
    except ValidationError:
        raise ModelAnswerInvalid(STRANGE) from None


def read_models(answer: bytes) -> tuple[Model, ...]:
    """Read which models are served. Raises ModelAnswerInvalid."""
    try:
        return tuple(_Models.model_validate_json(answer).data)
    except ValidationError:
        raise ModelAnswerInvalid(STRANGE) from None


def read_rendered(answer: bytes) -> str:
    """Read what llama.cpp's template made of a prompt. Raises ModelAnswerInvalid."""
    try:
        return _Rendered.model_validate_json(answer).prompt
    except ValidationError:
        raise ModelAnswerInvalid(STRANGE) from None
