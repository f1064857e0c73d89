"""Records of JSON and CSV exports: fields taken with care, and a chat gathered from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, Final

from chat.errors import shown
from chat.exports.bundle import Source
from chat.exports.export import Clock, Export, RowsBuilder, Untyped
from chat.exports.faults import Faults
from chat.message import Attachment, Chat, ChatKey

_SUFFIXES: Final = {
    Attachment.IMAGE: "jpg jpeg png webp heic heif bmp avif tif tiff",
    Attachment.VIDEO: "mp4 mov webm mkv avi m4v 3gp",
    Attachment.AUDIO: "mp3 ogg oga opus m4a aac wav flac caf amr",
    Attachment.GIF: "gif gifv",
    Attachment.CONTACT: "vcf",
}
_BY_SUFFIX: Final = {suffix: kind for kind, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
_BY_TYPE: Final = {"image": Attachment.IMAGE, "video": Attachment.VIDEO, "audio": Attachment.AUDIO}


class RecordFault(ValueError):
    """One record fits nothing. Says what is wrong without quoting it; becomes a `Problem`."""


def word(record: Mapping[str, Any], key: str) -> str:
    """Take a text or an id; a number is an id, never through a float. Missing or null is "". Raises RecordFault."""
    value = record.get(key)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise RecordFault(f"its {key} is no text")


def part(record: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Take an object; missing or null is an empty one. Raises RecordFault."""
    value = record.get(key)
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise RecordFault(f"its {key} is no object")


def parts(record: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Take a list of objects; missing or null is an empty one. Raises RecordFault."""
    value = record.get(key)
    if value is None:
        return []
    if isinstance(value, list) and all(isinstance(element, dict) for element in value):
        return value
    raise RecordFault(f"its {key} is no list of objects")


def whole(value: object) -> dict[str, Any]:
    """Take a record as the object that it has to be. Raises RecordFault."""
    if isinstance(value, dict):
        return value
    raise RecordFault("it is no object")


def instant(text: str, key: str) -> datetime:
    """Read an ISO 8601 time: naive as written, or UTC and naive where an offset is given. Raises RecordFault."""
    try:
        at = datetime.fromisoformat(text)
        return at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise RecordFault(f"its {key} is no time") from None


def attachment_named(name: str, media_type: str = "") -> Attachment:
    """Tell what kind of file this is, by its media type (`image/png`) or else its name."""
    if media_type == "image/gif":
        return Attachment.GIF
    kind = _BY_TYPE.get(media_type.partition("/")[0])
    return kind or _BY_SUFFIX.get(PurePosixPath(name).suffix[1:].lower(), Attachment.DOCUMENT)


@dataclass(slots=True)
class Gathering:
    """One chat on its way to an `Export`. `source` is where it comes from, unless a record says another."""

    source: Source
    rows: RowsBuilder = field(default_factory=RowsBuilder)
    other: Counter[Untyped] = field(default_factory=Counter)
    faults: Faults = field(default_factory=Faults)
    authors: set[str] = field(default_factory=set)
    _seen: set[str] = field(default_factory=set)

    def add(
        self,
        *,
        id: str,  # noqa: A002 - the column's name
        author: str,
        name: str,
        at: datetime,
        text: str,
        line: int,
        reply_to: str | None = None,
        edited: bool = False,
        forwarded: bool = False,
        attachment: Attachment | None = None,
        source: Source | None = None,
    ) -> None:
        """Add what somebody typed, or passed on; an id that was there before is a duplicate. Raises RecordFault."""
        if not id or not author:
            raise RecordFault("it has no id" if author else "it has no author")
        if id in self._seen:
            self.other[Untyped.DUPLICATE] += 1
            return
        self._seen.add(id)
        self.authors.add(author)
        self.other[Untyped.FORWARD] += forwarded
        self.rows.add(
            id=id,
            author=author,
            name=name or author,
            at=at,
            text=text,
            file=(source or self.source).name,
            line=line,
            reply_to=reply_to,
            edited=edited,
            forwarded=forwarded,
            attachment=attachment,
        )

    def fault(self, line: int, what: RecordFault | str, source: Source | None = None) -> None:
        """Note a record that fits nothing."""
        self.faults.add(shown((source or self.source).name), line, str(what))

    @property
    def empty(self) -> bool:
        """Whether there was nothing at all, not even something to report."""
        return not (len(self.rows) or self.faults.all() or self.other.total())

    def finish(
        self,
        *,
        messenger: str,
        chat_id: str,
        title: str,
        format: str,  # noqa: A002 - the export's field
        dialect: str,
        clock: Clock,
        owner: frozenset[str] = frozenset(),
        direct: bool | None = None,
        by_time: bool = False,
    ) -> Export:
        """Give the whole. `by_time` is for formats that do not write the oldest first."""
        table = self.rows.table()
        return Export(
            chat=Chat(ChatKey(messenger, readable(chat_id)), readable(title)),
            format=format,
            dialect=dialect,
            clock=clock,
            rows=table.sort("at", maintain_order=True) if by_time else table,
            path=self.source.path,
            owner=owner,
            other=MappingProxyType({kind: count for kind, count in sorted(self.other.items()) if count}),
            problems=self.faults.all(),
            direct=direct,
        )


def readable(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON may hold and UTF-8 may not."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
