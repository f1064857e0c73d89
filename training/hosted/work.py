"""From consent to a model at the host, step by step; any process may take over where another was killed.

Before each request that cannot be taken back the record says that it may have happened; after it, what came of
it. Where a record says that an upload or a job may have happened and nothing more, the host is looked through
for it by the file's name, which no other upload has, before anything is sent again.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from inference.persona import HOSTED
from training.errors import TrainingError
from training.hosted.client import HostClient
from training.hosted.errors import (
    Flagged,
    HostAway,
    HostRefused,
    JobFailed,
    NoConsent,
    NotThere,
    RecordUnusable,
    ShipmentUnfit,
)
from training.hosted.protocol import HostedJob, JobError, JobEvent
from training.hosted.quotes import Quotes
from training.hosted.record import Record, Records, Sent, serving
from training.hosted.screening import OnFlagged, Screening, objected, open_screen
from training.hosted.shipment import Shipment, read_shipment

RESULTS: Final = "results.csv"

Tell = Callable[[str, JobEvent | None], None]
"""Is told each step in a sentence, and with a job's event the event. Never a message's text."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two looks, and for which a host may process a file."""

    poll: float = 10.0
    processing: float = 3600.0


class HostedWork:
    """Finishes one job. The caller has it in hand (`Records.in_hand`)."""

    def __init__(
        self,
        records: Records,
        record: Record,
        client: HostClient,
        screening: Screening,
        tell: Tell,
        pace: Pace | None = None,
    ) -> None:
        asked = {client.host.name, *([screening.host.name] if screening.host else [])}
        if not asked <= set(record.consent.hosts):
            raise NoConsent("nothing was sent: consent was given for another host; start again with train")
        self._records = records
        self._record = record
        self._client = client
        self._screening = screening
        self._tell = tell
        self._pace = pace or Pace()

    async def finish(self) -> Record:
        """Do what is left to do, and watch the job to its end. Raises HostedError and TrainingError."""
        if self._record.job is None:
            shipment = self._shipment()
            await self._screen(shipment)
            for load in shipment.loads:
                await self._upload(shipment, load.side)
            await self._processed()
            await self._create()
        return await self._watch()

    def _keep(self, **changes: Any) -> None:  # noqa: ANN401
        self._record = self._records.write(self._record.model_copy(update=changes))

    def _shipment(self) -> Shipment:
        shipment = read_shipment(self._record.dataset, validation="valid" in self._record.sha256)
        if {load.side: load.sha256 for load in shipment.loads} != dict(self._record.sha256):
            raise ShipmentUnfit(
                "the dataset has changed since you agreed to send it: start again with `understudy hosted train`"
            )
        return shipment

    async def _screen(self, shipment: Shipment) -> None:
        if self._record.left_out is not None:
            return
        left_out = {load.side: tuple[int, ...]() for load in shipment.loads}
        async with open_screen(self._screening) as classifier:
            if classifier is not None:
                for side in [load.side for load in shipment.loads]:
                    rows = list(shipment.texts(side))
                    self._tell(f"{side}: moderation judges {len(rows):,} rows", None)
                    left_out[side] = await objected(rows, classifier, self._screening)
                    self._tell(f"{side}: moderation objects to {len(left_out[side]):,} rows", None)
        count = sum(map(len, left_out.values()))
        if count and self._screening.flagged is OnFlagged.REFUSE:
            raise Flagged(
                f"moderation objects to {count:,} rows, and nothing was uploaded: filter the dataset "
                '(`--prepare` with [moderation]), or set hosted.flagged = "leave_out"'
            )
        self._keep(left_out=left_out)

    async def _upload(self, shipment: Shipment, side: str) -> None:
        gone = (self._record.left_out or {}).get(side, ())
        content = shipment.content(side, gone, weights=self._client.host.weights)
        load = shipment.load(side)
        if load is None or not content:
            return
        sent = self._record.sent.get(side)
        if sent is not None and sent.ids:
            return
        attempt = 1
        while True:
            if sent is None:
                name = self._record.name_of(side)
                sent = Sent(name=name, sha256=load.sha256, rows=content.count(b"\n"), bytes=len(content))
                self._keep(sent={**self._record.sent, side: sent})
            elif ids := await self._uploaded(sent):
                self._tell(f"{side}: it was uploaded before the connection broke", None)
                break
            self._tell(f"{side}: uploading {sent.rows:,} rows", None)
            try:
                ids = ((await self._client.upload(sent.name, content)).id,)
                break
            except HostAway as error:
                await asyncio.sleep(self._client.patience.before(attempt, error))
                attempt += 1
        self._keep(sent={**self._record.sent, side: sent.model_copy(update={"ids": ids})})

    async def _uploaded(self, sent: Sent) -> tuple[str, ...]:
        return tuple(
            [
                file.id
                async for file in self._client.files()
                if file.filename == sent.name and file.bytes in {None, sent.bytes}
            ]
        )

    async def _processed(self) -> None:
        """Wait until the host has read the files; some refuse a job with one that it has not."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._pace.processing
        for sent in self._record.sent.values():
            said = False
            while (status := (await self._client.file(sent.ids[0])).status) in {
                "uploaded",
                "pending",
                "running",
            }:
                if loop.time() > deadline:
                    raise HostAway(
                        "the host does not finish processing a file: try again later", maybe_taken=False
                    )
                if not said:
                    self._tell("the host is still processing a file", None)
                said = True
                await asyncio.sleep(self._pace.poll)
            if status in {"error", "failed"}:
                raise ShipmentUnfit(
                    f"the host cannot use {sent.name}: compare its rules with those that docs/hosted.md names"
                )

    async def _create(self) -> None:
        attempt = 1
        while True:
            if self._record.creating:
                ids = set(self._record.sent["train"].ids)
                found = [job async for job in self._client.jobs() if job.training_file in ids]
                if found:
                    # Of several, that which goes on; `forget` finds the others by the file.
                    job = next((job for job in found if not job.ended), found[0])
                    self._tell("the job was created before the connection broke", None)
                    break
            else:
                self._keep(creating=True)
            try:
                job = await self._client.create_job(self._wanted())
                break
            except HostAway as error:
                await asyncio.sleep(self._client.patience.before(attempt, error))
                attempt += 1
            except HostRefused:
                self._keep(creating=False)
                raise
        self._keep(job=_without_words(job))
        self._tell(f"the host calls the job {job.id}", None)

    def _wanted(self) -> dict[str, Any]:
        asked = dict(self._record.asked)
        numbers = asked.pop("hyperparameters", {})
        wanted = {"model": self._record.model, "training_file": self._record.sent["train"].ids[0], **asked}
        if "valid" in self._record.sent:
            wanted["validation_file"] = self._record.sent["valid"].ids[0]
        if self._client.host.hyperparameters_in == "method":
            wanted["method"] = {
                "type": "supervised",
                "supervised": {"hyperparameters": numbers} if numbers else {},
            }
        elif numbers:
            wanted["hyperparameters"] = numbers
        return wanted

    async def _watch(self) -> Record:
        if self._record.job is None:
            raise AssertionError("a job is watched once it is there")
        while True:
            # The job before its events: those that it ended with are then among them.
            job = await self._client.job(self._record.job.id)
            try:
                events = await self._client.events_since(job.id, self._record.last_event)
            except NotThere:
                events = ()
            if job.status != self._record.job.status:
                self._tell(f"the job is {job.status}", None)
            for event in events:
                self._tell(self._unquoted(event.message), event)
            last = events[-1].id if events else self._record.last_event
            if last != self._record.last_event or job != self._record.job:
                self._keep(job=_without_words(job), last_event=last)
            if job.ended:
                return await self._end(job)
            await asyncio.sleep(self._pace.poll)

    async def _end(self, job: HostedJob) -> Record:
        self._keep(
            checkpoints=tuple(
                one.fine_tuned_model_checkpoint for one in await self._client.checkpoints(job.id)
            )
        )
        if job.status == "cancelled":
            raise JobFailed(
                f"the job was cancelled: `understudy hosted forget {self._record.id}` deletes its files"
            )
        if job.status == "failed":
            error = job.error or JobError()
            why = (
                ": ".join(filter(None, (error.code, self._unquoted(error.message)))) or "it does not say why"
            )
            raise JobFailed(f"the host failed the job: {why.rstrip('.')}")
        for file_id in job.result_files:
            with suppress(NotThere):
                path = self._records.write_file(
                    self._record.id, RESULTS, _as_csv(await self._client.content(file_id))
                )
                self._tell(f"what the host measured stands in {path}", None)
        self._records.write_file(self._record.id, HOSTED, serving(self._record))
        return self._record

    def _unquoted(self, words: str) -> str:
        """Take the key and what stands in the dataset out of a host's sentence."""
        try:
            words = self._quotes.without(words)
        except (TrainingError, OSError):
            return ""  # what it quotes cannot be told any more
        return words.replace(self._client.host.key, "…") if self._client.host.key else words

    @cached_property
    def _quotes(self) -> Quotes:
        shipment = self._shipment()
        return Quotes({text for load in shipment.loads for row in shipment.texts(load.side) for text in row})


async def cancel(records: Records, record: Record, client: HostClient) -> HostedJob | None:
    """Cancel a job at the host, and give it as it is then; None where there is none. Raises HostError."""
    job = record.job
    if job is None:
        ids = {id_ for sent in record.sent.values() for id_ in sent.ids}
        job = (
            next(iter([job async for job in client.jobs() if job.training_file in ids]), None)
            if ids
            else None
        )
    if job is None:
        return None
    try:
        job = await client.cancel(job.id)
    except HostRefused:
        # It had ended meanwhile, or was cancelled by a try whose answer got lost.
        job = await client.job(job.id)
    # Where a process watches the job, it writes down what becomes of it.
    with suppress(RecordUnusable), records.in_hand(record.id):
        records.write(records.read(record.id).model_copy(update={"job": _without_words(job)}))
    return job


def _without_words(job: HostedJob) -> HostedJob:
    """A job as it is put on record: the host's sentence about a failure may quote a row."""
    if job.error is None:
        return job
    return job.model_copy(update={"error": job.error.model_copy(update={"message": ""})})


def _as_csv(content: bytes) -> bytes:
    """OpenAI's hosts give the table of results in base64, others as it is."""
    with suppress(binascii.Error, ValueError):
        decoded = base64.b64decode(content.strip(), validate=True)
        if decoded[:4] == b"step":
            return decoded
    return content
