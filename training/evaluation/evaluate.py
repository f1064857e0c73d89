"""An evaluation from beginning to end: everybody speaks, all is measured, and a folder holds what came of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from chat.private_file import write_private
from inference.persona import FORMAT, read_manifest, write_persona_toml
from inference.sampling import Sampling
from training.errors import BaseUnusable
from training.evaluation.bench import FEW, Bench, Measures, held_out_side
from training.evaluation.figures import figures_of, summary_of
from training.evaluation.generations import GENERATIONS as FILE
from training.evaluation.generations import Generations
from training.evaluation.report_page import page
from training.evaluation.speaker import Said
from training.evaluation.subject import Speakers, Subject

REPORT: Final = "report.html"
FIGURES: Final = "evaluation.json"

Heard = Callable[[str, int, int], None]
"""What is done now, and how many of how many steps of it are."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many answers are generated, with which seed; `today` is the date that it is written down under."""

    generations: int
    seed: int
    today: date


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was found, and where it lies. `figures` are those of evaluation.json: no text of anybody is in them."""

    measures: Measures
    figures: Mapping[str, Any]
    folder: Path


async def evaluate(
    subject: Subject,
    speakers: Speakers,
    out: Path,
    plan: Plan,
    *,
    sampling: Sampling | None = None,
    heard: Heard = lambda _what, _done, _of: None,
) -> Evaluation:
    """Measure a persona on its held-out rows, and write report.html, evaluation.json and generations.jsonl to `out`.

    A second call with the same plan takes what the file of generations has, whether the first one came to its end or
    was killed. All files are the owner's alone. Raises TrainingError, InferenceError and OSError.
    """
    persona, sampling = subject.persona, sampling or subject.persona.sampling
    if not subject.compared:
        # Told before minutes of answers, of which nothing could be scored.
        raise BaseUnusable(
            f"all weights of {persona.name} were trained: give the base that they were before with --base"
        )
    bench = await asyncio.to_thread(
        Bench,
        subject.dataset,
        subject.layout,
        side=held_out_side(subject.dataset),
        generations=plan.generations,
        seed=plan.seed,
    )
    asked = {
        "persona": persona.fingerprint,
        "dataset": subject.dataset.fingerprint,
        "side": bench.side,
        "generations": plan.generations,
        "seed": plan.seed,
        "sampling": sampling.model_dump(mode="json"),
        "engine": speakers.engine,
    }
    kept = await asyncio.to_thread(_kept, out, asked)
    count = len(bench.cases)
    said = await bench.say(
        speakers.persona, sampling, kept=kept, report=lambda done: heard("the persona answers", done, count)
    )
    base: tuple[Said, ...] = ()
    if speakers.base is not None:
        base = await bench.say(
            speakers.base,
            sampling,
            kept=kept,
            who="base",
            report=lambda done: heard("the base answers", done, count),
        )
    heard("perplexity", 0, 1)
    perplexity = await asyncio.to_thread(subject.perplexity, bench)
    heard("measuring", 0, 1)
    measures = await asyncio.to_thread(lambda: bench.measure(said, base, perplexity, typing=persona.typing))
    heard("measuring", 1, 1)
    notes = (*subject.notes, *_notes(bench, measures))
    figures = {**asked, "date": plan.today.isoformat(), "notes": list(notes), **figures_of(measures)}
    write_private(out / FIGURES, (as_json(figures) + "\n").encode())
    write_private(out / REPORT, page(persona, measures, figures).encode())
    return Evaluation(measures, figures, out)


def as_json(figures: Mapping[str, Any]) -> str:
    """Give figures as evaluation.json has them."""
    return json.dumps(figures, indent=1, ensure_ascii=False)


def record(subject: Subject, evaluation: Evaluation) -> None:
    """Write the figures that people ask for first into persona.toml; its fingerprint stays as it is.

    Raises PersonaError when the folder cannot be read, and OSError.
    """
    manifest = read_manifest(subject.persona.folder)
    told = summary_of(evaluation.figures)
    evaluated = manifest.model_copy(update={"format": FORMAT, "evaluation": told})
    write_persona_toml(subject.persona.folder, evaluated)


def _notes(bench: Bench, measures: Measures) -> tuple[str, ...]:
    told = []
    if bench.answers < FEW:
        told.append(
            f"Only {bench.answers} answers of the person are held out: everything here hangs on those, however often "
            "they were asked for. Import more chats, or raise split.held_out."
        )
    if measures.too_long:
        told.append(
            f"{measures.too_long} cases were left out: their prompt is longer than the model's context."
        )
    if measures.judge is None:
        told.append("Nobody else writes enough in this dataset to be told from the person: no authorship.")
    if measures.silences is None:
        told.append("No silence is held out: nobody knows whether it falls silent when the person does.")
    style = measures.yardsticks
    if style is not None and style.base is not None and style.normalised is None:
        told.append(
            "The base is not measurably further from the person than the person is from their own words: how much of "
            "the way was gone is hardly known."
        )
    return tuple(told)


def _kept(out: Path, asked: Mapping[str, Any]) -> Generations:
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Generations(out / FILE, asked)
