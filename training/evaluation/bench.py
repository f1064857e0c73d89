"""The bench that a persona is measured on: held-out cases, and all of the person that is measured against.

It is made once of a dataset and a layout; any number of speakers are then put on it, as the search does.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from inference.errors import PromptTooLong
from inference.pace import TypingProfile
from inference.prompt import split_bubbles
from inference.sampling import Sampling
from training.dataset.facts import Facts
from training.dataset.folder import DatasetFolder, Side
from training.dataset.row import Row
from training.errors import DatasetTooSmall, TooFewTexts
from training.evaluation.authorship import Authorship, authorship
from training.evaluation.contacts import Contacts, contacts
from training.evaluation.delay import Delay, delay
from training.evaluation.estimate import Estimate
from training.evaluation.faults import Faults, faults, languages_of
from training.evaluation.generations import Generations
from training.evaluation.memory import Memory, memory
from training.evaluation.perplexity import Perplexity
from training.evaluation.score import Judged, Score, score
from training.evaluation.silences import Silences, silences
from training.evaluation.speaker import Said, Speaker
from training.evaluation.style import Sample, Yardsticks, once, samples_of, yardsticks_of
from training.evaluation.voices import voices_of
from training.layout import Case, Layout

GENERATIONS = 500
"""Answers that an evaluation is made of."""
FEW = 30
"""Held-out answers of the person below which a report says that all of it hangs on hardly anything."""
QUICK = 120
"""Answers that a search compares its trials by."""
_PORTION = 32
_NEWEST = 4000
"""Rows of training, the last ones, that tell how the person writes now and who else writes."""
_LEAST_SCALE = 0.01
"""Of a style distance; less than that apart two samples of this size never are."""
_WORST = Estimate(1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Measures:
    """Everything that was measured of one speaker.

    `yardsticks` are None where it never said anything when the person did. `judged` is None where nobody can be
    told from the person. `base_taken` is the judge's share for the base.
    """

    said: tuple[Said, ...] = field(repr=False)
    base_said: tuple[Said, ...] = field(repr=False)
    yardsticks: Yardsticks | None
    faults: Faults
    base_faults: Faults | None
    memory: Memory
    judge: Authorship | None
    judged: Judged | None
    base_taken: Estimate | None
    contacts: Contacts | None
    silences: Silences | None
    delay: Delay | None
    perplexity: Perplexity | None
    score: Score
    too_long: int
    """Cases left out because their prompt does not fit the model."""


class Bench:
    """Cases drawn from one side of a dataset, and what the person wrote in training.

    `generations` cases are drawn; where there are fewer, they are asked again with other seeds. Raises
    DatasetTooSmall where fewer than two answers of the person are held out that could be asked for.
    """

    def __init__(
        self,
        dataset: DatasetFolder,
        layout: Layout,
        *,
        side: Side,
        generations: int = GENERATIONS,
        seed: int = 0,
    ) -> None:
        self.layout = layout
        self.side: Side = side
        self._seed = seed
        self._recipe = dataset.recipe
        self.train: tuple[Row, ...] = dataset.rows("train")
        self.held_out: tuple[Row, ...] = dataset.rows(side)
        self.all_cases = layout.cases(self.held_out)
        self.answers = sum(not case.silence for case in self.all_cases)
        if self.answers < 2:
            raise DatasetTooSmall(
                "hardly anything is held out that could be asked: raise split.held_out, and build the dataset again"
            )
        self.cases = _drawn(self.all_cases, generations, seed)
        facts = Facts.read(dataset.path)
        self._delays = facts.delays if facts else ()

    @cached_property
    def own(self) -> Sequence[Case]:
        """What the person wrote in training, the newest part of it."""
        return [case for case in self.layout.cases(self.train[-_NEWEST:]) if not case.silence]

    @cached_property
    def languages(self) -> frozenset[str]:
        """The person's languages."""
        return languages_of(case.real for case in self.own)

    @cached_property
    def judge(self) -> Authorship | None:
        """A judge of who wrote what; None where the dataset shows too little of anybody else."""
        name = self.layout.form.name
        authors = {name: [bubble for case in self.own for bubble in split_bubbles(case.real)]}
        others = voices_of(self.train[-_NEWEST:], self._recipe, name)
        try:
            return authorship({**others, **authors}, name, seed=self._seed)
        except TooFewTexts:
            return None

    async def say(
        self,
        speaker: Speaker,
        sampling: Sampling,
        *,
        kept: Generations | None = None,
        who: str = "persona",
        report: Callable[[int], None] = lambda _: None,
    ) -> tuple[Said, ...]:
        """Let a speaker answer all cases, portion by portion; a case whose prompt is too long is left out.

        `kept` has the portions that are there already, and gets the others. `report` hears how many are done.
        Raises InferenceError, and PromptTooLong where no prompt fits.
        """
        found: list[Said] = []
        for number, begin in enumerate(range(0, len(self.cases), _PORTION)):
            portion = self.cases[begin : begin + _PORTION]
            answers = kept.of(who, number) if kept else None
            if answers is None:
                prompts = [case.prompt for case in portion]
                own_seed = self._seed * 1_000_003 + number
                answers = await speaker.answers(prompts, sampling, self.layout.stop, own_seed)
                if kept:
                    kept.keep(who, number, answers)
            found += [
                Said(case, answer)
                for case, answer in zip(portion, answers, strict=True)
                if answer is not None
            ]
            report(begin + len(portion))
        if not found:
            raise PromptTooLong(
                "every prompt is longer than the model's context: show fewer history messages", status=400
            )
        return tuple(found)

    def style(self, said: Sequence[Said], base: Sequence[Said] = ()) -> Yardsticks | None:
        """How far answers lie from the person. Blocks. None where fewer than two moments can be compared."""
        real, _ = samples_of(once(said))
        _, generated = samples_of(said)
        if len(real) < 2 or not any(map(split_bubbles, generated.texts)):
            return None
        own = Sample([case.real for case in self.own], [(c.chat, c.row.first.date()) for c in self.own])
        return yardsticks_of(said, base, own, seed=self._seed)

    def measure(
        self,
        said: Sequence[Said],
        base: Sequence[Said] = (),
        perplexity: Perplexity | None = None,
        *,
        typing: TypingProfile | None = None,
        each_contact: bool = True,
    ) -> Measures:
        """Measure answers beside the base's and the person's own. Blocks. Raises TooFewTexts: nothing can be scored."""
        marks, style = self.layout.marks, self.style(said, base)
        remembered = memory(self.train, said, [case.real for case in self.all_cases if not case.silence])
        wrong = faults(said, marks, self.languages)
        judged = self._judged(said)
        return Measures(
            said=tuple(said),
            base_said=tuple(base),
            yardsticks=style,
            faults=wrong,
            base_faults=faults(base, marks, self.languages) if base else None,
            memory=remembered,
            judge=self.judge,
            judged=judged,
            base_taken=self._taken([one.answer.text for one in base]),
            contacts=self._contacts(said, base, remembered) if each_contact else None,
            silences=silences(said),
            delay=delay(self._delays, said, typing) if typing else None,
            perplexity=perplexity,
            score=score(
                # Who never speaks has no style at all.
                style=_on_the_scale(style) if style else _WORST,
                judged=judged,
                gain=perplexity.gain(self._seed) if perplexity else None,
                broken=wrong.any,
                long_runs=remembered.persona.long,
                own_long_runs=remembered.himself.long,
            ),
            too_long=len(self.cases) - len(said),
        )

    def _judged(self, said: Sequence[Said]) -> Judged | None:
        """The person's own rate is that of their held-out words: the judge knows those of training too well."""
        if self.judge is None:
            return None
        taken = self._taken([one.answer.text for one in said])
        real = self._taken([case.real for case in self.all_cases if not case.silence])
        if taken is None:
            return None
        return Judged(taken, real or self.judge.recognised, self.judge.mistaken)

    def _taken(self, texts: Sequence[str]) -> Estimate | None:
        bubbles = [bubble for text in texts for bubble in split_bubbles(text)]
        try:
            return self.judge.judge(bubbles) if self.judge else None
        except TooFewTexts:
            return None

    def _contacts(self, said: Sequence[Said], base: Sequence[Said], remembered: Memory) -> Contacts:
        own: dict[str, list[str]] = {}
        for case in self.own:
            own.setdefault(case.chat, []).append(case.real)
        return contacts(
            said,
            remembered,
            marks=self.layout.marks,
            languages=self.languages,
            seed=self._seed,
            base=base,
            own=own,
            judge=self.judge,
        )


def held_out_side(dataset: DatasetFolder) -> Side:
    """What an evaluation measures on: the test rows, or those held out for training where there are none.

    Raises DatasetTooSmall where nothing is held out.
    """
    rows: Mapping[str, int] = dataset.facts["rows"]
    if rows.get("test"):
        return "test"
    if rows.get("valid"):
        return "valid"
    raise DatasetTooSmall("this dataset holds nothing out: set split.held_out, and build it again")


def _on_the_scale(found: Yardsticks) -> Estimate | None:
    """Where between person (0) and base (1) the persona's style lies; None where there is no base.

    Where the base is not measurably further off than the person, the figure is that of the means, and between 0 and
    1 anything may be true: a score of other parts could not be compared with that of the next trial.
    """
    if found.base is None or found.normalised is not None:
        return found.normalised
    scale = max(found.base.mean.value - found.floor.mean.value, _LEAST_SCALE)
    value = (found.persona.mean.value - found.floor.mean.value) / scale
    return Estimate(min(max(value, 0.0), 1.0), 0.0, 1.0)


def _drawn(cases: tuple[Case, ...], count: int, seed: int) -> tuple[Case, ...]:
    """So many cases, each as often as the others but for one; in their order."""
    whole, rest = divmod(count, len(cases))
    drawn = sorted(random.Random(seed).sample(range(len(cases)), rest))
    return (*(cases * whole), *(cases[place] for place in drawn))
