"""A persona whose model is at a fake host: its canary is asked there, and no job stands behind it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from inference.canary import HOST_TOLERANCE, HOSTED, record_canary
from inference.client import Endpoint, ModelClient
from inference.persona import (
    Base,
    Hosted,
    Persona,
    PersonaManifest,
    Sampling,
    TypingProfile,
    fingerprint_of,
    load_persona,
    write_persona_toml,
)
from inference.prompt import PromptFormat
from tests.fakes.hosted.server import BASES, KEY, FakeHost

MODEL = f"ft:{BASES[0]}:acme::0001"
AT_ONCE = TypingProfile(
    characters_per_second=10_000, reading_seconds=0, pause_seconds=0, longest_seconds=0.01
)


def endpoint_at(fake: FakeHost, key: str = KEY) -> Endpoint:
    return Endpoint(fake.base_url, MODEL, key, named=True)


async def hosted_persona(fake: FakeHost, folder: Path) -> Persona:
    """Have a trained model at the host, and a folder that loads."""
    if MODEL not in fake.models:
        fake.models.append(MODEL)
    base = Base(name=BASES[0], hosted=Hosted(base_url=fake.base_url, model=MODEL, job="ftjob-0001"))
    prompt, sampling = PromptFormat("Sam"), Sampling(temperature=0.75, top_p=0.15)
    bare = Endpoint(fake.base_url, BASES[0], KEY)
    async with ModelClient(endpoint_at(fake)) as trained, ModelClient(bare) as below:
        canary = await record_canary(trained, below, prompt, tolerance=HOST_TOLERANCE, advice=HOSTED)
    manifest = PersonaManifest(
        name="sam",
        fingerprint=fingerprint_of(base=base, adapter=None, template="", prompt=prompt, sampling=sampling),
        prompt=prompt,
        sampling=sampling,
        typing=AT_ONCE,
        base=base,
        canary=canary,
        figures={},
    )
    await asyncio.to_thread(folder.mkdir, parents=True)
    write_persona_toml(folder, manifest)
    return await load_persona(folder)
