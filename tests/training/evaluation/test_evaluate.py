"""An evaluation from beginning to end, with the real llama.cpp: what it writes, for whom, and on what it refuses to."""

from __future__ import annotations

import asyncio
import json
import shutil
import stat
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from inference.persona import (
    Base,
    Origin,
    PersonaManifest,
    WeightsFile,
    fingerprint_of,
    load_persona,
    read_manifest,
    write_persona_toml,
)
from inference.sampling import Sampling
from tests.training.evaluation.conftest import SAMPLE
from training.dataset.folder import open_dataset
from training.errors import BaseUnusable, WrongDataset
from training.evaluation.speaker import Answer

if TYPE_CHECKING:
    from training.evaluation.subject import Subject

pytestmark = pytest.mark.train


@pytest.fixture
def persona_folder(sample_data: Path, tmp_path: Path) -> Path:
    """Sam, with the test's dataset on record as the one he was trained on."""
    folder = tmp_path / "sam"
    shutil.copytree(SAMPLE, folder)
    origin = Origin(fingerprint=open_dataset(sample_data).fingerprint)
    write_persona_toml(folder, read_manifest(folder).model_copy(update={"dataset": origin}))
    return folder


@pytest.fixture
async def subject(persona_folder: Path, sample_data: Path) -> Subject:
    from training.evaluation.subject import Subject

    return Subject(await load_persona(persona_folder), open_dataset(sample_data))


class Mute:
    """Fails a test in which anybody is asked."""

    async def answers(
        self, prompts: Sequence[str], sampling: Sampling, stop: tuple[str, ...], seed: int
    ) -> tuple[Answer | None, ...]:
        raise AssertionError("nobody was to be asked")


async def test_a_report_figures_and_a_line_in_persona_toml(subject: Subject, tmp_path: Path) -> None:
    from training.evaluation.evaluate import Plan, as_json, evaluate, record
    from training.evaluation.subject import Speakers

    out, plan = tmp_path / "evaluation", Plan(40, 3, date(2026, 1, 2))
    done: dict[str, tuple[int, int]] = {}
    async with subject.speakers() as speakers:
        found = await evaluate(
            subject, speakers, out, plan, heard=lambda what, step, of: done.update({what: (step, of)})
        )
    assert {"report.html", "evaluation.json", "generations.jsonl"} == {path.name for path in out.iterdir()}
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == {0o600}
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    assert done["the persona answers"] == done["the base answers"] == (40, 40)

    text = (out / "evaluation.json").read_text()
    figures = json.loads(text)
    assert figures["answers"] == 40
    assert figures["score"]["missing"] == []
    assert (
        figures["perplexity"]["persona"]["perplexity"]["value"]
        < figures["perplexity"]["base"]["perplexity"]["value"]
    )
    assert figures["style"]["base"]["mean"]["value"] > 0
    # Nobody's words and nobody's name: it may be shown around, the report may not.
    said = [one.answer.text for one in found.measures.said] + [one.case.real for one in found.measures.said]
    assert not [line for words in said for line in words.splitlines() if len(line) > 12 and line in text]
    assert not [name for name in ("Mia", "Leo", "Nora", "Friday") if name in text]

    html = (out / "report.html").read_text()
    assert "Private: this page quotes messages" in html
    assert all(part in html for part in ("the person wrote", "the persona wrote", "the base wrote", "<svg"))

    before = read_manifest(subject.persona.folder)
    record(subject, found)
    persona = await load_persona(subject.persona.folder)
    assert persona.fingerprint == before.fingerprint == subject.persona.fingerprint
    assert persona.manifest.evaluation is not None
    assert persona.manifest.evaluation["score"][0] == pytest.approx(
        found.measures.score.value.value, abs=0.05
    )

    # Once more: what was generated is on file, nobody is asked, and the figures are the same to the last digit.
    again = await evaluate(subject, Speakers(Mute(), Mute(), "llama.cpp"), out, plan)
    assert as_json(again.figures) == as_json(found.figures) == text.rstrip("\n")


async def test_the_report_tells_what_spoke_against_the_training(
    persona_folder: Path, sample_data: Path
) -> None:
    from training.evaluation.subject import Subject

    record = persona_folder / "adapter/training.json"
    told = json.loads(record.read_text()) | {"warnings": ["single messages on an instruct model"]}
    record.write_text(json.dumps(told))
    notes = Subject(await load_persona(persona_folder), open_dataset(sample_data)).notes
    assert "From its training: single messages on an instruct model." in notes


async def test_pytorch_speaks_where_there_is_no_gguf(subject: Subject) -> None:
    from training.evaluation.torch_speaker import TorchSpeaker

    async with subject.speakers(here=True) as speakers:
        assert speakers.engine == "PyTorch"
        assert isinstance(speakers.persona, TorchSpeaker)
        (case, *_) = subject.layout.cases(subject.dataset.rows("test"))
        greedy = Sampling(temperature=0, max_tokens=20)
        (own,) = await speakers.persona.answers([case.prompt], greedy, subject.layout.stop, 0)
        assert speakers.base is not None
        (bare,) = await speakers.base.answers([case.prompt], greedy, subject.layout.stop, 0)
    async with subject.speakers() as served:
        assert await served.persona.answers([case.prompt], greedy, subject.layout.stop, 0) == (own,)
        assert served.base is not None
        assert await served.base.answers([case.prompt], greedy, subject.layout.stop, 0) == (bare,)


async def test_a_dataset_that_it_was_not_trained_on_is_refused(
    persona_folder: Path, sample_data: Path, tmp_path: Path
) -> None:
    from training.evaluation.subject import Subject, find_dataset

    manifest = read_manifest(persona_folder)
    other = Origin(fingerprint="f" * 64)
    write_persona_toml(persona_folder, manifest.model_copy(update={"dataset": other}))
    persona = await load_persona(persona_folder)
    with pytest.raises(WrongDataset, match="ffffffffffff") as caught:
        Subject(persona, open_dataset(sample_data))
    assert "\n" not in str(caught.value)
    with pytest.raises(WrongDataset, match="not in the state folder"):
        find_dataset(persona, [tmp_path, sample_data])


async def test_the_dataset_is_found_by_its_fingerprint_also_after_somebody_was_taken_out(
    persona_folder: Path, sample_data: Path, tmp_path: Path
) -> None:
    from training.evaluation.subject import Subject, find_dataset

    persona = await load_persona(persona_folder)
    assert find_dataset(persona, [tmp_path / "none", tmp_path, sample_data]).path == sample_data
    manifest = read_manifest(persona_folder)
    former = Origin(fingerprint="e" * 64)
    write_persona_toml(persona_folder, manifest.model_copy(update={"dataset": former}))
    smaller = tmp_path / "smaller"
    shutil.copytree(sample_data, smaller)
    record = json.loads((smaller / "dataset.json").read_text())
    (smaller / "dataset.json").write_text(json.dumps({**record, "forgotten": ["e" * 64]}))
    persona = await load_persona(persona_folder)
    subject = Subject(persona, find_dataset(persona, [sample_data, smaller]))
    assert subject.dataset.path == smaller
    assert "Somebody was taken out" in subject.notes[0]


async def test_a_persona_without_a_record_says_that_nobody_knows(
    persona_folder: Path, sample_data: Path
) -> None:
    from training.evaluation.subject import Subject, find_dataset

    write_persona_toml(persona_folder, read_manifest(persona_folder).model_copy(update={"dataset": None}))
    persona = await load_persona(persona_folder)
    assert "no record" in Subject(persona, open_dataset(sample_data)).notes[0]
    with pytest.raises(WrongDataset, match="--dataset"):
        find_dataset(persona, [sample_data])


async def test_without_the_bases_folder_it_says_which_to_give(
    persona_folder: Path, sample_data: Path, tmp_path: Path
) -> None:
    from training.evaluation.subject import Subject

    shutil.rmtree(persona_folder / "base")
    persona = await load_persona(persona_folder)
    with pytest.raises(BaseUnusable, match="--base"):
        Subject(persona, open_dataset(sample_data))
    assert Subject(persona, open_dataset(sample_data), SAMPLE / "base").layout.stop == ()
    shutil.copytree(SAMPLE / "base", other := tmp_path / "other")
    weights = bytearray((other / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (other / "model.safetensors").write_bytes(weights)
    with pytest.raises(BaseUnusable, match="is not the base that persona sam was trained on"):
        Subject(persona, open_dataset(sample_data), other)


async def test_no_row_is_read_beyond_the_models_context(subject: Subject) -> None:
    from training.evaluation.bench import Bench

    read: list[int] = []
    subject.model.register_forward_pre_hook(
        lambda _model, _args, told: read.append(told["input_ids"].shape[1]), with_kwargs=True
    )
    bench = Bench(subject.dataset, subject.layout, side="test", generations=20)
    for longest in (2048, 96):
        subject.model.config.max_position_embeddings = longest
        assert subject.perplexity(bench) is not None
        assert (max(read) > 96) == (longest > 96)
        read.clear()


async def test_questions_are_answered_by_both(subject: Subject) -> None:
    from training.evaluation.ask import QUESTIONS, ask

    async with subject.speakers(abreast=1) as speakers:
        first, *rest = await ask(
            subject.layout, speakers.persona, speakers.base, QUESTIONS, subject.persona.sampling, seed=1
        )
    assert len(rest) == len(QUESTIONS) - 1
    assert first.question == "What is the personality of the one who wrote the prompts?"
    assert first.persona
    assert first.base
    assert [one.persona for one in (first, *rest)] != [one.base for one in (first, *rest)]
    assert first.persona not in repr(first)


async def test_a_persona_of_trained_weights_is_compared_with_what_they_were(
    persona_folder: Path, sample_data: Path, tmp_path: Path
) -> None:
    from training.evaluation.evaluate import Plan, evaluate
    from training.evaluation.subject import Speakers, Subject

    manifest = read_manifest(persona_folder)
    assert manifest.template is not None
    await asyncio.to_thread(_merge, persona_folder)
    base = Base(
        name="sample",
        trained_from=manifest.base.sha256,
        safetensors=(WeightsFile.of(persona_folder, "base/model.safetensors"),),
    )
    parts: dict[str, Any] = {"base": base, "adapter": None, "sampling": manifest.sampling}
    print_ = fingerprint_of(
        **parts, template=(persona_folder / manifest.template.file).read_text(), prompt=manifest.prompt
    )
    told = manifest.model_dump() | {
        "format": 2,
        "fingerprint": print_,
        "base": base.model_dump(),
        "adapter": None,
    }
    write_persona_toml(persona_folder, PersonaManifest.model_validate(told))
    persona, data = await load_persona(persona_folder), open_dataset(sample_data)
    plan = Plan(40, 3, date(2026, 1, 2))
    subject = Subject(persona, data, SAMPLE / "base")
    async with subject.speakers() as speakers:
        found = await evaluate(subject, speakers, tmp_path / "evaluation", plan)
    assert found.figures["style"]["base"]["mean"]["value"] > 0
    perplexity = found.figures["perplexity"]
    assert perplexity["persona"]["perplexity"]["value"] < perplexity["base"]["perplexity"]["value"]
    alone = Subject(persona, data)
    assert not alone.compared
    with pytest.raises(BaseUnusable, match="give the base that they were before"):
        await evaluate(alone, Speakers(Mute(), None, "nobody"), tmp_path / "none", plan)


def _merge(folder: Path) -> None:
    """Write Sam's adapter into his base's weights."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(SAMPLE / "base")
    PeftModel.from_pretrained(model, folder / "adapter").merge_and_unload().save_pretrained(folder / "base")
