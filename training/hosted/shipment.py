"""What would leave: the files of a dataset in OpenAI's format, counted before anybody is asked to agree."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from training.dataset.facts import Facts
from training.dataset.folder import Side, open_dataset
from training.dataset.inspection import inspect_file
from training.dataset.outputs import Format
from training.errors import DatasetUnreadable
from training.hosted.errors import ShipmentUnfit

SIDES: Final[tuple[Side, ...]] = ("train", "valid")
FEWEST: Final = 10
"""Examples that OpenAI asks for at least."""
MOST_BYTES: Final = 512 * 2**20
"""The largest file that OpenAI's files API takes."""


@dataclass(frozen=True, slots=True)
class Load:
    """One file of a shipment: what is in it, in numbers, and the hash by which it is known again."""

    side: Side
    path: Path
    sha256: str
    rows: int
    messages: int
    characters: int
    longest: int
    """Characters of the longest row."""


@dataclass(frozen=True, slots=True)
class Shipment:
    """What would leave of a dataset, which `fingerprint` names.

    `people` is of how many people words are in it, the owner among them. `pseudonyms` is None
    where the dataset does not say whether names were replaced; with `own_name` the owner's was not.
    """

    folder: Path
    fingerprint: str
    loads: tuple[Load, ...]
    people: int
    pseudonyms: bool | None
    own_name: bool
    agreed: tuple[int, int, str] | None
    """How many of how many people agreed to be trained on, and by what that is known; None without a record."""

    def load(self, side: str) -> Load | None:
        """The file of a side, if it has one."""
        return next((load for load in self.loads if load.side == side), None)

    def texts(self, side: str) -> Iterator[tuple[str, ...]]:
        """The contents of each row. Raises ShipmentUnfit when the file has changed."""
        for record in _records(self._unchanged(side)):
            yield tuple(str(message["content"]) for message in record["messages"])

    def content(self, side: str, left_out: Collection[int] = (), *, weights: bool = True) -> bytes:
        """The file as it is uploaded, without the rows of these numbers, the first being 0.

        Raises ShipmentUnfit when the file has changed, is too large, or too little is left of it.
        """
        gone = frozenset(left_out)
        lines: list[bytes] = []
        for number, record in enumerate(_records(self._unchanged(side))):
            if number not in gone:
                if not weights:
                    for message in record["messages"]:
                        message.pop("weight", None)
                lines.append(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        if side == "train" and len(lines) < FEWEST:
            raise ShipmentUnfit(
                f"{len(lines)} rows are left to train on, and hosts take {FEWEST} at least: import more chats, "
                "or raise hosted.thresholds if moderation took them"
            )
        content = b"".join(lines)
        if len(content) > MOST_BYTES:
            raise ShipmentUnfit(f"{side} is larger than the 512 MB that hosts take: build a smaller dataset")
        return content

    def _unchanged(self, side: str) -> bytes:
        load = self.load(side)
        if load is None:
            raise ShipmentUnfit(f"the dataset has no {side} file any more: build it again, and agree again")
        content = load.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != load.sha256:
            raise ShipmentUnfit(
                "the dataset has changed since you agreed to send it: start again with `understudy hosted train`"
            )
        return content


def read_shipment(folder: Path, *, validation: bool = True) -> Shipment:
    """Count what would leave of a dataset. Reads files alone, and reaches nobody.

    Raises DatasetUnreadable, ShipmentUnfit and DatasetUnwritable (rows that break the format's rules).
    """
    dataset = open_dataset(folder)
    place = folder / Format.OPENAI.value
    built = dataset.facts["files"].get(Format.OPENAI.value, {})
    if "train.jsonl" not in built:
        raise ShipmentUnfit(
            f"{folder} has no files in OpenAI's format: `understudy dataset build --format openai --out {folder}` "
            "makes them, with a recipe that has roles, such as turns"
        )
    sides = SIDES if validation else SIDES[:1]
    loads: list[Load] = []
    people: set[str] = set()
    try:
        facts = Facts.read(folder)
        for side in sides:
            path = place / f"{side}.jsonl"
            if path.name in built and (load := _load(side, path)):
                if load.sha256 != built[path.name]["sha256"]:
                    raise ShipmentUnfit(f"{path} is not the file that was built: build the dataset again")
                loads.append(load)
                people.update(author for row in dataset.rows(side) for author in row.authors)
    except (OSError, ValueError) as error:
        raise DatasetUnreadable(f"{folder} cannot be read ({type(error).__name__}): build it again") from None
    rows = loads[0].rows if loads and loads[0].side == "train" else 0
    if rows < FEWEST:
        raise ShipmentUnfit(
            f"there are {rows} rows to train on, and hosts take {FEWEST} at least: import more chats"
        )
    settled = dataset.facts.get("consent")
    return Shipment(
        folder,
        dataset.fingerprint,
        tuple(loads),
        len(people),
        facts.pseudonyms if facts else None,
        facts.own_name if facts else False,
        (settled["agreed"], settled["people"], settled["by"]) if settled else None,
    )


def _load(side: Side, path: Path) -> Load | None:
    rows = inspect_file(Format.OPENAI, path)
    if not rows:
        return None
    content = path.read_bytes()
    messages = characters = longest = 0
    for record in _records(content):
        lengths = [len(message["content"]) for message in record["messages"]]
        messages += len(lengths)
        characters += sum(lengths)
        longest = max(longest, sum(lengths))
    return Load(side, path, hashlib.sha256(content).hexdigest(), rows, messages, characters, longest)


def _records(content: bytes) -> Iterator[dict[str, Any]]:
    # Not splitlines: a line may hold other line breaks, such as U+2028.
    return (json.loads(line) for line in content.split(b"\n") if line)
