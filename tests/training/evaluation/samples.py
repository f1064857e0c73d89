"""Texts, rows and answers for tests of the measures: the sample persona's chat, and what is made up here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Literal

from inference.prompt import PromptMessage
from training.dataset.row import Learned, Row, Talk

_LINE = re.compile(r"\S+, \S+ - (\w+): (.*)")
_SAMPLE = Path(__file__).parents[3] / "personas" / "sample" / "sam_export.txt"
_FIRST = datetime(2024, 5, 1, 9)  # noqa: DTZ001 - a wall clock


@dataclass(frozen=True)
class Asked:
    prompt: str
    real: str
    chat: str
    row: Row
    silence: bool = False


@dataclass(frozen=True)
class Answered:
    text: str
    finish: Literal["stop", "length"] = "stop"


@dataclass(frozen=True)
class Told:
    case: Asked
    answer: Answered


def told(
    text: str,
    real: str = "well",
    chat: str = "whatsapp/one",
    prompt: str = "",
    *,
    day: int = 0,
    cut: bool = False,
) -> Told:
    """An answer. Where the person wrote nothing, the moment was a silence."""
    case = Asked(prompt, real, chat, row(real or "-", chat=chat, day=day), not real)
    return Told(case, Answered(text, "length" if cut else "stop"))


@cache
def bursts(name: str) -> tuple[str, ...]:
    """What somebody of the sample's chat wrote, a text a burst, oldest first."""
    found = map(_LINE.match, _SAMPLE.read_text(encoding="utf-8").splitlines())
    lines = [(line[1], line[2]) for line in found if line]
    return tuple(
        "\n".join(text for _, text in run)
        for author, run in groupby(lines, key=lambda line: line[0])
        if author == name
    )


def row(answer: str, asked: str = "Mia: and?", chat: str = "whatsapp/one", day: int = 0) -> Row:
    """A row that shows one message and learns one answer."""
    at = _FIRST + timedelta(days=day)
    talk = Talk(
        (
            PromptMessage("system", "You are Sam."),
            PromptMessage("user", asked),
            PromptMessage("assistant", answer),
        )
    )
    span = Learned(f"{day}-answer", "Sam", 2, 0, len(answer))
    return Row(chat, talk, at, at, (f"{day}-asked", f"{day}-answer"), ("Mia", "Sam"), (span,))
