"""Persona folders for the tests: a small made-up one, and the real sample."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

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

TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}<|assistant|>"
SAMPLE = Path(os.environ.get("UNDERSTUDY_TEST_PERSONA") or Path(__file__).parents[2] / "personas" / "sample")


@pytest.fixture
def persona_folder(tmp_path: Path) -> Path:
    """A complete folder with made-up weights, in both forms."""
    folder = tmp_path / "persona"
    for file, content in {
        "gguf/base.gguf": b"GGUF base" * 100,
        "gguf/adapter.gguf": b"GGUF adapter" * 10,
        "base/model.safetensors": b"tensors of the base" * 100,
        "adapter/adapter_model.safetensors": b"tensors of the adapter",
        "chat_template.jinja": TEMPLATE.encode(),
    }.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)
    write_persona_toml(folder, manifest_of(folder))
    return folder


def manifest_of(
    folder: Path, sampling: Sampling | None = None, base_sha256: str | None = None
) -> PersonaManifest:
    """What the packager writes for the folder as it is now."""
    prompt = PromptFormat("Sam", control_tokens=("<|user|>", "<|end|>"))
    sampling = sampling or Sampling(temperature=0.4, stop=("\n\n",))
    base = Base(
        name="tiny",
        gguf=WeightsFile.of(folder, "gguf/base.gguf"),
        safetensors=(WeightsFile.of(folder, "base/model.safetensors"),),
    )
    adapter = Adapter(
        rank=4,
        base_sha256=base_sha256 or base.sha256,
        gguf=WeightsFile.of(folder, "gguf/adapter.gguf"),
        safetensors=(WeightsFile.of(folder, "adapter/adapter_model.safetensors"),),
    )
    probe = Probe(prompt=(PromptMessage("user", "Mia: hi"),), adapter={" hey": -0.5}, base={"O": -0.1})
    return PersonaManifest(
        name="sam",
        fingerprint=fingerprint_of(
            base=base, adapter=adapter, template=TEMPLATE, prompt=prompt, sampling=sampling
        ),
        prompt=prompt,
        sampling=sampling,
        typing=TypingProfile(),
        template=WeightsFile.of(folder, "chat_template.jinja"),
        base=base,
        adapter=adapter,
        canary=Canary(probes=(probe,), tolerance=0.2),
        figures={"perplexity": 4.5, "messages": 900},
    )


@pytest.fixture(scope="session")
def sample_folder() -> Path:
    """The persona that ships; where it must be there, its absence is a failure."""
    missing = [
        file for file in ("persona.toml", "gguf/base.gguf", "gguf/adapter.gguf") if not _full(SAMPLE / file)
    ]
    if missing:
        reason = f"{SAMPLE} lacks {', '.join(missing)}: make the sample persona first"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return SAMPLE


def _full(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


Edit = Callable[[str, str], None]


@pytest.fixture
def edit(persona_folder: Path) -> Edit:
    """Replace a text in persona.toml, as a person with an editor would."""

    def replace(old: str, new: str) -> None:
        path = persona_folder / "persona.toml"
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")

    return replace


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
