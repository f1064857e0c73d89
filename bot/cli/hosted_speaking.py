"""What `understudy hosted persona` and `speak` do: a persona of a model at a host, and the yes that it needs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from bot.app import open_office
from bot.cli.personas import PERSONAS, Shelf
from bot.cli.screen import say
from bot.cli.training_plan import model_name, owner_of, sampling_of
from bot.cli.wishes import owner
from bot.errors import HostNotAgreed, SettingsInvalid
from bot.settings import Settings
from inference.errors import PersonaError
from inference.host import host_name
from inference.persona import Hosted, Persona, load_persona, read_manifest
from training.dataset.folder import open_dataset
from training.hosted.host import Host
from training.hosted.persona import HostedPackage, at_hosts, package_hosted
from training.hosted.record import Record
from training.layout import form_of
from training.places import note_persona


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for of a persona, as it was written; left out, it follows from the dataset."""

    out: Path | None = None
    name: str = ""
    me: str = ""
    sampling: tuple[str, ...] = ()


async def make_persona(settings: Settings, record: Record, host: Host, wanted: Wanted) -> None:
    """Make a persona of a job's model. Raises SettingsInvalid, TrainingError and InferenceError."""
    dataset = open_dataset(record.dataset)
    form = form_of(dataset.recipe, owner_of(dataset, wanted.me))
    sampling = sampling_of(wanted.sampling)
    name = wanted.name or model_name(form.name)
    out = (wanted.out or settings.state_dir / PERSONAS / f"{name}-{record.id}").absolute()
    package = HostedPackage(name, form, sampling, settings.hosted.top_logprobs)
    persona = await package_hosted(record, dataset, host, package, out)
    note_persona(settings.state_dir, out)
    say(f"{persona.name} stands in {out}, fingerprint {persona.fingerprint[:12]}", "bold green")
    if left_out := at_hosts(sampling)[1]:
        say(f"the host knows no {' and no '.join(left_out)}: left out of the sampling", "yellow")
    say(f"To speak as it, agree to what leaves for each answer: `understudy hosted speak {out}`")


def speaks_as(settings: Settings, models: Sequence[str], base_url: str) -> Iterator[tuple[str, Path, str]]:
    """The personas here that speak as one of a host's models: name, folder and model."""
    for folder in Shelf(settings).found(()):
        try:
            manifest = read_manifest(folder)
        except PersonaError:
            continue
        hosted = manifest.base.hosted
        if hosted is not None and hosted.model in models and hosted.base_url == base_url.rstrip("/"):
            yield manifest.name, folder, hosted.model


async def speak(settings: Settings, which: str, yes_send: Sequence[str]) -> None:
    """Say what leaves while a persona speaks, ask, and put the answer on record. Reaches nobody.

    Raises HostNotAgreed, SettingsInvalid, PersonaError and StoreError.
    """
    persona, hosted = await _at_host(settings, which)
    host = _host(settings, hosted)
    words = words_of(persona, host)
    for line in words:
        say(line)
    named = {name.strip().lower() for name in yes_send}
    if not named and sys.stdin.isatty():
        named = {typer.prompt(f"To agree, type {host.name}", default="", show_default=False).strip().lower()}
    if named != {host.name}:
        raise HostNotAgreed(f"nothing was agreed to: whoever agrees says so with --yes-send {host.name}")
    async with open_office(settings) as office:
        await office.host_consents.agree(hosted, owner().name, words)
    say(f"Agreed, and on record. UNDERSTUDY_PERSONA={persona.folder} understudy run", "bold green")


async def stop(settings: Settings, which: str) -> None:
    """Take the yes back, for one persona's host or, without one, for every host. Raises PersonaError and StoreError."""
    hosted = (await _at_host(settings, which))[1] if which else None
    async with open_office(settings) as office:
        taken = await office.host_consents.take_back(owner().name, hosted)
    for one in taken:
        say(f"nothing is sent to {one.host} for {one.model} any more", "green")
    if not taken:
        say("nothing was agreed to")


def words_of(persona: Persona, host: Host) -> tuple[str, ...]:
    """What leaves while a persona speaks, a sentence a line."""
    hosted = persona.base.hosted
    if hosted is None:
        raise AssertionError("a persona of one's own sends nothing to a host")
    probes = len(persona.canary.probes)
    return (
        f"This leaves your machine for each answer, while `understudy run` speaks as {persona.prompt.name}:",
        f"    of the newest {persona.prompt.history_messages} messages of the chat your own, and those of people who "
        "agreed to it (`understudy consent grant CHAT PERSON --for hosted`),",
        "    with their names, AS THEY ARE; of nobody else, though what is written may quote or name others",
        f"    {probes} fixed prompts in which no chat is, after each answer, at the start, and every ten minutes",
        f"It goes to {host.name}, to be answered by {hosted.model} under your account and at your cost.",
        f"What is kept: {host.said_to_keep}.",
        "`understudy hosted speak --stop` takes it back: nothing is sent from then on.",
    )


async def _at_host(settings: Settings, which: str) -> tuple[Persona, Hosted]:
    persona = await load_persona(Shelf(settings).folder(which))
    if persona.base.hosted is None:
        raise SettingsInvalid(
            f"{persona.name} speaks on a model server of yours: there is no host to agree to"
        )
    return persona, persona.base.hosted


def _host(settings: Settings, hosted: Hosted) -> Host:
    said = settings.hosted
    # What its terms say is known of the host that the settings name, and of no other.
    keeps = said.keeps if said.base_url in {"", hosted.base_url} else ""
    try:
        return Host(hosted.base_url, keeps=keeps, plain_http=said.plain_http)
    except ValueError as error:
        raise SettingsInvalid(f"{host_name(hosted.base_url)}: {error}") from None
