"""Exports for tests, built row by row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from chat.exports.export import Clock, Export, RowsBuilder
from chat.message import Attachment, Chat, ChatKey

FIRST = datetime(2024, 5, 1, 9)  # noqa: DTZ001 - a wall clock


@dataclass(frozen=True)
class Said:
    """One line of a test's export; `minutes` after the one before."""

    name: str
    text: str
    minutes: int = 1
    forwarded: bool = False
    reply_to: int | None = None
    """The number of the line it answers, from 0."""
    attachment: Attachment | None = None


def chat_of(
    lines: Iterable[Said | tuple[str, str]],
    title: str = "Friday five",
    *,
    direct: bool | None = False,
    owner: str = "Sam",
) -> Export:
    at, rows = FIRST, RowsBuilder()
    for number, line in enumerate(lines):
        said = line if isinstance(line, Said) else Said(*line)
        at += timedelta(minutes=said.minutes)
        rows.add(
            id=f"{title}-{number}",
            author=said.name,
            name=said.name,
            at=at,
            text=said.text,
            file=f"WhatsApp Chat with {title}.txt",
            line=number + 1,
            forwarded=said.forwarded,
            attachment=said.attachment,
            reply_to=None if said.reply_to is None else f"{title}-{said.reply_to}",
        )
    return Export(
        Chat(ChatKey("whatsapp", title), title),
        "whatsapp",
        "test",
        Clock.WALL,
        rows.table(),
        Path(f"WhatsApp Chat with {title}.txt"),
        owner=frozenset({owner}),
        direct=direct,
    )


def texts(exports: Iterable[Export]) -> list[str]:
    return [text for export in exports for text in export.rows.get_column("text")]
