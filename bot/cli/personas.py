"""What `understudy persona` does with the folders that it finds."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError

from bot.app import engine_of, open_office
from bot.cli.screen import say, show_table
from bot.errors import SettingsInvalid
from bot.settings import Settings
from inference.errors import PersonaError
from inference.host import host_name
from inference.persona import (
    HOSTED,
    MANIFEST,
    PersonaManifest,
    Sampling,
    load_persona,
    read_manifest,
    resampled,
)
from inference.sampling import PUBLISHED
from training.card import card_of, score_words
from training.places import noted_personas

PERSONAS = "personas"
"""The folder of the state folder in which personas are looked for by name."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """The personas of one state folder, and the one that the settings name."""

    settings: Settings

    def folder(self, which: str) -> Path:
        """The folder that is meant: a folder, a name, or nothing for the one set. Raises PersonaError."""
        if not which:
            return self.settings.persona
        for folder in (Path(which).expanduser(), self.settings.state_dir / PERSONAS / which):
            # What a host left in a persona's place is read as well: that says what it is.
            if (folder / MANIFEST).is_file() or (folder / HOSTED).is_file():
                return folder
        raise PersonaError(
            f"{which} is no persona: give its folder, or a name that `understudy persona list` shows"
        )

    def found(self, folders: Sequence[Path]) -> Iterator[Path]:
        """The folders with a persona: those given and what lies in them, or the shelf and the one set."""
        seen: set[Path] = set()
        state = self.settings.state_dir
        for place in folders or (state / PERSONAS, self.settings.persona, *noted_personas(state)):
            children = sorted(place.iterdir()) if place.is_dir() else []
            for folder in (place, *children):
                if (folder / MANIFEST).is_file() and folder.resolve() not in seen:
                    seen.add(folder.resolve())
                    yield folder

    def tell(self, folders: Sequence[Path], *, as_json: bool) -> None:
        """List them; one that cannot be read is listed with the reason."""
        found = [_line(folder) for folder in self.found(folders)]
        if as_json:
            typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        elif found:
            head = ("folder", "name", "score", "size", "for", "base", "made")
            show_table(head, [tuple(str(line[key]) for key in head) for line in found])
        else:
            say("no persona is here: `understudy train` makes one", "yellow")

    def show(self, which: str, *, as_json: bool) -> None:
        """Show one. Raises PersonaError."""
        folder = self.folder(which)
        manifest = read_manifest(folder)
        if as_json:
            typer.echo(manifest.model_dump_json(indent=2, exclude_none=True))
            return
        facts = manifest.model_dump(mode="json", exclude_none=True, exclude={"canary"})
        say(
            f"{manifest.name} in {folder}: {score_words(manifest)}, for {', '.join(_engines(manifest))}",
            "bold",
        )
        for key, value in _flat(facts):
            say(f"{key} = {value}")
        say(f"canary: {len(manifest.canary.probes)} prompts, tolerance {manifest.canary.tolerance:g} nats")

    async def check(self, which: str, engine: str) -> None:
        """Prove one, step by step. Raises PersonaError, EngineError and HostNotAgreed."""
        folder = self.folder(which)
        persona = await load_persona(folder, thorough=True)
        here = [
            file for weights in _weights(persona.manifest) for file in weights if (folder / file).is_file()
        ]
        if persona.base.hosted is None:
            say(f"files: {len(here)} of the weights are here and whole, and so is the template")
        else:
            say(
                "files: a host has the weights, and no hash of them is known; the canary alone proves who answers"
            )
        say(f"fingerprint: {persona.fingerprint}")
        if engine == "none":
            say("canary: not asked")
            return
        if (hosted := persona.base.hosted) is not None:
            async with open_office(self.settings) as office:
                await office.host_consents.require(hosted)
                async with engine_of(self.settings, persona, office.host_consents.permit(hosted)) as server:
                    await server.verify(persona)
            say(f"canary: {persona.name} answers, and nobody else, at {host_name(hosted.base_url)}")
            return
        model = self.settings.model.model_copy(update={"engine": engine})
        async with engine_of(self.settings.model_copy(update={"model": model}), persona) as server:
            await server.verify(persona)
        say(f"canary: {persona.name} answers, and nobody else, at {engine}")

    def sampling(self, which: str, name: str, changes: Sequence[str]) -> None:
        """Show one's sampling, or change it. Raises PersonaError and SettingsInvalid."""
        folder = self.folder(which)
        now = read_manifest(folder).sampling
        if not name and not changes:
            rows = [
                ("as it is", _words(now.model_dump(mode="json"))),
                *((k, _words(v)) for k, v in PUBLISHED.items()),
            ]
            show_table(("sampling", "values"), rows)
            return
        try:
            wanted = Sampling.named(name, max_tokens=now.max_tokens, stop=now.stop) if name else now
            wanted = Sampling.model_validate({**wanted.model_dump(), **_table(changes)})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            what = "there is no such key" if first["type"] == "extra_forbidden" else first["msg"]
            raise SettingsInvalid(f"{'.'.join(map(str, first['loc']))}: {what}") from None
        except ValueError as error:
            raise SettingsInvalid(str(error)) from None
        manifest = resampled(folder, wanted)
        say(f"{manifest.name}: {_words(wanted.model_dump(mode='json'))}")
        say(f"fingerprint {manifest.fingerprint[:12]}, to be evaluated anew")

    def card(self, which: str, out: Path | None) -> None:
        """Write one's card. Raises PersonaError and SettingsInvalid."""
        text = card_of(read_manifest(self.folder(which)))
        if out is None:
            typer.echo(text, nl=False)
            return
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise SettingsInvalid(
                f"{out} cannot be written ({error.strerror}): choose another file"
            ) from None
        say(f"The card stands in {out}.")


def _line(folder: Path) -> dict[str, Any]:
    try:
        manifest = read_manifest(folder)
    except PersonaError as error:
        return {
            "folder": str(folder), "name": "", "score": "", "size": "", "for": f"cannot be used: {error}",
            "base": "", "made": "",
        }  # fmt: skip
    size = sum(
        (folder / file).stat().st_size
        for files in _weights(manifest)
        for file in files
        if (folder / file).is_file()
    )
    return {
        "folder": str(folder),
        "name": manifest.name,
        "score": score_words(manifest),
        "size": f"{size / 1e6:,.1f} MB",
        "for": ", ".join(_engines(manifest)),
        "base": manifest.base.name,
        "made": manifest.made.isoformat() if manifest.made else "",
    }


def _weights(manifest: PersonaManifest) -> Iterator[tuple[str, ...]]:
    for weights in filter(None, (manifest.base, manifest.adapter)):
        yield tuple(part.file for part in weights.files)


def _engines(manifest: PersonaManifest) -> tuple[str, ...]:
    """Which engines have a form to serve, or the host that has it; vLLM's base may have to be fetched first."""
    if manifest.base.hosted is not None:
        return (host_name(manifest.base.hosted.base_url),)
    parts = [weights for weights in (manifest.base, manifest.adapter) if weights is not None]
    forms = (
        ("llama.cpp", all(part.gguf is not None for part in parts) and manifest.sampling.beams == 1),
        ("vLLM", all(part.safetensors for part in parts)),
    )
    return tuple(name for name, able in forms if able) or ("no engine",)


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        elif value not in ("", [], ()):
            yield f"{before}{key}", json.dumps(value, ensure_ascii=False)


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {json.dumps(value)}" for key, value in values.items() if value not in ([], ()))


def _table(changes: Sequence[str]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for change in changes:
        try:
            table.update(tomllib.loads(change))
        except tomllib.TOMLDecodeError:
            raise SettingsInvalid(f"{change!r} is no value: write name=value, a text in quotes") from None
    return table
