"""The bench: whoever speaks as the person has a high score, and an evaluation goes on where it stopped."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from inference.errors import PromptTooLong
from inference.pace import TypingProfile
from inference.sampling import Sampling
from tests.training.evaluation.conftest import SAMPLE, dataset_since
from training.dataset.folder import open_dataset
from training.errors import DatasetTooSmall
from training.evaluation.bench import Bench, held_out_side
from training.evaluation.generations import Generations
from training.evaluation.score import Part
from training.evaluation.speaker import Answer
from training.layout import layout_of

pytestmark = pytest.mark.train

SAMPLING = Sampling()
POLITE = (
    "Certainly! I would be delighted to assist you with that, my dear friend.",
    "Thank you for your message. Could you please provide some further details?",
    "I completely understand; however, as an assistant I cannot attend in person.",
    "What a wonderful question! There are several important aspects to consider here.",
)


class Reader:
    """Answers with drawn texts: somebody who is known, put in the model's place. A real model is asked elsewhere."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self.asked = 0

    async def answers(
        self, prompts: Sequence[str], sampling: Sampling, stop: tuple[str, ...], seed: int
    ) -> tuple[Answer | None, ...]:
        draw = random.Random(seed)
        self.asked += len(prompts)
        return tuple(Answer(draw.choice(self._texts), 5, "stop") for _ in prompts)


@pytest.fixture(scope="module")
def bench(sample_data: Path) -> Bench:
    from inference.persona import read_manifest
    from training.base import BaseFolder
    from training.model import load_tokenizer

    dataset = open_dataset(sample_data)
    layout = layout_of(
        dataset.recipe, load_tokenizer(BaseFolder(SAMPLE / "base")), read_manifest(SAMPLE).prompt
    )
    return Bench(dataset, layout, side=held_out_side(dataset), generations=160)


async def test_two_answers_are_the_least_that_is_measured_and_tell_next_to_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    with pytest.raises(DatasetTooSmall, match=r"raise split\.held_out"):
        Bench(open_dataset(dataset_since("2024-08-13", one, test=0.25)), bench.layout, side="test")
    few = Bench(open_dataset(dataset_since("2024-08-14", two)), bench.layout, side="test", generations=40)
    assert few.answers == 2
    said = await few.say(Reader([case.real for case in few.own]), SAMPLING)
    found = few.style(said, await few.say(Reader(POLITE), SAMPLING))
    assert found is not None
    assert found.normalised is None
    assert (found.persona.mean.low, found.persona.mean.high) == (0, 1)


async def test_the_person_scores_high_and_a_stranger_low(bench: Bench) -> None:
    own = [case.real for case in bench.own]
    base = await bench.say(Reader(POLITE), SAMPLING)
    himself = bench.measure(await bench.say(Reader(own), SAMPLING), base, typing=TypingProfile())
    stranger = bench.measure(base, base)
    assert himself.score.missing == (Part.PERPLEXITY,)
    assert himself.score.parts[Part.STYLE].value > 0.85
    assert himself.score.parts[Part.AUTHORSHIP].value > 0.85
    assert stranger.score.value.value < 10
    assert stranger.score.value.high < himself.score.value.low
    # He says his training by heart, which is just what memory is for.
    assert himself.memory.persona.whole.value > 0.5 > stranger.memory.persona.whole.value
    assert himself.delay is not None
    assert himself.contacts is not None
    assert set(himself.contacts.measured) == {"whatsapp/Friday five"}


async def test_the_same_answers_have_the_same_score(bench: Bench) -> None:
    base = await bench.say(Reader(POLITE), SAMPLING)
    said = await bench.say(Reader([case.real for case in bench.own]), SAMPLING)
    assert bench.measure(said, base).score == bench.measure(said, base).score


async def test_somebody_who_never_speaks_has_no_style(bench: Bench) -> None:
    base = await bench.say(Reader(POLITE), SAMPLING)
    found = bench.measure(await bench.say(Reader([""]), SAMPLING), base)
    assert found.yardsticks is None
    assert found.score.value.value == 0
    assert found.faults.any.value == 1


def test_cases_are_asked_as_often_as_one_another(bench: Bench) -> None:
    asked = [bench.cases.count(case) for case in bench.all_cases]
    assert len(bench.cases) == 160
    assert max(asked) - min(asked) <= 1


async def test_an_evaluation_that_was_killed_goes_on(bench: Bench, tmp_path: Path) -> None:
    reader = Reader([case.real for case in bench.own])
    done: list[int] = []
    whole = await bench.say(reader, SAMPLING, kept=Generations(tmp_path / "g", {}), report=done.append)
    assert (reader.asked, done[-1]) == (160, 160)
    lines = (tmp_path / "g").read_bytes().splitlines(keepends=True)
    (tmp_path / "g").write_bytes(b"".join(lines[:3]) + lines[3][:50])
    assert await bench.say(reader, SAMPLING, kept=Generations(tmp_path / "g", {})) == whole
    assert reader.asked == 160 + 160 - 64


async def test_prompts_that_do_not_fit_are_left_out_and_counted(bench: Bench) -> None:
    class Short(Reader):
        async def answers(
            self, prompts: Sequence[str], sampling: Sampling, stop: tuple[str, ...], seed: int
        ) -> tuple[Answer | None, ...]:
            found = await super().answers(prompts, sampling, stop, seed)
            return tuple(
                answer if len(prompt) < limit else None for prompt, answer in zip(prompts, found, strict=True)
            )

    limit = sorted(len(case.prompt) for case in bench.cases)[80]
    said = await bench.say(Short(POLITE), SAMPLING)
    assert 0 < len(said) <= 80
    assert bench.measure(said, said).too_long == 160 - len(said)
    limit = 0
    with pytest.raises(PromptTooLong):
        await bench.say(Short(POLITE), SAMPLING)


async def test_where_base_and_person_are_alike_the_style_counts_all_the_same_and_is_hardly_known(
    bench: Bench,
) -> None:
    own = [case.real for case in bench.own]
    found = bench.measure(await bench.say(Reader(own), SAMPLING), await bench.say(Reader(own[::2]), SAMPLING))
    assert found.yardsticks is not None
    assert found.yardsticks.normalised is None
    style = found.score.parts[Part.STYLE]
    assert style.high - style.low > 0.8
