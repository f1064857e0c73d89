"""Taking everything back: which files and models at the host are ours, deleting them, and looking again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from training.hosted.client import HostClient
from training.hosted.errors import HostError, HostRefused
from training.hosted.protocol import HostedJob
from training.hosted.record import FILE_NAME, Record, Records
from training.hosted.work import Pace

_LOOKS = 4
"""How often it is looked whether something is gone: hosts take a moment."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a host holds of ours: ids of files, names of models, and jobs, of which some may go on."""

    files: tuple[str, ...]
    models: tuple[str, ...]
    jobs: tuple[HostedJob, ...]

    def __bool__(self) -> bool:
        return bool(self.files or self.models or self.going_on)

    @property
    def going_on(self) -> tuple[str, ...]:
        """The jobs that would still make a model."""
        return tuple(job.id for job in self.jobs if not job.ended)


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that could not be deleted, and why."""

    what: str
    why: str


async def holdings(client: HostClient, records: Sequence[Record], *, unrecorded: bool = False) -> Holdings:
    """Look what a host holds of these jobs; `unrecorded` adds what carries our names and is on no record.

    Raises HostError.
    """
    ours = {record.id for record in records}
    sent = [id_ for record in records for one in record.sent.values() for id_ in one.ids]
    named = [
        file.id
        async for file in client.files()
        if (name := FILE_NAME.match(file.filename)) and (unrecorded or name.group(1) in ours)
    ]
    created = {record.job.id for record in records if record.job}
    jobs = [job async for job in client.jobs() if job.id in created or job.training_file in {*sent, *named}]
    results = [id_ for job in jobs for id_ in job.result_files]
    results += [id_ for record in records if record.job for id_ in record.job.result_files]
    models = [name for record in records for name in record.models]
    for job in jobs:
        models += [job.fine_tuned_model] if job.fine_tuned_model else []
        models += [one.fine_tuned_model_checkpoint for one in await client.checkpoints(job.id)]
    # Each is asked for by itself: lists may be behind.
    files = [id_ for id_ in dict.fromkeys((*sent, *named, *results)) if await client.has_file(id_)]
    there = [name for name in dict.fromkeys(models) if await client.has_model(name)]
    return Holdings(tuple(files), tuple(there), tuple(jobs))


async def forget(
    client: HostClient,
    records: Records,
    jobs: Sequence[Record],
    *,
    unrecorded: bool = False,
    pace: Pace | None = None,
) -> tuple[Leftover, ...]:
    """Cancel, delete, and look again; give what is still there. Raises HostError when it cannot even look."""
    pace = pace or Pace()
    found = await holdings(client, jobs, unrecorded=unrecorded)
    reasons: dict[str, str] = {}
    for job_id in found.going_on:
        # First: a job that goes on would make a model after all were deleted.
        try:
            await _cancelled(client, job_id, pace)
        except HostError as error:
            reasons[f"job {job_id}"] = str(error)
    # The jobs that were just stopped may have left models all the same.
    found = await holdings(client, jobs, unrecorded=unrecorded)
    for name in found.models:
        try:
            await client.delete_model(name)
        except HostError as error:
            reasons[f"model {name}"] = str(error)
    for file_id in found.files:
        try:
            await client.delete_file(file_id)
        except HostError as error:
            reasons[f"file {file_id}"] = str(error)
    left = await _left(client, jobs, found, unrecorded=unrecorded, pace=pace)
    if not left:
        now = datetime.now(UTC)
        for record in jobs:
            records.write(record.model_copy(update={"forgotten": now}))
    return tuple(Leftover(what, reasons.get(what, "the host said that it was deleted")) for what in left)


async def _cancelled(client: HostClient, job_id: str, pace: Pace) -> None:
    try:
        job = await client.cancel(job_id)
    except HostRefused:
        job = await client.job(job_id)
    for _ in range(_LOOKS * 3):
        if job.ended:
            return
        await asyncio.sleep(pace.poll)
        job = await client.job(job_id)
    raise HostRefused("the host does not stop it: cancel it there, and try again", status=0)


async def _left(
    client: HostClient, jobs: Sequence[Record], found: Holdings, *, unrecorded: bool, pace: Pace
) -> list[str]:
    for look in range(_LOOKS):
        left = [what async for what in _still(client, jobs, found, unrecorded=unrecorded)]
        if not left:
            break
        if look + 1 < _LOOKS:
            await asyncio.sleep(pace.poll)
    return left


async def _still(
    client: HostClient, jobs: Sequence[Record], found: Holdings, *, unrecorded: bool
) -> AsyncIterator[str]:
    """What is there, by asking for each thing and by looking through the lists again."""
    now = await holdings(client, jobs, unrecorded=unrecorded)
    listed = {model.id for model in await client.models()}
    for job_id in now.going_on:
        yield f"job {job_id}"
    for name in dict.fromkeys((*found.models, *now.models)):
        if name in listed or await client.has_model(name):
            yield f"model {name}"
    for file_id in dict.fromkeys((*found.files, *now.files)):
        if file_id in now.files or await client.has_file(file_id):
            yield f"file {file_id}"
