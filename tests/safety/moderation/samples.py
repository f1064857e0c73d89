"""Short ways to samples, and classifiers that say what a test wants."""

from __future__ import annotations

from safety.moderation.classifier import Category, Sample, Scores
from safety.moderation.errors import ModerationError


def sample(*bubbles: str, context: tuple[str, ...] = (), incoming: bool = False) -> Sample:
    return Sample(bubbles, context, incoming)


class Says:
    """Gives the same scores for each sample, or others for what was said to the persona; counts what it is asked."""

    def __init__(
        self, values: dict[Category, float] | None = None, incoming: dict[Category, float] | None = None
    ) -> None:
        self._values = values or {}
        self._incoming = incoming or {}
        self.asked: list[Sample] = []

    async def classify(self, sample: Sample) -> Scores:
        self.asked.append(sample)
        return Scores(self._incoming if sample.incoming else self._values, "said", "test")


class Away:
    """Raises what a classifier may raise."""

    def __init__(self, error: ModerationError) -> None:
        self.error = error
        self.asked = 0

    async def classify(self, sample: Sample) -> Scores:
        self.asked += 1
        raise self.error
