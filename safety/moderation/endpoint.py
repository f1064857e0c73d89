"""A moderation endpoint: OpenAI's `POST /v1/moderations`, and what others serve under the same name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from safety.moderation.classifier import Category, Sample, Scores, highest
from safety.moderation.errors import AnswerInvalid
from safety.moderation.server import ModerationServer

_PATH: Final = "/v1/moderations"
_STRANGE: Final = "the moderation endpoint's answer is not as documented: check its version and the model"

# OpenAI's names, and Mistral's. What is under another name counts as `other`.
NAMES: Final[Mapping[str, Category]] = MappingProxyType(
    {
        "harassment": Category.HARASSMENT,
        "harassment/threatening": Category.HARASSMENT,
        "hate": Category.HATE,
        "hate/threatening": Category.HATE,
        "sexual": Category.SEXUAL,
        "sexual/minors": Category.SEXUAL_MINORS,
        "violence": Category.VIOLENCE,
        "violence/graphic": Category.VIOLENCE,
        "self-harm": Category.SELF_HARM,
        "self-harm/intent": Category.SELF_HARM,
        "self-harm/instructions": Category.SELF_HARM,
        "illicit": Category.ILLICIT,
        "illicit/violent": Category.ILLICIT,
        "hate_and_discrimination": Category.HATE,
        "violence_and_threats": Category.VIOLENCE,
        "dangerous_and_criminal_content": Category.ILLICIT,
        "selfharm": Category.SELF_HARM,
        "pii": Category.PRIVACY,
    }
)

# An answer counts only if it scores all of one of these: half an answer would pass the other half.
NEEDED: Final = (
    frozenset({"harassment", "hate", "sexual", "sexual/minors", "violence", "self-harm"}),
    frozenset({"sexual", "hate_and_discrimination", "violence_and_threats", "selfharm"}),
)


class ModerationEndpoint:
    """A `Classifier` that asks an endpoint: about the whole draft and, beside it, about each bubble.

    The whole, because a threat may be spread over bubbles; each, because one among many is watered down.
    """

    def __init__(self, server: ModerationServer, model: str = "", *, one_text: bool = False) -> None:
        self._server = server
        self._model = model
        self._one_text = one_text

    async def classify(self, sample: Sample) -> Scores:
        """See `Classifier.classify`."""
        if self._one_text or len(sample.bubbles) <= 1:
            found = await self._ask(sample.text, 1)
        else:
            texts = [sample.text, *sample.bubbles]
            found = await self._ask(texts, len(texts))
        return Scores(highest(*found), "endpoint", self._model or "default")

    async def _ask(self, texts: str | Sequence[str], count: int) -> list[dict[Category, float]]:
        body: dict[str, Any] = {"input": texts}
        if self._model:
            body["model"] = self._model
        return _read(await self._server.ask(_PATH, body), count)


def _read(answer: object, count: int) -> list[dict[Category, float]]:
    """Read the scores of each text. Raises AnswerInvalid for whatever is not as documented."""
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or len(results) != count:
        raise AnswerInvalid(_STRANGE)
    return [_scores(result) for result in results]


def _scores(result: object) -> dict[Category, float]:
    scores = result.get("category_scores") if isinstance(result, dict) else None
    if not isinstance(scores, dict):
        raise AnswerInvalid(_STRANGE)
    # A model that does not know a category gives null for it.
    known = {name: score for name, score in scores.items() if score is not None}
    if not any(needed <= known.keys() for needed in NEEDED):
        raise AnswerInvalid("the moderation endpoint left categories out: check the model's name")
    for score in known.values():
        # `True` is no score, and neither is NaN, which Python's reader takes for a number.
        if type(score) not in (int, float) or not 0.0 <= score <= 1.0:
            raise AnswerInvalid(_STRANGE)
    return highest(*({NAMES.get(name, Category.OTHER): float(score)} for name, score in known.items()))
