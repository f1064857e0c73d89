"""The record of a training: what was asked, what ran, on what, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from training.errors import NotAsAsked
from training.settings import Loss, TrainSettings

RECORD: Final = "training.json"
"""The name of the training record beside the adapter."""
HISTORY: Final = "history.json"
"""The name of the history beside it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is: steps done of all, the loss of the last ones in nats a learned token.

    `held_out` is the held-out loss where it was just measured.
    """

    step: int
    steps: int
    loss: float
    tokens_per_second: float = 0.0
    seconds_left: float | None = None
    held_out: float | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One moment of a training. Losses are in nats a learned token; `tokens_per_second` counts all tokens.

    One of `loss` and `held_out` is there: what the steps since the last point gave, or what measuring gave.
    """

    step: int
    epoch: float
    loss: float | None = None
    held_out: float | None = None
    learning_rate: float | None = None
    tokens_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Quantised:
    """What was found of the base's 4 bits after loading: how many layers, and in which way."""

    modules: int
    bits: int
    kind: str
    double: bool
    compute: str


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """What was trained, on what, and what came of it. Losses are in nats a learned token.

    `held_out` is the loss before training and after each epoch; what is kept is epoch `kept_epoch`, which has
    the lowest. `modules` counts the layers that carry LoRA, by name. `resumed` are the steps at which a
    training that had been interrupted went on. `warnings` say in plain words what speaks against this
    pairing of base and dataset. `consent` is what the dataset's record says of it.
    """

    settings: TrainSettings
    base: str
    base_sha256: str
    dataset: str
    train_examples: int
    held_out_examples: int
    learned_tokens: int
    shortened: int
    left_out: int
    repeated: float
    modules: dict[str, int]
    trainable_parameters: int
    precision: str
    device: str
    train: tuple[float, ...]
    held_out: tuple[float, ...]
    kept_epoch: int
    seconds: float
    versions: dict[str, str]
    parameters: int = 0
    loss: Loss = Loss.OWN
    recipe: str = ""
    base_revision: str = ""
    base_license: str = ""
    quantised: Quantised | None = None
    packs: int = 0
    """How many sequences the rows were packed into; 0 without packing."""
    devices: int = 1
    tokens_per_second: float = 0.0
    peak_memory_bytes: int = 0
    """Of the GPU; 0 on a CPU."""
    resumed: tuple[int, ...] = ()
    template: str = ""
    """The chat template that the rows were laid out with, as a server should have it."""
    warnings: tuple[str, ...] = ()
    consent: dict[str, Any] = field(default_factory=dict)

    @property
    def loss_before(self) -> float:
        """The bare base's held-out loss."""
        return self.held_out[0]

    @property
    def loss_after(self) -> float:
        """The kept adapter's held-out loss."""
        return self.held_out[self.kept_epoch]

    def write(self, folder: Path) -> None:
        """Write it beside the adapter."""
        (folder / RECORD).write_bytes(_RECORDS.dump_json(self, indent=2) + b"\n")

    @classmethod
    def read(cls, folder: Path) -> TrainingRecord:
        """Read what `write` wrote. Raises NotAsAsked where there is none."""
        try:
            return _RECORDS.validate_json((folder / RECORD).read_bytes())
        except (OSError, ValueError):
            raise NotAsAsked(
                f"{folder / RECORD} is no training record: train the adapter here again"
            ) from None


def write_history(folder: Path, points: tuple[Point, ...]) -> Path:
    """Write the history; gives its path."""
    path = folder / HISTORY
    path.write_text(json.dumps([_told(point) for point in points], indent=1) + "\n", encoding="utf-8")
    return path


def read_history(folder: Path) -> tuple[Point, ...]:
    """Read what `write_history` wrote. Raises NotAsAsked where there is none."""
    try:
        return _POINTS.validate_json((folder / HISTORY).read_bytes())
    except (OSError, ValueError):
        raise NotAsAsked(f"{folder / HISTORY} is no history: train the adapter here again") from None


def _told(point: Point) -> Mapping[str, Any]:
    return {key: value for key, value in _POINT.dump_python(point).items() if value is not None}


_RECORDS = TypeAdapter(TrainingRecord)
_POINTS = TypeAdapter(tuple[Point, ...])
_POINT = TypeAdapter(Point)
