"""The search for a sampling: style decides, faults rule out, and what is found is written so that the persona loads."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from inference.errors import FingerprintMismatch
from inference.persona import load_persona, read_manifest, resampled, write_persona_toml
from inference.sampling import Sampling
from tests.training.evaluation.conftest import SAMPLE
from tests.training.evaluation.test_bench import POLITE, bench
from training.evaluation.bench import Bench
from training.evaluation.speaker import Answer

pytestmark = pytest.mark.train

__all__ = ["bench"]

PACKAGED = Sampling(temperature=0.1, top_p=0.9)


class Tempered:
    """The hotter, the more like the person; too hot, and it breaks. `broken` is from which temperature on."""

    def __init__(self, own: Sequence[str], broken: float) -> None:
        self._own = own
        self._broken = broken
        self.asked: list[Sampling] = []

    async def answers(
        self, prompts: Sequence[str], sampling: Sampling, stop: tuple[str, ...], seed: int
    ) -> tuple[Answer | None, ...]:
        self.asked.append(sampling)
        draw = random.Random(seed)
        found = []
        for _ in prompts:
            text = draw.choice(self._own if draw.random() < sampling.temperature else POLITE)
            if sampling.temperature >= self._broken and draw.random() < 0.3:
                text = "again and again and " * 9
            found.append(Answer(text, 5, "stop"))
        return tuple(found)


async def test_the_best_style_without_faults_is_found(bench: Bench) -> None:
    from training.evaluation.sweep import sweep

    speaker = Tempered([case.real for case in bench.own], broken=0.9)
    steps: list[tuple[int, int]] = []
    found = await sweep(bench, speaker, PACKAGED, trials=14, heard=lambda done, of: steps.append((done, of)))
    assert steps[-1] == (14, 14)
    assert found.packaged.sampling == PACKAGED
    assert 0.5 <= found.best.sampling.temperature < 0.9
    assert found.best.beyond < found.packaged.beyond
    assert not any(found.borne(trial) for trial in found.trials if trial.sampling.temperature >= 0.9)
    assert found.trials[0] is found.best
    assert found.best.sampling.max_tokens == PACKAGED.max_tokens


async def test_the_same_seed_tries_the_same(bench: Bench) -> None:
    from training.evaluation.sweep import sweep

    own = [case.real for case in bench.own]
    first, second = Tempered(own, 2), Tempered(own, 2)
    for speaker in (first, second):
        await sweep(bench, speaker, PACKAGED, trials=10, seed=4)
    assert first.asked == second.asked
    assert len(set(first.asked)) > 7


async def test_where_none_is_nearer_the_packaged_sampling_stays(bench: Bench) -> None:
    from training.evaluation.sweep import sweep

    hot = PACKAGED.model_copy(update={"temperature": 1.0})
    speaker = Tempered([case.real for case in bench.own], broken=3)
    found = await sweep(bench, speaker, hot, trials=3)
    assert found.best is found.packaged or found.best.sampling.temperature == 1.0


async def test_a_server_that_knows_two_filters_is_asked_for_two(bench: Bench) -> None:
    from training.evaluation.sweep import sweep

    speaker = Tempered([case.real for case in bench.own], broken=3)
    await sweep(bench, speaker, PACKAGED, trials=10, every_filter=False)
    assert {(one.min_p, one.repeat_penalty) for one in speaker.asked} == {(0.0, 1.0)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(SAMPLE, tmp_path / "sam")
    manifest = read_manifest(tmp_path / "sam")
    write_persona_toml(tmp_path / "sam", manifest.model_copy(update={"evaluation": {"score": [1, 0, 2]}}))
    return tmp_path / "sam"


async def test_a_new_sampling_is_a_new_fingerprint_and_no_evaluation(folder: Path) -> None:
    before = await load_persona(folder)
    fresh = before.sampling.model_copy(update={"temperature": 0.85, "min_p": 0.05})
    resampled(folder, fresh)
    after = await load_persona(folder)
    assert after.sampling == fresh
    assert after.fingerprint != before.fingerprint
    assert after.manifest.evaluation is None
    assert (after.canary, after.typing, after.figures) == (before.canary, before.typing, before.figures)
    resampled(folder, before.sampling)
    assert (await load_persona(folder)).fingerprint == before.fingerprint


async def test_a_folder_that_was_changed_gets_no_new_fingerprint(folder: Path) -> None:
    path = folder / "persona.toml"
    was = path.read_text()
    path.write_text(re.sub(r"^temperature = .*$", "temperature = 0.77", was, flags=re.MULTILINE))
    assert path.read_text() != was
    with pytest.raises(FingerprintMismatch):
        resampled(folder, Sampling())
