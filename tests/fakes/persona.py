"""A persona folder that loads, with weights that are none: for tests whose model is a fake."""

from __future__ import annotations

from pathlib import Path

from inference.persona import (
    Adapter,
    Base,
    Canary,
    PersonaManifest,
    Probe,
    Sampling,
    TypingProfile,
    WeightsFile,
    fingerprint_of,
    write_persona_toml,
)
from inference.prompt import PromptFormat, PromptMessage


def write_persona(
    folder: Path, typing: TypingProfile | None = None, sampling: Sampling | None = None
) -> Path:
    """Write a whole folder for a persona called Sam who types at once."""
    (folder / "gguf").mkdir(parents=True)
    (folder / "gguf" / "base.gguf").write_bytes(b"base")
    (folder / "gguf" / "adapter.gguf").write_bytes(b"adapter")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    base = Base(name="none", gguf=WeightsFile.of(folder, "gguf/base.gguf"))
    adapter = Adapter(gguf=WeightsFile.of(folder, "gguf/adapter.gguf"), rank=1, base_sha256=base.sha256)
    prompt, sampling = PromptFormat("Sam"), sampling or Sampling()
    fingerprint = fingerprint_of(
        base=base, adapter=adapter, template="{{ messages }}", prompt=prompt, sampling=sampling
    )
    manifest = PersonaManifest(
        name="sam",
        fingerprint=fingerprint,
        prompt=prompt,
        sampling=sampling,
        typing=typing
        or TypingProfile(
            characters_per_second=10_000, reading_seconds=0, pause_seconds=0, longest_seconds=0.01
        ),
        template=WeightsFile.of(folder, "chat_template.jinja"),
        base=base,
        adapter=adapter,
        canary=Canary(
            probes=(Probe(prompt=(PromptMessage("user", "hi"),), adapter={"a": -1.0}, base={"b": -1.0}),),
            tolerance=0.5,
        ),
        figures={},
    )
    write_persona_toml(folder, manifest)
    return folder
