"""What the messages behind a dataset are like, in numbers: no text of theirs is kept but emoji and who wrote.

Counted from the exports as the recipes got them, and written beside the dataset as `facts.json`.
"""

from __future__ import annotations

import json
import random
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Final

from pydantic import BaseModel, ConfigDict

from chat.exports.export import Export
from chat.message import Message
from training.dataset.filters import Filtered
from training.dataset.languages import language_of

FACTS: Final = "facts.json"
LENGTHS: Final = (1, 6, 11, 21, 41, 81, 161, 321)
"""Characters at which a new step of the lengths begins."""
DELAYS: Final = (0, 10, 60, 300, 1800, 7200, 43200)
"""Seconds at which a new step of the delays begins."""
_BURST_GAP: Final = timedelta(hours=1)
"""Silence after which an own message begins a new burst."""
_READ: Final = 2_000
"""How many texts the languages are told from."""
_TELLING: Final = 20
"""Characters below which no language is told."""
EMOJI: Final = re.compile(
    "(?:[\U0001f1e6-\U0001f1ff]{2}|[\u2600-\u27bf\u2b50\u2b55\U0001f300-\U0001faff]"
    "[\ufe0f\U0001f3fb-\U0001f3ff]*(?:\u200d[\u2600-\u27bf\U0001f300-\U0001faff][\ufe0f\U0001f3fb-\U0001f3ff]*)*)"
)


class Facts(BaseModel):
    """The numbers. Counts by chat and by person are of messages; the rest is of the owner's own."""

    model_config = ConfigDict(frozen=True)

    messages: int = 0
    own: int = 0
    lengths: tuple[int, ...] = (0,) * len(LENGTHS)
    median_words: float = 0.0
    """Of an own message."""
    bubbles: Mapping[str, int] = {}
    """How many bursts have one message, two, … `6+`."""
    hours: tuple[int, ...] = (0,) * 24
    """By the clock of the exports."""
    delays: tuple[int, ...] = (0,) * len(DELAYS)
    """From somebody's message to the first of the burst after it."""
    emoji: Mapping[str, int] = {}
    with_emoji: int = 0
    languages: Mapping[str, int] = {}
    """Of a sample of own texts long enough to tell, by ISO 639-1."""
    chats: Mapping[str, int] = {}
    people: Mapping[str, int] = {}
    """Everybody but the owner."""
    taken: tuple[tuple[str, str, int], ...] = ()
    """What each filter took: kind, chat, messages."""
    pseudonyms: bool | None = None
    """Whether names and values stand for others; None where nobody wrote it down."""
    own_name: bool = False
    """Whether the owner's name is the real one all the same."""

    def write(self, folder: Path) -> None:
        """Write them beside a dataset. Raises OSError."""
        (folder / FACTS).write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Facts | None:
        """Read them, or give None where nobody wrote them. Raises ValueError when they are damaged."""
        path = folder / FACTS
        return cls.model_validate(json.loads(path.read_bytes())) if path.exists() else None


def facts_of(found: Filtered, titles: Mapping[str, str] | None = None) -> Facts:
    """Count. `titles` name chats of which nothing is left; a chat is named by its title."""
    named = {str(export.chat.key): export.chat.title for export in found.exports} | dict(titles or {})
    tally = _Tally()
    for export in found.exports:
        tally.add(export)
    own = tally.own
    return Facts(
        messages=tally.messages,
        own=len(own),
        lengths=_steps((len(text) for text in own), LENGTHS),
        median_words=median(len(text.split()) for text in own) if own else 0.0,
        bubbles={("6+" if size == 6 else str(size)): tally.bubbles[size] for size in range(1, 7)},
        hours=tuple(tally.hours[hour] for hour in range(24)),
        delays=_steps(tally.delays, DELAYS),
        emoji=dict(Counter(sign for text in own for sign in EMOJI.findall(text)).most_common(12)),
        with_emoji=sum(EMOJI.search(text) is not None for text in own),
        languages=_languages(own),
        chats=dict(tally.chats.most_common()),
        people=dict(tally.people.most_common()),
        taken=tuple(
            (cut.kind.value, named.get(str(cut.chat), str(cut.chat)), cut.messages) for cut in found.cuts
        ),
        pseudonyms=found.pseudonyms,
        own_name=found.own_name,
    )


class _Tally:
    """What is counted message by message."""

    def __init__(self) -> None:
        self.messages = 0
        self.own: list[str] = []
        self.bubbles: Counter[int] = Counter()
        self.hours: Counter[int] = Counter()
        self.delays: list[float] = []
        self.chats: Counter[str] = Counter()
        self.people: Counter[str] = Counter()

    def add(self, export: Export) -> None:
        self.messages += len(export.messages)
        self.chats[export.chat.title] += len(export.messages)
        before: Message | None = None
        for burst in _bursts(export.messages):
            first = burst[0]
            if first.own:
                self.own += [message.text for message in burst if message.text.strip()]
                self.hours.update(message.sent_at.hour for message in burst)
                self.bubbles[min(len(burst), 6)] += 1
                if before is not None and not before.own:
                    self.delays.append((first.sent_at - before.sent_at).total_seconds())
            else:
                self.people.update(message.author.name for message in burst)
            before = burst[-1]


def _bursts(messages: Iterable[Message]) -> Iterator[Sequence[Message]]:
    for own, run in groupby(messages, key=lambda message: message.own):
        burst: list[Message] = []
        for message in run:
            if own and burst and message.sent_at - burst[-1].sent_at > _BURST_GAP:
                yield burst
                burst = []
            burst.append(message)
        yield burst


def _steps(values: Iterable[float], begins: Sequence[int]) -> tuple[int, ...]:
    counts = Counter(max(bisect_right(begins, value) - 1, 0) for value in values)
    return tuple(counts[step] for step in range(len(begins)))


def _languages(texts: Sequence[str]) -> dict[str, int]:
    telling = [text for text in texts if len(text) >= _TELLING]
    if not telling:
        return {}
    sample = random.Random(0).sample(telling, min(_READ, len(telling)))
    return dict(Counter(language_of(text)[0] for text in sample).most_common(8))
