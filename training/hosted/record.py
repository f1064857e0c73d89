"""Jobs on record in the state folder: what was agreed, asked and done, so that any process can take over.

    hosted/<job>/job.json       the record; written before and after each step that cannot be taken back
    hosted/<job>/results.csv    the metrics that the host measured
    hosted/<job>/hosted.json    the model, once there is one, and where it is served

No text of a message is in there.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from safety.moderation.settings import Thresholds
from training.dataset.folder import RECORD
from training.hosted.consent import Consent
from training.hosted.errors import RecordUnusable
from training.hosted.host import Host
from training.hosted.protocol import HostedJob
from training.hosted.screening import OnFlagged, Screen, Screening

JOB: Final = "job.json"
_LOCK: Final = "lock"
_ID: Final = re.compile(r"^[a-z0-9]{12}$")
FILE_NAME: Final = re.compile(r"^understudy-([a-z0-9]{12})-(train|valid)\.jsonl$")
"""Under which names files are uploaded. They tell the host neither the dataset's name nor anybody's."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Sent(_Frozen):
    """One file. It may be at the host as soon as this stands on record; `ids` are those known to be."""

    name: str
    sha256: str
    rows: int
    bytes: int
    ids: tuple[str, ...] = ()


class Judging(_Frozen):
    """How its rows are judged, as agreed to; all but the key."""

    screen: Screen
    base_url: str = ""
    model: str = ""
    flagged: OnFlagged = OnFlagged.LEAVE_OUT
    thresholds: Mapping[str, float] = {}

    @classmethod
    def of(cls, screening: Screening) -> Self:
        """Put a screening on record."""
        return cls(
            screen=screening.screen,
            base_url=screening.host.base_url if screening.host else "",
            model=screening.model,
            flagged=screening.flagged,
            thresholds=asdict(screening.thresholds),
        )

    def screening(self, host: Host | None) -> Screening:
        """Give the screening back, with the host whose endpoint it asks."""
        return Screening(
            self.screen,
            host,
            model=self.model,
            flagged=self.flagged,
            thresholds=Thresholds(**self.thresholds),
        )


class Record(_Frozen):
    """One job. `left_out` are the numbers of the rows that moderation took, once it has judged, by side.

    `asked` is what the host is asked besides files and model. `creating` says that a job may be at the host.
    """

    format: Literal[1] = 1
    id: str
    base_url: str
    model: str
    dataset: Path
    fingerprint: str
    """Of the dataset, by which it is found again when somebody is taken out of it."""
    sha256: Mapping[str, str]
    """Of the dataset's files as they were agreed to, by side."""
    consent: Consent
    judging: Judging
    asked: Mapping[str, Any] = {}
    left_out: Mapping[str, tuple[int, ...]] | None = None
    sent: Mapping[str, Sent] = {}
    creating: bool = False
    job: HostedJob | None = None
    last_event: str = ""
    checkpoints: tuple[str, ...] = ()
    forgotten: datetime | None = None
    """Since when nothing of it is left at the host."""

    @property
    def stage(self) -> str:
        """How far it is, in a word."""
        if self.forgotten is not None:
            return "forgotten"
        if self.job is not None:
            return self.job.status
        if self.sent:
            return "uploading"
        return "agreed" if self.left_out is None else "screened"

    @property
    def models(self) -> tuple[str, ...]:
        """Every model at the host that is known to come of it."""
        last = [self.job.fine_tuned_model] if self.job and self.job.fine_tuned_model else []
        return tuple(dict.fromkeys([*last, *self.checkpoints]))

    def name_of(self, side: str) -> str:
        """Under which name a side is uploaded."""
        return f"understudy-{self.id}-{side}.jsonl"


def new_id() -> str:
    """Draw an id for a job of ours."""
    return secrets.token_hex(6)


class Records:
    """The records of one state folder."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "hosted"

    def all(self) -> tuple[Record, ...]:
        """Every job on record, oldest first. Raises RecordUnusable."""
        found = [self.read(path.parent.name) for path in self._folder.glob(f"*/{JOB}")]
        return tuple(sorted(found, key=lambda record: record.consent.at))

    def outdated(self) -> tuple[Record, ...]:
        """The jobs with something at a host whose dataset somebody was taken out of since. Raises RecordUnusable."""
        return tuple(
            record
            for record in self.all()
            if record.forgotten is None
            and (record.sent or record.job)
            and record.fingerprint in _former(record.dataset)
        )

    def read(self, job: str) -> Record:
        """Read one. Raises RecordUnusable."""
        path = self.folder(job) / JOB
        try:
            return Record.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise RecordUnusable(f"there is no job {job}: `understudy hosted jobs` lists them") from None
        except (OSError, ValidationError) as error:
            raise RecordUnusable(f"{path} cannot be read ({type(error).__name__}): restore it") from None

    def folder(self, job: str) -> Path:
        """Where a job's files lie. Raises RecordUnusable for what is no id."""
        if not _ID.match(job):
            raise RecordUnusable(
                "a job is named by its 12 letters and digits: `understudy hosted jobs` lists them"
            )
        return self._folder / job

    def write(self, record: Record) -> Record:
        """Write one, whole or not at all, and through to the disk. Raises RecordUnusable."""
        self.write_file(record.id, JOB, record.model_dump_json(indent=1).encode() + b"\n")
        return record

    def write_file(self, job: str, name: str, content: bytes) -> Path:
        """Write a file of a job. Raises RecordUnusable."""
        folder = self.folder(job)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, new = tempfile.mkstemp(prefix=f".{name}-", dir=folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                Path(new).replace(folder / name)
            except BaseException:
                Path(new).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise RecordUnusable(
                f"the job cannot be written down ({error.strerror}): make room in the state folder, "
                f"then `understudy hosted watch {job}`"
            ) from None
        return folder / name

    @contextmanager
    def in_hand(self, job: str) -> Iterator[None]:
        """Have a job to oneself: two processes would upload twice. Raises RecordUnusable when another has it."""
        folder = self.folder(job)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / _LOCK).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RecordUnusable(
                    f"another process has the job {job} in hand: wait for it, or end it"
                ) from None
            yield


def _former(dataset: Path) -> tuple[str, ...]:
    """The fingerprints that a dataset had before people were taken out of it."""
    try:
        return tuple(json.loads((dataset / RECORD).read_bytes()).get("forgotten", ()))
    except (OSError, ValueError, AttributeError, TypeError):
        return ()


def serving(record: Record) -> bytes:
    """Where the model is and what it came of, as JSON: for any client of the API."""
    facts = {
        "base_url": record.base_url,
        "model": record.models[0] if record.models else None,
        "checkpoints": list(record.checkpoints),
        "base": record.model,
        "dataset": str(record.dataset),
    }
    return json.dumps(facts, indent=1).encode() + b"\n"
