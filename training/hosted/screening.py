"""Moderation before anything is uploaded: which rows a classifier objects to.

A host moderates what it is given, and may close an account over it; so the same endpoint is asked first, with
thresholds of the owner's own. That sends text, too, and so waits for the same consent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from safety.moderation.classifier import Category, Classifier, Sample
from safety.moderation.endpoint import ModerationEndpoint
from safety.moderation.errors import AnswerInvalid, ClassifierRefused, ModerationError
from safety.moderation.lexicon import Lexicon
from safety.moderation.server import ModerationServer, Patience
from safety.moderation.settings import Thresholds
from training.hosted.errors import Flagged
from training.hosted.host import Host

_TEXTS: Final = 16
"""Texts in one request."""
_CHARACTERS: Final = 8_000
"""Characters in one request, unless one text alone has more."""


class Screen(StrEnum):
    """Who judges rows before they are uploaded."""

    ENDPOINT = "endpoint"
    """A host's `/v1/moderations`."""
    LEXICON = "lexicon"
    """The built-in lexicon: no text leaves for it, and it understands less."""
    OFF = "off"


class OnFlagged(StrEnum):
    """What becomes of rows that moderation objects to."""

    LEAVE_OUT = "leave_out"
    REFUSE = "refuse"
    """Nothing is uploaded at all."""


@dataclass(frozen=True, slots=True)
class Screening:
    """How rows are judged. `host` is whose endpoint is asked, with `endpoint`; an empty `model` is its default."""

    screen: Screen
    host: Host | None = None
    model: str = ""
    flagged: OnFlagged = OnFlagged.LEAVE_OUT
    thresholds: Thresholds = field(default_factory=Thresholds)
    seconds: float = 300.0
    """For one judgement, with all tries and the waits between them."""
    at_once: int = 4

    def __post_init__(self) -> None:
        if (self.screen is Screen.ENDPOINT) != (self.host is not None):
            raise ValueError("a moderation endpoint has a host, and nothing else has one")


@asynccontextmanager
async def open_screen(screening: Screening) -> AsyncIterator[Classifier | None]:
    """Open who judges, or nobody. Reaches nobody yet."""
    if screening.host is None:
        yield Lexicon() if screening.screen is Screen.LEXICON else None
        return
    patience = Patience(min(60.0, screening.seconds), screening.seconds, attempts=8)
    async with ModerationServer(screening.host.root, screening.host.key, patience) as server:
        yield ModerationEndpoint(server, screening.model)


async def objected(
    rows: Sequence[Sequence[str]], classifier: Classifier, screening: Screening
) -> tuple[int, ...]:
    """Give the numbers of the rows in which a text scores its category's threshold or more.

    Each text is judged once, however many rows show it. Raises Flagged when one could not be judged.
    """
    waiting = iter(list(_batches(dict.fromkeys(text for row in rows for text in row if text.strip()))))
    guilty: set[str] = set()

    async def judge(texts: Sequence[str]) -> None:
        scores = await classifier.classify(Sample(tuple(texts), incoming=True))
        if not any(scores.of(category) >= screening.thresholds.of(category) for category in Category):
            return
        if len(texts) == 1:
            guilty.add(texts[0])
            return
        # Which of them it was is found by halves: most batches are clean, and cost one request.
        middle = len(texts) // 2
        await judge(texts[:middle])
        await judge(texts[middle:])

    async def work() -> None:
        for texts in waiting:
            await judge(texts)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(screening.at_once):
                group.create_task(work())
    except* ModerationError as errors:
        raise _not_judged(next(_leaves(errors)), screening) from None
    return tuple(number for number, row in enumerate(rows) if not guilty.isdisjoint(row))


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _not_judged(error: BaseException, screening: Screening) -> Flagged:
    where = screening.host.name if screening.host else "the lexicon"
    if isinstance(error, ClassifierRefused):
        what = (
            "refuses to judge: check its key and hosted.moderation_model, "
            'or set hosted.screen = "lexicon" if it has no moderation'
        )
    elif isinstance(error, AnswerInvalid):
        what = 'has no moderation as OpenAI documents it: set hosted.screen = "lexicon" if it has none'
    else:
        what = "does not answer for moderation: try again later"
    return Flagged(f"{where} {what}; nothing was uploaded")


def _batches(texts: Iterable[str]) -> Iterator[tuple[str, ...]]:
    batch: list[str] = []
    for text in texts:
        if batch and (len(batch) == _TEXTS or sum(map(len, batch)) + len(text) > _CHARACTERS):
            yield tuple(batch)
            batch = []
        batch.append(text)
    if batch:
        yield tuple(batch)
