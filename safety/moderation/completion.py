"""A guard model's answer as it comes in OpenAI's chat protocol: a short text and, where given, probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from safety.moderation.errors import AnswerInvalid

_STRANGE: Final = (
    "the guard model's server does not speak OpenAI's chat protocol: check rules.moderation.base_url"
)
# The word that a model at temperature 0 said is its likeliest, up to what rounding does to a tie.
_LIKELIEST: Final = 0.49

Position = tuple[tuple[str, float], ...]
"""The tokens that could have stood in one place, the one that does first, with their probabilities."""


@dataclass(frozen=True, slots=True)
class GuardAnswer:
    """What a guard model said; `positions` is empty where the server gives no probabilities."""

    text: str = field(repr=False)
    positions: tuple[Position, ...] = field(default=(), repr=False)

    def score(self, yes: str, no: str, *, said: bool) -> float:
        """How probable `yes` was beside `no` where the model chose; 1 or 0, as `said`, without probabilities.

        Raises AnswerInvalid when the probabilities contradict what was said.
        """
        for position in self.positions:
            if _word(position[0][0]) not in (yes, no):
                continue
            sums = {
                word: sum(
                    probability for token, probability in dict(position).items() if _word(token) == word
                )
                for word in (yes, no)
            }
            share = min(1.0, sums[yes] / (sums[yes] + sums[no])) if sums[yes] + sums[no] else math.nan
            if not (share if said else 1 - share) >= _LIKELIEST:
                raise AnswerInvalid("the guard model's probabilities contradict its answer: check its server")
            return share
        return float(said)


def read_answer(answer: object) -> GuardAnswer:
    """Read a whole completion. Raises AnswerInvalid for whatever is not as documented, or was cut off."""
    choices = answer.get("choices") if isinstance(answer, dict) else None
    choice = choices[0] if isinstance(choices, list) and len(choices) == 1 else None
    if not isinstance(choice, dict) or choice.get("finish_reason") != "stop":
        raise AnswerInvalid(_STRANGE)
    message = choice.get("message")
    text = message.get("content") if isinstance(message, dict) else None
    if not isinstance(text, str):
        raise AnswerInvalid(_STRANGE)
    return GuardAnswer(text, tuple(_positions(choice.get("logprobs"))))


def _positions(logprobs: object) -> Iterator[Position]:
    if logprobs is None:
        return
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(content, list):
        raise AnswerInvalid(_STRANGE)
    for place in content:
        others = place.get("top_logprobs", []) if isinstance(place, dict) else None
        if not isinstance(others, list):
            raise AnswerInvalid(_STRANGE)
        yield tuple(_token(token) for token in (place, *others))


def _token(token: object) -> tuple[str, float]:
    if isinstance(token, dict):
        text, logprob = token.get("token"), token.get("logprob")
        # Rounding may lift a certainty a little above 0. NaN is no number, nor is `true`.
        if isinstance(logprob, bool) or not isinstance(logprob, int | float):
            raise AnswerInvalid(_STRANGE)
        if isinstance(text, str) and logprob <= 0.0001:
            return text, math.exp(max(logprob, -1000.0))
    raise AnswerInvalid(_STRANGE)


def _word(token: str) -> str:
    return token.strip().lower()
