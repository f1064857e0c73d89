"""What the verbs of `hosted` do, and what they show."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from bot.cli.hosted_progress import HostedProgress
from bot.cli.hosted_speaking import Wanted, make_persona, speaks_as
from bot.cli.screen import say, say_error, show_table
from bot.cli.wishes import login_name
from bot.errors import SettingsInvalid
from bot.settings import Settings
from training.hosted.client import HostClient, Patience
from training.hosted.consent import Consent, Question
from training.hosted.errors import NoConsent, RecordUnusable
from training.hosted.forgetting import Holdings, forget, holdings
from training.hosted.host import Host
from training.hosted.record import FILE_NAME, Judging, Record, Records, new_id
from training.hosted.screening import OnFlagged, Screen, Screening
from training.hosted.shipment import read_shipment
from training.hosted.work import HostedWork, Pace, cancel


class HostedDesk:
    """The jobs of a state folder, and the host that the settings or the command line name."""

    def __init__(self, settings: Settings, base_url: str = "") -> None:
        self._all = settings
        self._settings = settings.hosted
        self._said = base_url
        self._records = Records(settings.state_dir)

    def agree(
        self,
        dataset: Path,
        model: str,
        yes_send: Sequence[str],
        asked: Mapping[str, Any],
        *,
        validation: bool,
    ) -> str:
        """Say what would leave, ask, and put the answer on record; give the job's id. Reaches nobody.

        Raises NoConsent, SettingsInvalid and TrainingError.
        """
        model = model or self._settings.model
        if not model:
            raise SettingsInvalid("no model is named: give --model, or set hosted.model")
        host = self._host()
        if not host.key:
            raise SettingsInvalid("there is no key: set UNDERSTUDY_HOSTED__API_KEY to the host's")
        if len(str(asked.get("suffix", "x"))) not in range(1, 65):
            raise SettingsInvalid("--suffix has 1 to 64 characters")
        screening = self._screening(host)
        shipment = read_shipment(dataset.resolve(), validation=validation)
        consent = _asked_for(Question(shipment, host, model, screening), yes_send)
        record = Record(
            id=new_id(),
            base_url=host.base_url,
            model=model,
            dataset=shipment.folder,
            fingerprint=shipment.fingerprint,
            sha256={load.side: load.sha256 for load in shipment.loads},
            consent=consent,
            judging=Judging.of(screening),
            asked=asked,
        )
        return self._records.write(record).id

    async def finish(self, job: str) -> None:
        """Do what is left of a job, and make a persona of it unless there is one.

        Raises TrainingError, InferenceError and SettingsInvalid.
        """
        with self._records.in_hand(job):
            record = self._records.read(job)
            host = self._host(record)
            screening = record.judging.screening(self._moderator(record.judging.base_url, host))
            async with HostClient(host, self._patience) as client:
                with HostedProgress() as progress:
                    work = HostedWork(self._records, record, client, screening, progress.tell, self._pace)
                    record = await work.finish()
        say(f"{record.models[0] if record.models else 'the model'} is trained", "bold green")
        known = list(speaks_as(self._all, record.models, record.base_url))
        for name, folder, _ in known:
            say(f"{name} in {folder} speaks as it")
        if not known:
            say(f"asking it for the canary (if that fails: `understudy hosted persona {job}` tries again)")
            await make_persona(self._all, record, host, Wanted())

    async def persona(self, job: str, wanted: Wanted) -> None:
        """Make a persona of a job's model. Raises TrainingError, InferenceError and SettingsInvalid."""
        record = self._records.read(job)
        await make_persona(self._all, record, self._host(record), wanted)

    async def cancel(self, job: str) -> None:
        """Cancel a job. Raises HostedError."""
        record = self._records.read(job)
        async with HostClient(self._host(record), self._patience) as client:
            found = await cancel(self._records, record, client)
        say(
            "the host has no such job; nothing is left to cancel"
            if found is None
            else f"the job is {found.status}"
        )

    def rows(self) -> list[tuple[str, ...]]:
        """The jobs on record, as a table. Raises RecordUnusable."""
        return [
            (
                record.id,
                f"{record.consent.at.astimezone():%Y-%m-%d %H:%M}",
                record.base_url,
                record.stage,
                record.dataset.name,
                ", ".join(record.models),
            )
            for record in self._records.all()
        ]

    async def show(self) -> None:
        """Show what is at the host. Raises HostedError."""
        host = self._host()
        ours = {
            id_: record.id
            for record in self._records.all()
            for sent in record.sent.values()
            for id_ in sent.ids
        }
        made = {model: record.id for record in self._records.all() for model in record.models}
        async with HostClient(host, self._patience) as client:
            rows = [
                (file.id, file.purpose, file.filename, _of_job(ours.get(file.id) or _named(file.filename)))
                async for file in client.files()
            ]
            # Every host has models of its own; those that were trained are named after their base, or on record.
            rows += [
                (model.id, "model", model.owned_by, _of_job(made.get(model.id, "")))
                for model in await client.models()
                if model.id in made or model.id.startswith("ft:")
            ]
        if not rows:
            say("there are neither files nor trained models at the host")
            return
        for row in rows:
            say("  ".join(filter(None, row)))

    async def forget(self, job: str, left: list[str], *, unrecorded: bool, yes: bool) -> None:
        """Delete what is ours at the host; what could not be deleted is told, and added to `left`."""
        records = [self._records.read(job)] if job else list(self._records.all())
        host = self._host(records[0] if job else None)
        mine = [record for record in records if record.base_url.rstrip("/") == host.base_url.rstrip("/")]
        for other in sorted(
            {record.base_url for record in records if not record.forgotten} - {host.base_url}
        ):
            left.append(other)
            say_error(f"jobs at {other} were not looked at: `understudy hosted forget --base-url {other}`")
        async with AsyncExitStack() as stack:
            for record in mine:
                # A process that is still at it would upload again what was just deleted.
                stack.enter_context(self._records.in_hand(record.id))
            mine = [self._records.read(record.id) for record in mine]
            client = await stack.enter_async_context(HostClient(host, self._patience))
            found = await holdings(client, mine, unrecorded=unrecorded)
            _show(found)
            for name, folder, model in speaks_as(self._all, found.models, host.base_url):
                say(
                    f"! {name} in {folder} speaks as {model}: without it that persona is silent for good",
                    "yellow",
                )
            if found and not yes and not (sys.stdin.isatty() and typer.confirm("Delete all of it?")):
                raise NoConsent("nothing was deleted: --yes deletes all of it")
            leftovers = await forget(client, self._records, mine, unrecorded=unrecorded, pace=self._pace)
        for one in leftovers:
            left.append(one.what)
            say_error(f"still at {host.name}: {one.what} ({one.why})")
        if not leftovers:
            say(
                f"nothing of ours is left at {host.name}, but the list of its jobs, which cannot be deleted",
                "green",
            )

    @property
    def _patience(self) -> Patience:
        said = self._settings
        return Patience(
            request=said.request_seconds,
            upload=said.upload_seconds,
            attempts=said.attempts,
            backoff=said.backoff_seconds,
            longest_wait=said.longest_wait_seconds,
        )

    @property
    def _pace(self) -> Pace:
        return Pace(self._settings.poll_seconds, self._settings.processing_seconds)

    def _host(self, record: Record | None = None) -> Host:
        """The host that is meant. Raises SettingsInvalid, and RecordUnusable when the job is at another one."""
        address = (self._said or self._settings.base_url).rstrip("/")
        if record is not None and address and address != record.base_url.rstrip("/"):
            # The key of one host is none of another's business.
            raise RecordUnusable(
                f"the job is at {record.base_url}: give --base-url {record.base_url}, and its key"
            )
        address = address or (record.base_url if record else "")
        if not address:
            raise SettingsInvalid("no host is named: give --base-url, or set hosted.base_url")
        return self._made(address, self._settings.api_key.get_secret_value())

    def _made(self, address: str, key: str) -> Host:
        said = self._settings
        try:
            return Host(address, key, said.keeps, said.hyperparameters_in, said.weights, said.plain_http)
        except ValueError as error:
            raise SettingsInvalid(str(error)) from None

    def _moderator(self, address: str, host: Host) -> Host | None:
        if not address:
            return None
        if address.rstrip("/") == host.base_url.rstrip("/"):
            return host
        return self._made(address, self._settings.moderation_api_key.get_secret_value())

    def _screening(self, host: Host) -> Screening:
        said = self._settings
        screen = Screen(said.screen)
        asked = (said.moderation_base_url or host.base_url) if screen is Screen.ENDPOINT else ""
        return Screening(
            screen,
            self._moderator(asked, host),
            model=said.moderation_model,
            flagged=OnFlagged(said.flagged),
            thresholds=said.thresholds,
        )


def _asked_for(question: Question, yes_send: Sequence[str]) -> Consent:
    for line in question.words:
        say(line)
    named = list(yes_send)
    if not named and sys.stdin.isatty():
        answer = typer.prompt(f"To agree, type {' '.join(question.hosts)}", default="", show_default=False)
        named = answer.split()
    return question.agreed(named, login_name(), datetime.now(UTC))


def _of_job(job: str) -> str:
    return f"of our job {job}" if job else ""


def _named(filename: str) -> str:
    found = FILE_NAME.match(filename)
    return f"{found.group(1)} (not on record)" if found else ""


def _show(found: Holdings) -> None:
    rows = [(name, "file") for name in found.files]
    rows += [(name, "model") for name in found.models]
    rows += [(name, "job that goes on") for name in found.going_on]
    if rows:
        show_table(("of ours there", "what"), rows)
