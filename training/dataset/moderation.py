"""Messages that a classifier of moderation objects to are taken out, from a threshold a category on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import fields
from typing import Final

import polars as pl

from chat.exports.export import Export
from safety.moderation.classifier import Category, Classifier, Sample
from safety.moderation.errors import ModerationError
from safety.moderation.settings import Thresholds
from training.dataset.filters import Filtered, Taken, kept_where
from training.errors import ModerationAway

MILD: Final = 0.8
"""The higher of the two thresholds that write-ups of such datasets published: takes what is blatant."""
STRICT: Final = 0.6
"""The lower one."""


def thresholds(score: float, **others: float) -> Thresholds:
    """One threshold for all categories, but for those named. Raises ValueError for what is no score."""
    return Thresholds(**{part.name: others.get(part.name, score) for part in fields(Thresholds)})


async def moderated(
    exports: Sequence[Export], classifier: Classifier, limits: Thresholds, at_once: int = 8
) -> Filtered:
    """Take out every message in which a category scores its threshold or more; each text is judged once.

    `at_once` is how many texts are judged at the same time. Raises ModerationAway when one could not be judged:
    what nobody judged is in no dataset.
    """
    waiting = iter(
        sorted({text for export in exports for text in export.rows.get_column("text") if text.strip()})
    )
    guilty: set[str] = set()

    async def judge() -> None:
        for text in waiting:
            scores = await classifier.classify(Sample((text,), incoming=True))
            if any(scores.of(category) >= limits.of(category) for category in Category):
                guilty.add(text)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(judge())
    except* ModerationError as errors:
        first = errors.exceptions[0]
        raise ModerationAway(f"messages could not be judged, and none stays unjudged: {first}") from None
    masks = [~pl.col("text").is_in(sorted(guilty))] * len(exports)
    return kept_where(exports, Taken.MODERATED, masks)
