"""What a messenger's export holds, whichever format it came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from chat.message import Message


class Untyped(StrEnum):
    """What stands in an export without having been typed by anybody in the chat."""

    NOTICE = "notice"
    MEDIA = "media"
    DELETED = "deleted"
    CALL = "call"
    POLL = "poll"
    LOCATION = "location"
    HIDDEN = "hidden"
    """An empty body: viewed once, disappeared, or never delivered."""
    STRAY = "stray"
    """A line before the first message: somebody cut the file."""
    OVERLONG = "overlong"
    """A body longer than the messenger can send."""


class DateOrder(StrEnum):
    """In which order a date's numbers stand."""

    DAY_FIRST = "dmy"
    MONTH_FIRST = "mdy"
    YEAR_FIRST = "ymd"


@dataclass(frozen=True, slots=True)
class Export:
    """One chat as its messenger wrote it out, in the file's order.

    `format` names the reader, `dialect` the way this file writes dates and authors. `messages` holds
    typed text only (a caption counts as typed); `other` counts the rest by kind. Message ids follow from
    time, author, text and how often the three occurred before, so that two exports of one chat that
    overlap give the same messages the same ids.
    """

    title: str
    format: str
    dialect: str
    messages: tuple[Message, ...]
    other: Mapping[Untyped, int]
    source: Path

    @property
    def members(self) -> tuple[str, ...]:
        """The names of everybody but the owner who typed something, sorted."""
        return tuple(sorted({message.author.name for message in self.messages if not message.own}))


class Reader(Protocol):
    """Reads one format. `format` is the name it goes by in an `Export`."""

    @property
    def format(self) -> str:
        """A lower-case word: `whatsapp`."""

    def recognises(self, path: Path) -> bool:
        """Tell from the name, or a look inside, whether `read` should try. Never raises."""

    def read(self, path: Path, owner: str, date_order: DateOrder | None = None) -> Export:
        """Read the file; messages by `owner` are own. Raises ExportError.

        `date_order` settles what the file leaves open; formats with unambiguous dates ignore it.
        """
