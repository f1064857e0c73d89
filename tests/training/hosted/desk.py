"""What the tests of hosted training share: a dataset to send, and one job from consent on."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from string import ascii_lowercase
from typing import Literal

from safety.moderation.settings import Thresholds
from tests.fakes.hosted.server import BASES, KEY, FakeHost
from tests.training.dataset.exports import Said, chat_of
from training.dataset.build import make_rows, write_dataset
from training.dataset.cookbook import read_recipe
from training.dataset.facts import facts_of
from training.dataset.filters import Filtered
from training.dataset.outputs import Format
from training.hosted.client import HostClient, Patience
from training.hosted.consent import Question
from training.hosted.host import Host
from training.hosted.protocol import JobEvent
from training.hosted.record import Judging, Record, Records, new_id
from training.hosted.screening import OnFlagged, Screen, Screening
from training.hosted.shipment import read_shipment
from training.hosted.work import HostedWork, Pace

PATIENCE = Patience(request=20, upload=20, attempts=4, backoff=0.01, longest_wait=5)
PACE = Pace(poll=0.01, processing=20)
SECRET = "the pumpkin is under the blue stairs"
"""What the owner says on day 2, and nowhere else."""


def build_dataset(
    folder: Path,
    *,
    talks: int = 40,
    form: Format = Format.OPENAI,
    horrid: int | None = None,
    pseudonyms: bool = False,
    own_name: bool = False,
    held_out: float = 0.1,
) -> Path:
    """Talks of two on as many days; the one of number `horrid` has a word that moderation objects to."""
    lines: list[Said | tuple[str, str]] = []
    for number in range(talks):
        # Random letters: nothing in it is said twice, so that no answer is held out twice.
        letters = random.Random(number)
        words = " ".join("".join(letters.choices(ascii_lowercase, k=7)) for _ in range(4))
        extra = {2: SECRET, horrid: "horrid"}.get(number, "")
        lines.append(Said("Leo", f"what is it on day {number}", minutes=1440))
        lines.append(("Sam", f"{words} {extra}".strip()))
    found = Filtered((chat_of(lines),), pseudonyms=pseudonyms, own_name=own_name)
    recipe = read_recipe("turns", (f"split.held_out={held_out}",))
    write_dataset(make_rows(found.exports, recipe), recipe, folder, (form,))
    facts_of(found).write(folder)
    return folder


@dataclass
class Desk:
    """One state folder, one dataset, one host."""

    fake: FakeHost
    state: Path
    dataset: Path
    key: str = KEY
    screen: Screen = Screen.ENDPOINT
    flagged: OnFlagged = OnFlagged.LEAVE_OUT
    thresholds: Thresholds = field(default_factory=Thresholds)
    weights: bool = True
    hyperparameters_in: Literal["method", "top"] = "method"
    told: list[str] = field(default_factory=list)
    events: list[JobEvent] = field(default_factory=list)

    @property
    def host(self) -> Host:
        return Host(self.fake.base_url, self.key)

    @property
    def records(self) -> Records:
        return Records(self.state)

    def screening(self) -> Screening:
        host = self.host if self.screen is Screen.ENDPOINT else None
        return Screening(self.screen, host, flagged=self.flagged, thresholds=self.thresholds)

    def client(self) -> HostClient:
        host = Host(
            self.fake.base_url,
            self.key,
            weights=self.weights,
            hyperparameters_in=self.hyperparameters_in,
        )
        return HostClient(host, PATIENCE)

    def agree(self, **asked: object) -> Record:
        """Put a job on record, as whoever agreed to it would have it."""
        shipment = read_shipment(self.dataset)
        question = Question(shipment, self.host, BASES[0], self.screening())
        return self.records.write(
            Record(
                id=new_id(),
                base_url=self.fake.base_url,
                model=BASES[0],
                dataset=self.dataset,
                fingerprint=shipment.fingerprint,
                sha256={load.side: load.sha256 for load in shipment.loads},
                consent=question.agreed(question.hosts, "sam", datetime.now(UTC)),
                judging=Judging.of(self.screening()),
                asked=asked,
            )
        )

    async def finish(self, record: Record) -> Record:
        """Do what is left of a job."""
        async with self.client() as client:
            record = self.records.read(record.id)
            work = HostedWork(self.records, record, client, self.screening(), self._tell, PACE)
            return await work.finish()

    def _tell(self, text: str, event: JobEvent | None) -> None:
        self.told.append(text)
        if event is not None:
            self.events.append(event)
