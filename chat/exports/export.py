"""What a messenger's export holds, whichever format it came in: one chat, a row a message."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, overload

import polars as pl

from chat.exports.dates import DateOrder
from chat.message import Attachment, Author, Chat, ChatKey, Message

ROWS: Final = pl.Schema(
    [
        ("id", pl.String()),
        ("author", pl.String()),
        ("name", pl.String()),
        ("at", pl.Datetime("us")),
        ("text", pl.String()),
        ("reply_to", pl.String()),
        ("edited", pl.Boolean()),
        ("forwarded", pl.Boolean()),
        ("attachment", pl.String()),
        ("file", pl.String()),
        ("line", pl.UInt32()),
    ]
)
"""The columns of `Export.rows`. `author` is the author's id and `name` what people read; `at` is naive, in
the export's `clock`; `line` is the line or record of `file`, from 1."""

_CHUNK: Final = 1 << 16


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
    TAPBACK = "tapback"
    """A reaction that the format writes as a message of its own."""
    FORWARD = "forward"
    """Somebody else's words, passed on. Where the format gives them they stand in the rows as well, marked
    `forwarded`: what people answer to is context, and nothing that anybody typed."""
    BOT = "bot"
    """Written by a program, or through one."""
    STICKER = "sticker"
    """A picture out of a set, of which the format gives nothing but the fact."""
    APP = "app"
    """Made by an app inside the messenger: a move in a game, a payment, a drawing."""
    UNSUPPORTED = "unsupported"
    """A kind of message that the exporter itself could not write out."""
    DUPLICATE = "duplicate"
    """The very message once more: exports of one chat overlap, and some formats repeat themselves."""
    STRAY = "stray"
    """A line before the first message: somebody cut the file."""
    OVERLONG = "overlong"
    """A body longer than the messenger can send."""


class Clock(StrEnum):
    """What is known of the zone that an export's times are in."""

    WALL = "wall"
    """The clock of the device that wrote the export, in a zone that it does not name."""
    UTC = "utc"


@dataclass(frozen=True, slots=True)
class Problem:
    """A line or record that fits nothing and was left out; `line` counts from 1. Never quotes a text."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}: line {self.line}: {self.what}"


@dataclass(frozen=True, slots=True)
class Export:
    """One chat as its messenger wrote it out, in the file's order.

    `format` names the reader, `dialect` the way this file writes. `rows` (see `ROWS`) hold what people in
    the chat typed or attached, and what they passed on, marked; `other` counts by kind what nobody typed.
    `owner` are the author ids that the format itself says are the owner's: none where it does not tell.
    `direct` is true for a conversation of two, false for a group, None where nothing tells. `path` is the file
    on disk, for a member of a zip the zip. `date_order` is how the file's dates are written where that is a
    question at all: 3/4, not 3.4. or 2024-04-03. `span` is when the first and the last message were written by
    the file's own wall clock, where `at` has another: such a file gives its distance from UTC with each time.
    """

    chat: Chat
    format: str
    dialect: str
    clock: Clock
    rows: pl.DataFrame
    path: Path
    owner: frozenset[str] = frozenset()
    other: Mapping[Untyped, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    direct: bool | None = None
    date_order: DateOrder | None = None
    span: tuple[datetime, datetime] | None = None

    @property
    def messages(self) -> Sequence[Message]:
        """The rows as messages, each made when it is looked at."""
        return _Messages(self.chat.key, self.clock, self.owner, self.rows)

    @property
    def typed(self) -> pl.DataFrame:
        """The rows that people typed or attached themselves."""
        return self.rows.filter(~pl.col("forwarded"))

    @property
    def members(self) -> tuple[str, ...]:
        """The names of everybody but the owner who typed something, sorted."""
        others = self.rows.filter(~pl.col("author").is_in(sorted(self.owner)))
        return tuple(others.get_column("name").unique().sort())

    def owned_by(self, authors: Collection[str]) -> Export:
        """Give a copy in which what these author ids wrote is own."""
        return replace(self, owner=frozenset(authors))


class RowsBuilder:
    """Gathers rows column by column, and packs them as they come: a table of millions stays small."""

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {name: [] for name in ROWS}
        self._packed: list[pl.DataFrame] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(
        self,
        *,
        id: str,  # noqa: A002 - the column's name
        author: str,
        name: str,
        at: datetime,
        text: str,
        file: str,
        line: int,
        reply_to: str | None = None,
        edited: bool = False,
        forwarded: bool = False,
        attachment: Attachment | None = None,
    ) -> None:
        """Add a message. `at` is naive wall clock, or UTC whether aware or not, as the export's clock says."""
        columns = self._columns
        columns["id"].append(id)
        columns["author"].append(author)
        columns["name"].append(name)
        columns["at"].append(at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None))
        columns["text"].append(text)
        columns["reply_to"].append(reply_to)
        columns["edited"].append(edited)
        columns["forwarded"].append(forwarded)
        columns["attachment"].append(None if attachment is None else attachment.value)
        columns["file"].append(file)
        columns["line"].append(line)
        self._count += 1
        if len(columns["id"]) == _CHUNK:
            self._pack()

    def table(self) -> pl.DataFrame:
        """Give all rows so far, in the order they came."""
        self._pack()
        return pl.concat(self._packed) if self._packed else ROWS.to_frame()

    def _pack(self) -> None:
        if self._columns["id"]:
            try:
                packed = pl.DataFrame(self._columns, schema=ROWS)
            except UnicodeEncodeError:
                # JSON may hold halves of surrogate pairs, which no table does.
                columns = {
                    name: [_encodable(value) for value in values] for name, values in self._columns.items()
                }
                packed = pl.DataFrame(columns, schema=ROWS)
            self._packed.append(packed)
            self._columns = {name: [] for name in ROWS}


def _encodable(value: object) -> object:
    if not isinstance(value, str):
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class RowIds:
    """Ids for formats that have none: the second, a checksum of author and text, and which occurrence it is.

    Two exports of one chat that overlap give the same messages the same ids. A checksum of 32 bits is enough
    to tell apart what one second of one chat holds.
    """

    def __init__(self) -> None:
        self._seen: Counter[int] = Counter()

    def of(self, at: datetime, author: str, text: str) -> str:
        """Give the next id for these three."""
        # Exports hold halves of surrogate pairs, which are no UTF-8.
        mark = zlib.crc32(f"{author}\0{text}".encode("utf-8", "surrogatepass"))
        second = int(at.replace(tzinfo=at.tzinfo or UTC).timestamp()) & 0xFFFFFFFF
        key = second << 32 | mark
        self._seen[key] += 1
        return f"{key}" if self._seen[key] == 1 else f"{key}.{self._seen[key]}"

    @staticmethod
    def column(keys: pl.Series) -> pl.Series:
        """The same for a column of keys, which `key_of` gives."""
        keys = keys.rechunk()  # polars 2.1 panics when it formats columns in pieces of unlike lengths
        ids = keys.cast(pl.String)
        ordered = keys.sort()
        doubled = keys.is_in(ordered.filter(ordered == ordered.shift()).unique().implode())
        if not doubled.any():
            return ids
        nth = keys.filter(doubled).to_frame("key").select(pl.int_range(1, pl.len() + 1).over("key"))
        several = pl.DataFrame({"id": ids.filter(doubled), "n": nth.to_series()}).select(
            pl.when(pl.col("n") == 1).then("id").otherwise(pl.format("{}.{}", "id", "n"))
        )
        return ids.scatter(doubled.arg_true(), several.to_series())

    @staticmethod
    def key_of(seconds: pl.Expr, marks: pl.Expr) -> pl.Expr:
        """Keys from seconds since 1970, and checksums of `author NUL text`."""
        return (seconds & 0xFFFFFFFF).cast(pl.UInt64) * (1 << 32) + marks.cast(pl.UInt64)


class _Messages(Sequence[Message]):
    """A table seen as messages."""

    def __init__(self, chat: ChatKey, clock: Clock, owner: frozenset[str], rows: pl.DataFrame) -> None:
        self._chat, self._zone, self._owner, self._rows = (
            chat,
            UTC if clock is Clock.UTC else None,
            owner,
            rows,
        )
        self._clock = clock

    def __len__(self) -> int:
        return self._rows.height

    @overload
    def __getitem__(self, place: int) -> Message: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Message]: ...
    def __getitem__(self, place: int | slice) -> Message | Sequence[Message]:
        if isinstance(place, slice):
            return _Messages(self._chat, self._clock, self._owner, self._rows[place])
        return self._message(self._rows.row(place))

    def __iter__(self) -> Iterator[Message]:
        return map(self._message, self._rows.iter_rows())

    def _message(self, row: tuple[Any, ...]) -> Message:
        key, author, name, at, text, reply_to, edited, forwarded, attachment, _, _ = row
        return Message(
            chat=self._chat,
            id=key,
            author=Author(author, name),
            text=text,
            sent_at=at.replace(tzinfo=self._zone),
            own=author in self._owner,
            reply_to=reply_to,
            edited=edited,
            forwarded=forwarded,
            attachment=None if attachment is None else Attachment(attachment),
        )
