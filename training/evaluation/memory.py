"""What generated text repeats from training, beside what the person repeats of their own.

People repeat themselves, so a run of words that also stands in training proves nothing by itself: what counts is how
much oftener it happens than in the person's own held-out texts. Long runs are listed all the same, with where they come
from: one from another chat may tell somebody what they were not told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, combinations_with_replacement
from types import MappingProxyType
from typing import Final

from rapidfuzz.distance import LCSseq, MatchingBlock

from training.dataset.row import Document, Row, Talk
from training.evaluation.estimate import Estimate
from training.evaluation.runs import Run, SharedRuns, weight_of, words_of
from training.evaluation.said import Said

WORDS: Final = 8
"""Words of a long run: shorter ones are everyday phrases."""
COMMON: Final = 3
"""A run that stands in so many texts of training is a phrase, and no memory of any of them."""
STEPS: Final = (4, 6, 8, 12, 16, 24)
WHOLE_WORDS: Final = 4
"""An answer of fewer words that stands in training is what anybody says."""
NEAR: Final = 0.8
"""Which part of the words of a run must be the same, in their order, for it to be nearly the same."""
_ANCHOR: Final = 3
_GAP: Final = 2
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where training has a text from: a chat, and the day on which the row ends that has it."""

    chat: str
    day: date


@dataclass(frozen=True, slots=True)
class Hit:
    """A long run of an answer, by the answer's number, that stands in training as well.

    `likeness` is 1 for a run that is the same word for word. `places` are the first of those it stands in.
    `elsewhere`: it stands in no text of the chat that it would be said in. `habit`: the person says it in held-out
    texts, too. The text is in no `repr`, which may reach a log.
    """

    answer: int
    text: str = field(repr=False)
    words: int
    characters: int
    likeness: float
    places: tuple[Place, ...]
    elsewhere: bool
    habit: bool

    @property
    def near(self) -> bool:
        """Whether it is nearly the same, and not word for word."""
        return self.likeness < 1


@dataclass(frozen=True, slots=True)
class Repeats:
    """How much texts repeat of training, phrases and all.

    `runs` is the share of texts with a run of at least so many words. `whole` is the share that stands in training
    as a whole, with at least `WHOLE_WORDS` words. `long` is the share with a long run, exact or near, that is no
    phrase. `longest` is in words.
    """

    texts: int
    runs: Mapping[int, Estimate]
    whole: Estimate
    long: Estimate
    longest: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Generated answers beside the person's own held-out texts, and each long run of the answers."""

    persona: Repeats
    himself: Repeats
    hits: tuple[Hit, ...]

    @property
    def elsewhere(self) -> tuple[Hit, ...]:
        """The hits from another chat than the one they would be said in."""
        return tuple(hit for hit in self.hits if hit.elsewhere)


def memory(train: Sequence[Row], said: Sequence[Said], held_out: Sequence[str]) -> Memory:
    """Look for what answers repeat of training, and what the person's held-out texts do.

    Everything shown in training counts, not only what was learned. What an answer takes from its own prompt is no
    memory. A dataset's held-out part has copies of training taken out, so that the person's own rate is, if
    anything, too low.
    """
    body = tuple(_units(train))
    answers = [answer.answer.text for answer in said]
    texts = [words_of(text) for text in (*answers, *held_out)]
    shared = SharedRuns([unit.words for unit in body], texts)
    finder = _Finder(shared, body, texts)
    own = [" ".join(words) for words in texts[len(answers) :]]
    found = {}
    for number, one in enumerate(said):
        prompt = f" {' '.join(words_of(one.case.prompt))} "
        found[number] = [match for match in finder.long(number) if f" {match.text} " not in prompt]
    habits = "\n".join(f" {text} " for text in own)
    hits = tuple(
        Hit(
            number,
            match.text,
            match.words,
            len(match.text),
            match.likeness,
            tuple(sorted({body[unit].place for unit in match.units}))[:_SHOWN],
            said[number].case.chat not in {body[unit].place.chat for unit in match.units},
            f" {match.text} " in habits,
        )
        for number, matches in found.items()
        for match in matches
    )
    later = range(len(answers), len(texts))
    return Memory(
        finder.repeats(range(len(answers)), {number for number, matches in found.items() if matches}),
        finder.repeats(later, {number for number in later if any(finder.long(number))}),
        hits,
    )


@dataclass(frozen=True, slots=True)
class _Unit:
    """A text of training: an answer, or somebody's line."""

    words: tuple[str, ...]
    place: Place
    learned: bool


@dataclass(frozen=True, slots=True)
class _Match:
    text: str
    words: int
    likeness: float
    units: tuple[int, ...]


def _units(rows: Sequence[Row]) -> Iterator[_Unit]:
    """Each learned answer, then each line that was only shown: once a chat, for rows overlap."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for row in rows:
        place = Place(row.chat, row.last.date())
        answers = ["\n".join(row.answers)] if isinstance(row.body, Document) else row.answers
        for answer in answers:
            lines = [tuple(words_of(line)) for line in answer.splitlines()]
            seen.update((row.chat, line) for line in lines)
            yield _Unit(tuple(chain.from_iterable(lines)), place, True)
    for row in rows:
        place = Place(row.chat, row.last.date())
        for line in _shown(row):
            words = tuple(words_of(line))
            if words and (row.chat, words) not in seen:
                seen.add((row.chat, words))
                yield _Unit(words, place, False)


def _shown(row: Row) -> Iterator[str]:
    for number, part in enumerate(row.body.parts):
        if isinstance(row.body, Talk) and row.body.messages[number].role == "system":
            continue
        at = 0
        for span in [span for span in row.learned if span.part == number]:
            yield from part[at : span.begin].splitlines()
            at = span.end
        yield from part[at:].splitlines()


class _Finder:
    def __init__(self, shared: SharedRuns, body: Sequence[_Unit], texts: Sequence[Sequence[str]]) -> None:
        self._shared, self._body, self._texts = shared, body, texts
        self._learned = {unit.words for unit in body if unit.learned and len(unit.words) >= WHOLE_WORDS}

    def long(self, number: int) -> Iterator[_Match]:
        """Long runs of a text that are no phrases: those that are the same, then those nearly so."""
        text = self._texts[number]
        taken: list[range] = []
        for run in self._shared.longest(number):
            if sum(map(weight_of, text[run.at : run.at + run.words])) >= WORDS:
                taken.append(range(run.at, run.at + run.words))
                units = self._shared.sources(run)
                if len(units) < COMMON:
                    yield _Match(" ".join(text[run.at : run.at + run.words]), run.words, 1.0, units)
        if sum(map(weight_of, text)) >= WORDS:
            yield from self._near(number, taken)

    def _near(self, number: int, taken: Sequence[range]) -> Iterator[_Match]:
        text, best, origin = self._texts[number], None, 0
        anchors: dict[tuple[int, int], Run] = {}
        for run in self._shared.near(number, _ANCHOR):
            # Of a long text only what can lie beside the run: an alignment takes the product of both lengths.
            begin = max(0, run.place - len(text) - _GAP)
            found = near_run(text, self._body[run.source].words[begin : run.place + len(text) + _GAP])
            if found is not None:
                anchors[run.at, run.words] = run
                if best is None or found.end - found.at > best.end - best.at:
                    best, origin = found, run.source
        if best is None or any(one.start < best.end and best.at < one.stop for one in taken):
            return  # nothing, or it has been told already
        part = text[best.at : best.end]
        # The neighbours are two of all texts that have it: a phrase stands in more.
        there = {source for run in anchors.values() for source in self._shared.sources(run)}
        units = tuple(
            source
            for source in sorted({origin, *there})
            if source == origin or near_run(part, self._body[source].words)
        )
        if len(units) < COMMON:
            yield _Match(" ".join(part), len(part), best.likeness, units)

    def repeats(self, numbers: Iterable[int], long: set[int]) -> Repeats:
        """Sum up some of the texts."""
        longest = [max((run.words for run in self._shared.longest(number)), default=0) for number in numbers]
        whole = sum(tuple(self._texts[number]) in self._learned for number in numbers)
        count = len(longest)
        return Repeats(
            count,
            MappingProxyType(
                {step: Estimate.share(sum(words >= step for words in longest), count) for step in STEPS}
            ),
            Estimate.share(whole, count),
            Estimate.share(len(long), count),
            max(longest, default=0),
        )


@dataclass(frozen=True, slots=True)
class NearRun:
    """Words `at` to `end` of a text that another has nearly alike."""

    at: int
    end: int
    likeness: float


def near_run(text: Sequence[str], other: Sequence[str]) -> NearRun | None:
    """The longest run of a text that another has with few words changed, added or left out, if it is long."""
    best: NearRun | None = None
    for blocks in _close(LCSseq.editops(text, other).as_matching_blocks()):
        for first, last in combinations_with_replacement(range(len(blocks)), 2):
            part = blocks[first : last + 1]
            at, end = part[0].a, part[-1].a + part[-1].size
            span = max(end - at, part[-1].b + part[-1].size - part[0].b)
            same = [place for block in part for place in range(block.a, block.a + block.size)]
            if (
                len(same) >= NEAR * span
                and sum(weight_of(text[place]) for place in same) >= NEAR * WORDS
                and sum(map(weight_of, text[at:end])) >= WORDS
                and (best is None or end - at > best.end - best.at)
            ):
                best = NearRun(at, end, len(same) / span)
    return best


def _close(blocks: Iterable[MatchingBlock]) -> Iterator[list[MatchingBlock]]:
    """Blocks between which so few words differ that they may be of one run."""
    group: list[MatchingBlock] = []
    for block in blocks:
        if not block.size:
            continue
        if group and max(block.a - group[-1].a, block.b - group[-1].b) - group[-1].size > _GAP:
            yield group
            group = []
        group.append(block)
    if group:
        yield group
