"""What leaves, said in words, and that somebody agreed to it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from training.hosted.errors import NoConsent
from training.hosted.host import Host
from training.hosted.screening import OnFlagged, Screen, Screening
from training.hosted.shipment import Shipment


class Consent(BaseModel):
    """That somebody agreed, when, to what words, and to which hosts."""

    model_config = ConfigDict(frozen=True)

    by: str
    at: datetime
    hosts: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked before a single byte leaves."""

    shipment: Shipment
    host: Host
    model: str
    screening: Screening

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host that would be told something, by name."""
        others = [self.screening.host.name] if self.screening.host else []
        return tuple(dict.fromkeys([self.host.name, *others]))

    @property
    def words(self) -> tuple[str, ...]:
        """What leaves, a sentence a line; numbers, never a text."""
        shipment, where = self.shipment, self.host.name
        lines = [f"This leaves your machine, of the dataset {shipment.folder}:"]
        lines += [
            f"    {load.side}: {load.rows:,} rows with {load.messages:,} messages, {load.characters:,} characters; "
            f"the longest row has {load.longest:,} (what is beyond the model's limit of tokens is cut off there)"
            for load in shipment.loads
        ]
        people = f"words of {shipment.people:,} {'person' if shipment.people == 1 else 'people'}"
        whose = "names and numbers replaced by pseudonyms"
        if shipment.own_name:
            whose = "numbers and others' names replaced by pseudonyms, YOUR OWN NAME AS IT IS"
        names = {
            True: f"{whose}; who knows them may still know who speaks",
            False: "with names, numbers and addresses AS THEY ARE",
            None: "and the dataset does not say whether names were replaced: take it that they are AS THEY ARE",
        }[shipment.pseudonyms]
        lines.append(f"    {people}, {names}")
        lines.append(
            f"    {self._agreed()}; that they agreed to training says nothing of this host: ask them"
        )
        lines.append(f"It goes to {where}, to train {self.model} under your account and at your cost.")
        lines.append(self._moderation())
        lines.append(f"What is kept: {self.host.said_to_keep}.")
        lines.append(
            "`understudy hosted forget` deletes files and models there; what others did with them before, "
            "it cannot undo."
        )
        return tuple(lines)

    def _agreed(self) -> str:
        if self.shipment.agreed is None:
            return "who of the others agreed to be trained on is not on record"
        agreed, people, by = self.shipment.agreed
        if by == "ledger":
            return f"{agreed:,} of {people:,} others are on record as having agreed to be trained on"
        return f"you answered for it that all {people:,} others agreed to be trained on"

    def _moderation(self) -> str:
        fate = {
            OnFlagged.LEAVE_OUT: "rows it objects to are left out",
            OnFlagged.REFUSE: "if it objects to a row, nothing is uploaded",
        }[self.screening.flagged]
        if self.screening.host is not None:
            return f"Before that every text goes to the moderation of {self.screening.host.name}; {fate}."
        if self.screening.screen is Screen.LEXICON:
            return f"Before that the built-in lexicon judges every text here; {fate}."
        return "No moderation judges it before: a host may close accounts over what it finds."

    def agreed(self, hosts: Collection[str], by: str, at: datetime) -> Consent:
        """Give the consent of somebody who named these hosts. Raises NoConsent unless it was all of them."""
        named = {host.strip().lower() for host in hosts}
        if named != set(self.hosts):
            wanted = " ".join(f"--yes-send {host}" for host in self.hosts)
            raise NoConsent(f"nothing was sent: whoever agrees to all of it says so with {wanted}")
        return Consent(by=by, at=at, hosts=self.hosts, words=self.words)
