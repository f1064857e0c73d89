"""What can be set of moderation: who judges, from which score on, and what happens then."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from pydantic import SecretStr

from safety.moderation.classifier import Category
from safety.verdict import Outcome

CategoryOutcome = Literal["hold", "rewrite", "drop", "allow"]
"""`hold` for a person, `rewrite` up to `worker.rewrites` times and then drop, `drop`, or `allow` whatever the score."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The score, above 0 and up to 1, from which on a category counts. Raises ValueError outside that."""

    harassment: float = 0.8
    hate: float = 0.8
    sexual: float = 0.8
    sexual_minors: float = 0.6
    violence: float = 0.8
    self_harm: float = 0.6
    illicit: float = 0.8
    privacy: float = 0.8
    other: float = 0.8

    def __post_init__(self) -> None:
        for part in fields(self):
            if not 0.0 < getattr(self, part.name) <= 1.0:
                raise ValueError(f"the threshold of {part.name} must be above 0 and at most 1")

    def of(self, category: Category) -> float:
        """The threshold of a category."""
        return float(getattr(self, category.value))


@dataclass(frozen=True, slots=True)
class CategoryOutcomes:
    """What happens with a draft in which a category counts. Raises ValueError if `sexual_minors` is allowed."""

    harassment: CategoryOutcome = "rewrite"
    hate: CategoryOutcome = "drop"
    sexual: CategoryOutcome = "hold"
    sexual_minors: CategoryOutcome = "drop"
    violence: CategoryOutcome = "hold"
    self_harm: CategoryOutcome = "hold"
    illicit: CategoryOutcome = "hold"
    privacy: CategoryOutcome = "hold"
    other: CategoryOutcome = "hold"

    def __post_init__(self) -> None:
        if self.sexual_minors == "allow":
            raise ValueError("sexual_minors is never allowed")

    def of(self, category: Category) -> Outcome:
        """The outcome of a category."""
        return Outcome(getattr(self, category.value))


@dataclass(frozen=True, slots=True)
class ModerationSettings:
    """Which classifier judges drafts, and what follows. Raises ValueError for what cannot work."""

    backend: Literal["lexicon", "endpoint", "guard_model"] = "lexicon"
    """`lexicon` is built in; `endpoint` an OpenAI-compatible `/v1/moderations`; `guard_model` a chat model for it."""
    base_url: str = ""
    """Of the server, ending in `/v1`."""
    api_key: SecretStr = SecretStr("")  # noqa: RUF009 - frozen
    model: str = ""
    """The model's name at the server; an endpoint may have a default of its own."""
    guard: Literal["llama_guard", "shield_gemma", "granite_guardian"] = "llama_guard"
    """Which family the guard model is of."""
    one_text: bool = False
    """Send an endpoint one text a request, for servers that take no list."""
    try_seconds: float = 5.0
    """How long one request may take."""
    seconds: float = 12.0
    """How long one judgement may take, all tries and the waits between them included."""
    attempts: int = 3
    away: Literal["hold", "drop"] = "hold"
    """What happens with a draft that nobody could judge. It never leaves by itself."""
    turns: bool = False
    """Judge what the others said as well, and hold the draft for a person if a category counts there."""
    remembered: int = 256
    """Judgements kept in memory, so that a retry does not ask again."""
    thresholds: Thresholds = Thresholds()
    outcomes: CategoryOutcomes = CategoryOutcomes()

    def __post_init__(self) -> None:
        if not (self.try_seconds > 0 and self.seconds > 0 and self.attempts > 0 and self.remembered >= 0):
            raise ValueError("try_seconds, seconds and attempts must be more than 0, remembered 0 or more")
        key = self.api_key.get_secret_value()
        if not (key.isascii() and key.isprintable()):
            raise ValueError("an API key is printable ASCII: copy it again")
        if self.backend == "lexicon":
            return
        if not self.base_url.startswith(("http://", "https://")):
            raise ValueError(f"backend {self.backend} needs base_url, such as http://localhost:8000/v1")
        if self.backend == "guard_model" and not self.model:
            raise ValueError("backend guard_model needs model, the name under which the server serves it")
