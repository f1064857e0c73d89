"""What kind of server answers: OpenAI's protocol is spoken with accents, and each knows other filters."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from inference.errors import EngineError, SamplingUnsupported
from inference.sampling import Sampling

NEVER: Final = -100
"""The bias at which OpenAI's protocol says that a token is as good as banned."""
_ALL: Final = 1 << 15
"""More tokens than a prompt and its answer have; llama.cpp takes no sign for all of them."""


class Dialect(StrEnum):
    """Who speaks. A server says it in its list of models, as the owner."""

    LLAMA_CPP = "llamacpp"
    VLLM = "vllm"
    OPENAI = "openai"
    """Anything else: it is sent what OpenAI documents, and nothing that it might refuse."""

    @classmethod
    def of(cls, owner: str) -> Dialect:
        """The dialect of a server whose models `owned_by` calls so."""
        return cls(owner) if owner in set(cls) else cls.OPENAI


def require(sampling: Sampling, dialect: Dialect) -> None:
    """See that a server can draw so, before anybody is answered. Raises EngineError."""
    try:
        sampling_fields(sampling, dialect)
    except SamplingUnsupported as error:
        raise EngineError(str(error)) from None


def sampling_fields(sampling: Sampling, dialect: Dialect) -> dict[str, Any]:
    """A request's fields for a sampling, by the names that this server has for them.

    Each filter is named, also where it is off: servers have defaults of their own. Banned words reach vLLM alone,
    and leak there; whoever uses an answer looks through it with `Sampling.banned_in`. Raises SamplingUnsupported
    for what the server has not, rather than to be answered by somebody else than the person who was measured.
    """
    fields: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
    }
    if sampling.stop:
        fields["stop"] = list(sampling.stop)
    if sampling.banned_tokens:
        fields["logit_bias"] = {str(token): NEVER for token in sampling.banned_tokens}
    if sampling.beams > 1:
        if dialect is not Dialect.VLLM:
            raise SamplingUnsupported(
                f"this model server has no beam search (sampling.beams = {sampling.beams}): serve the persona with "
                "vLLM, or set beams = 1 and evaluate it again"
            )
        fields |= {"use_beam_search": True, "n": sampling.beams}
    if dialect is Dialect.OPENAI:
        if sampling.min_p or sampling.repeat_penalty != 1:
            raise SamplingUnsupported(
                "this model server knows neither min_p nor a repetition penalty: serve the persona with llama.cpp or "
                "vLLM, or set sampling.min_p = 0 and sampling.repeat_penalty = 1 and evaluate it again"
            )
        return fields
    fields |= {"top_k": 0, "min_p": sampling.min_p}
    if dialect is Dialect.LLAMA_CPP:
        # Left to itself it penalises the last 64 tokens alone, and cuts tails off before the temperature has
        # sharpened them. This is vLLM's order, and that of `training.evaluation.torch_speaker`: a sampling means the
        # same wherever it was measured and is served.
        return fields | {
            "repeat_penalty": sampling.repeat_penalty,
            "repeat_last_n": _ALL,
            "samplers": ["penalties", "temperature", "min_p", "top_p"],
        }
    fields["repetition_penalty"] = sampling.repeat_penalty
    if sampling.banned_words:
        fields["bad_words"] = list(sampling.banned_words)
    return fields
