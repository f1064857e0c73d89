"""What `understudy evaluate` and `understudy ask` do, and what they show."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress

from bot.cli.screen import say, show_table
from inference.client import Endpoint
from inference.persona import load_persona, resampled
from training.dataset.folder import Side, open_dataset
from training.errors import BaseUnusable
from training.evaluation.ask import MARK, ask
from training.evaluation.bench import QUICK, Bench
from training.evaluation.evaluate import REPORT, Evaluation, Plan, as_json, evaluate, record
from training.evaluation.subject import Speakers, Subject, find_dataset
from training.evaluation.sweep import Sweep, sweep
from training.forgetting import register, registered
from training.places import noted_base


@dataclass(frozen=True, slots=True)
class Source:
    """Who is asked, and through what."""

    persona: Path
    state: Path
    dataset: Path | None
    base: Path | None
    server: str
    api_key: str
    here: bool
    abreast: int

    async def subject(self) -> Subject:
        """Open the persona, and the dataset that it was trained on. Raises InferenceError and TrainingError."""
        persona = await load_persona(self.persona)
        if persona.base.hosted is not None:
            raise BaseUnusable(
                f"{persona.name} is a model at a host, which is not measured here: that needs a base and a tokenizer"
            )
        if self.dataset is not None:
            dataset = await asyncio.to_thread(open_dataset, self.dataset)
        else:
            dataset = await asyncio.to_thread(find_dataset, persona, registered(self.state))
        base = self.base
        # A folder that came along is the first to be asked; weights that were all trained have another one before them.
        if base is None and (persona.adapter is None or not (persona.folder / "base").is_dir()):
            base = noted_base(self.state, persona.manifest)
        return await asyncio.to_thread(Subject, persona, dataset, base)

    @asynccontextmanager
    async def speakers(self, subject: Subject) -> AsyncIterator[Speakers]:
        """Open who speaks."""
        server = Endpoint(self.server, subject.persona.name, self.api_key) if self.server else None
        async with subject.speakers(server, here=self.here, abreast=self.abreast) as speakers:
            yield speakers


@dataclass(frozen=True, slots=True)
class Evaluating:
    """One call of `understudy evaluate`."""

    source: Source
    generations: int
    seed: int
    out: Path | None
    as_json: bool

    async def run(self, trials: int) -> None:
        """Search for a sampling when there are trials, then measure, and show. Raises InferenceError, TrainingError."""
        subject = await self.source.subject()
        async with self.source.speakers(subject) as speakers:
            if trials:
                await self._sweep(subject, speakers, trials)
                subject = await self.source.subject()
            persona = subject.persona
            name = f"{persona.name}-{persona.fingerprint[:12]}"
            out = self.out or self.source.state / "evaluations" / name
            plan = Plan(self.generations, self.seed, datetime.now(UTC).date())
            with _bar() as heard:
                found = await evaluate(subject, speakers, out, plan, heard=heard)
        # It quotes what people wrote: whoever is forgotten must be found in it.
        await asyncio.to_thread(register, self.source.state, out)
        await asyncio.to_thread(record, subject, found)
        if self.as_json:
            typer.echo(as_json(found.figures))
        else:
            _show(found)

    async def _sweep(self, subject: Subject, speakers: Speakers, trials: int) -> None:
        # Not what is measured afterwards, where there is something else: the best of many is lucky as well.
        side: Side = "valid" if subject.dataset.facts["rows"].get("valid") else "test"
        bench = await asyncio.to_thread(
            Bench,
            subject.dataset,
            subject.layout,
            side=side,
            generations=min(QUICK, self.generations),
            seed=self.seed,
        )
        with _bar() as heard:
            found = await sweep(
                bench,
                speakers.persona,
                subject.persona.sampling,
                trials=trials,
                seed=self.seed,
                every_filter=speakers.every_filter,
                heard=lambda done, of: heard("trying samplings", done, of),
            )
        if not self.as_json:
            _show_sweep(found)
        if found.best is not found.packaged:
            await asyncio.to_thread(resampled, subject.persona.folder, found.best.sampling)


async def guess(source: Source, questions: Sequence[str], seed: int) -> None:
    """Ask, and show both answers under each question. Raises InferenceError and TrainingError."""
    subject = await source.subject()
    async with source.speakers(subject) as speakers:
        guesses = await ask(
            subject.layout, speakers.persona, speakers.base, questions, subject.persona.sampling, seed=seed
        )
    say(MARK, "yellow")
    for one in guesses:
        say(one.question, "bold")
        show_table(
            ("who", "says"),
            [
                (subject.persona.name, one.persona or "(nothing)"),
                *(() if one.base is None else (("the bare base", one.base or "(nothing)"),)),
            ],
        )


class _Bar:
    def __init__(self) -> None:
        console = Console(stderr=True)
        # In a log a bar would be one line after the other.
        self._bars = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bars.add_task("", total=None)

    def __enter__(self) -> Callable[[str, int, int], None]:
        self._bars.start()
        return self._heard

    def __exit__(self, *exc: object) -> None:
        self._bars.stop()

    def _heard(self, what: str, done: int, of: int) -> None:
        self._bars.update(self._task, description=what, completed=done, total=of)


def _bar() -> _Bar:
    return _Bar()


def _show(found: Evaluation) -> None:
    measures = found.measures
    score = measures.score
    say(
        f"persona score {score.value.value:.0f} of 100, between {score.value.low:.0f} and {score.value.high:.0f}",
        "bold",
    )
    rows = [
        (
            part.value,
            f"{value.value:.2f}",
            f"{value.low:.2f} to {value.high:.2f}",
            f"{score.weights[part]:.0%}",
        )
        for part, value in score.parts.items()
    ]
    show_table(("part", "0 to 1", "interval", "weight"), rows)
    style = measures.yardsticks
    if style is not None:
        base = f", the base {style.base.mean.value:.3f}" if style.base else ""
        say(
            f"    style distance {style.persona.mean.value:.3f}; the person's own {style.floor.mean.value:.3f}{base}"
        )
    if measures.perplexity is not None:
        own, bare = (
            side.perplexity().value for side in (measures.perplexity.persona, measures.perplexity.base)
        )
        say(f"    perplexity {own:.1f}, the base {bare:.1f}")
    say(
        f"    answers with a fault {measures.faults.any.value:.1%}, with a long run from training "
        f"{measures.memory.persona.long.value:.1%} (the person {measures.memory.himself.long.value:.1%})"
    )
    for note in found.figures["notes"]:
        say(f"! {note}", "yellow")
    say(f"The report quotes your chats, and is yours alone: {found.folder / REPORT}")


def _show_sweep(found: Sweep) -> None:
    rows = []
    for trial in found.trials:
        one = trial.sampling
        mark = "best" if trial is found.best else "now" if trial is found.packaged else ""
        rows.append(
            (
                f"{one.temperature:g}",
                f"{one.top_p:g}",
                f"{one.min_p:g}",
                f"{one.repeat_penalty:g}",
                "–" if trial.distance is None else f"{trial.distance.value:.3f}",
                f"{trial.beyond:+.3f}",
                f"{trial.faults.value:.1%}",
                mark or ("" if found.borne(trial) else "too many faults"),
            )
        )
    show_table(("temperature", "top_p", "min_p", "penalty", "distance", "over floor", "faults", ""), rows)
    if found.best is found.packaged:
        say("The packaged sampling stays: none was nearer to the person.")
    else:
        say("persona.toml has the best sampling now, and with it another fingerprint.")
