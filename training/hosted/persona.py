"""A persona's folder for a model that stays at its host: names in the place of weights, and a canary asked there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from inference.canary import HOST_TOLERANCE, HOSTED, distances, record_canary
from inference.client import Endpoint, ModelClient
from inference.errors import EngineError, ModelError
from inference.persona import (
    Base,
    Canary,
    Hosted,
    Origin,
    Persona,
    PersonaManifest,
    Sampling,
    WeightsFile,
    fingerprint_of,
    load_persona,
    write_persona_toml,
)
from inference.prompt import PromptFormat
from safety.shingles import FILE as SHINGLES
from safety.shingles import Shingles
from training.dataset.folder import DatasetFolder
from training.dataset.pace import style_of, typing_of
from training.hosted.errors import RecordUnusable, ShipmentUnfit
from training.hosted.host import Host
from training.hosted.record import Record

UNKNOWN: Final[Mapping[str, Any]] = {"min_p": 0.0, "repeat_penalty": 1.0, "beams": 1}
"""What OpenAI's protocol has no name for in a sampling, with the values at which nobody misses it."""


@dataclass(frozen=True, slots=True)
class HostedPackage:
    """What a persona is besides its model. `name` is its own, `form` how its rows were laid out."""

    name: str
    form: PromptFormat
    sampling: Sampling
    top_logprobs: int = 20


def at_hosts(sampling: Sampling) -> tuple[Sampling, tuple[str, ...]]:
    """Give a sampling as such hosts can draw it, and the names of what had to be left out of it."""
    left_out = tuple(name for name, neutral in UNKNOWN.items() if getattr(sampling, name) != neutral)
    return sampling.model_copy(update={name: UNKNOWN[name] for name in left_out}), left_out


async def package_hosted(
    record: Record, dataset: DatasetFolder, host: Host, package: HostedPackage, out: Path
) -> Persona:
    """Make the persona's folder `out` of a job that has succeeded; persona.toml is written last.

    The host is asked fixed prompts in which no chat is, of the trained model and of its base. Raises RecordUnusable
    without a model, ShipmentUnfit for another dataset, and EngineError where the host cannot prove who answers.
    """
    if record.job is None or record.job.status != "succeeded" or not record.models:
        raise RecordUnusable(
            f"the job {record.id} has no model: `understudy hosted watch {record.id}` goes on with it"
        )
    if record.forgotten is not None:
        raise RecordUnusable(f"the model of the job {record.id} was deleted at the host: train another")
    if dataset.fingerprint != record.fingerprint:
        raise ShipmentUnfit(
            f"{dataset.path} is not what the job {record.id} was trained on any more: somebody was taken out of it, or "
            "it was built again; train another"
        )
    hosted = Hosted(
        base_url=host.base_url.rstrip("/"),
        model=record.models[0],
        job=record.job.id,
        top_logprobs=package.top_logprobs,
    )
    canary, wander = await _canary(hosted, record.model, host.key, package.form)
    figures = {"keeps": host.said_to_keep, "wander": round(wander, 4)}
    parts = _Parts(record, dataset, hosted, f"the terms of {host.name}", canary, figures)
    await asyncio.to_thread(_write, parts, package, out)
    return await load_persona(out)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is known once the host has been asked."""

    record: Record
    dataset: DatasetFolder
    hosted: Hosted
    terms: str
    canary: Canary
    figures: Mapping[str, Any]


def _write(parts: _Parts, package: HostedPackage, out: Path) -> None:
    record, dataset = parts.record, parts.dataset
    base = Base(name=record.model, license=parts.terms, hosted=parts.hosted)
    sampling, left_out = at_hosts(package.sampling)
    style = style_of(dataset.facts)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    Shingles.of(tuple(text for row in dataset.rows("train") for text in row.answers)).write(out / SHINGLES)
    manifest = PersonaManifest(
        name=package.name,
        fingerprint=fingerprint_of(
            base=base, adapter=None, template="", prompt=package.form, sampling=sampling
        ),
        made=datetime.now(UTC).date(),
        prompt=package.form,
        sampling=sampling,
        style=style,
        typing=typing_of(style),
        base=base,
        shingles=WeightsFile.of(out, SHINGLES),
        dataset=Origin(
            fingerprint=dataset.fingerprint,
            recipe=dataset.recipe.model_dump(mode="json", exclude_none=True),
            rows=dataset.facts.get("rows") or {},
        ),
        consent=dataset.facts.get("consent"),
        canary=parts.canary,
        figures={
            "training": _training(record),
            "hosted": {**parts.figures, **({"sampling_left_out": list(left_out)} if left_out else {})},
        },
    )
    write_persona_toml(out, manifest)


async def _canary(hosted: Hosted, base: str, key: str, form: PromptFormat) -> tuple[Canary, float]:
    """Record the canary, and how far the same model is from itself when it is asked again, in nats."""
    trained = Endpoint(hosted.base_url, hosted.model, key, top_logprobs=hosted.top_logprobs, named=True)
    # A host may answer for a base by a longer name, with a date: that one is not checked.
    bare = Endpoint(hosted.base_url, base, key, top_logprobs=hosted.top_logprobs)
    try:
        async with ModelClient(trained) as asked, ModelClient(bare) as below:
            canary = await record_canary(asked, below, form, tolerance=HOST_TOLERANCE, advice=HOSTED)
            wander, _ = await distances(asked, canary, HOSTED)
    except ModelError as error:
        raise EngineError(f"the canary got no answer, so there is no persona yet: {error}") from error
    if wander > canary.tolerance / 2:
        raise EngineError(
            f"asked the same again the host answers {wander:.2f} nats off, and {canary.tolerance:.2f} tell the trained "
            "model from another: nobody could prove who answers; train longer, or at another host"
        )
    return canary, wander


def _training(record: Record) -> dict[str, Any]:
    rows = {side: sent.rows for side, sent in record.sent.items()}
    tokens = record.job.trained_tokens if record.job else None
    return {
        "method": "hosted",
        "dataset": record.fingerprint,
        "train_examples": rows.get("train", 0),
        "held_out_examples": rows.get("valid", 0),
        **({} if tokens is None else {"learned_tokens": tokens}),
    }
