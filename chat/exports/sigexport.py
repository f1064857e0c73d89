"""What sigexport writes: a folder a chat, with `data.json` (a record a line) and `chat.md`.

Names are all it knows of people; the owner is "Me". Times are the device's, without a zone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

from chat.exports.bundle import Source
from chat.exports.export import Clock, Export, RowIds, RowsBuilder, Untyped
from chat.exports.faults import Faults
from chat.exports.json_lines import read_records
from chat.exports.lines import read_lines
from chat.exports.values import mapping, sequence, string
from chat.message import Attachment, Chat, ChatKey

ME: Final = "Me"
NOBODY: Final = "No-Sender"
"""Written where the tool did not find out who it was."""

KEYS: Final = frozenset(("date", "sender", "body", "reactions", "attachments"))
LONGEST_BODY: Final = 100_000
"""Characters; Signal sends 65,536 bytes."""

_BREAK: Final = "  "
_CALL: Final = re.compile(r"(?:Incoming|Outgoing|Missed)(?: voice| video| group)? call(?: \([^)\n]*\))?")
_HEADER: Final = re.compile(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?)\] ([^:\n]{1,200}): ?(.*)")
_REACTIONS: Final = re.compile(r"\(- .*: .* -\)")
_STICKER: Final = re.compile(r"\(\( .* \)\)")
_MEDIA: Final = re.compile(r"!?\[([^\]\n]*)\]\((\./[^)\n]*|[^)\n]*media/[^)\n]*|\.\./[^)\n]*)\)(?:  )?$")
_DELETED: Final = "(This message was deleted)"
_KINDS: Final = {
    Attachment.IMAGE: "png jpg jpeg heic tif tiff webp apng svg",
    Attachment.GIF: "gif",
    Attachment.AUDIO: "m4a aac mp3 ogg opus wav flac",
    Attachment.VIDEO: "mp4 mov mkv mpeg webm qt",
}
_BY_SUFFIX: Final = {suffix: kind for kind, suffixes in _KINDS.items() for suffix in suffixes.split()}


def read_data(source: Source) -> Iterator[Export]:
    """Read a `data.json`. Raises ExportMissing and ExportDamaged."""
    reading = _Reading(source)
    for number, record in read_records(source):
        reading.see_record(number, mapping(record))
    yield reading.finish("sigexport data.json")


def is_chat_md(source: Source) -> bool:
    """Whether a text begins as a `chat.md` does."""
    first = source.head(1_000).decode("utf-8", "replace").lstrip().partition("\n")[0]
    return bool(_HEADER.fullmatch(first.rstrip("\r")))


def read_md(source: Source) -> Iterator[Export]:
    """Read a `chat.md`: lines without a date belong to the message above. Raises as `read_data` does."""
    reading = _Reading(source)
    for line in read_lines(source):
        header = _HEADER.fullmatch(line.text) if line.fresh else None
        if header:
            reading.close()
            reading.header, reading.number = (header[1], header[2]), line.number
            reading.lines, reading.length = [header[3]], len(header[3])
        else:
            reading.more(line.number, line.text, fresh=line.fresh)
    reading.close()
    yield reading.finish("sigexport chat.md")


@dataclass(slots=True)
class _Reading:
    """One chat on its way to an `Export`."""

    source: Source
    rows: RowsBuilder = field(default_factory=RowsBuilder)
    ids: RowIds = field(default_factory=RowIds)
    other: Counter[Untyped] = field(default_factory=Counter)
    faults: Faults = field(default_factory=Faults)
    names: set[str] = field(default_factory=set)
    header: tuple[str, str] | None = None
    number: int = 0
    lines: list[str] = field(default_factory=list)
    length: int = 0

    def see_record(self, number: int, record: Mapping[str, object]) -> None:
        """Take a line of `data.json`."""
        sender, body = string(record.get("sender")), string(record.get("body"))
        at = _time(string(record.get("date")))
        if not sender or at is None:
            self.faults.add(self.source.name, number, "it is no message with a sender and a time")
            return
        # Two spaces break a line in Markdown; the tool adds them to every text.
        text = body.removesuffix(_BREAK)
        # Older versions of the tool write calls as text and lack the mark.
        if record.get("call") or ("call" not in record and _CALL.fullmatch(text)):
            self.other[Untyped.CALL] += 1
            return
        if record.get("deleted"):
            self.other[Untyped.DELETED] += 1
            return
        attached = [mapping(found) for found in sequence(record.get("attachments"))]
        attachment = _named(string(attached[0].get("path") or attached[0].get("name"))) if attached else None
        if attachment is None and record.get("sticker"):
            attachment = Attachment.STICKER
        self._add(number, at, sender, text, attachment)

    def more(self, number: int, text: str, *, fresh: bool) -> None:
        """Take another line of the open message of a `chat.md`."""
        if self.header is None:
            if text.strip():
                self.faults.add(self.source.name, number, "it stands before the first message")
            return
        self.length += len(text) + 1
        if self.length <= LONGEST_BODY:
            self.lines.append(text) if fresh else self.lines.append(self.lines.pop() + text)

    def close(self) -> None:
        """Finish the open message of a `chat.md`, if there is one."""
        if self.header is None:
            return
        (date, sender), self.header = self.header, None
        at = _time(date)
        if at is None:
            self.faults.add(self.source.name, self.number, "it has no time")
        elif self.length > LONGEST_BODY:
            self.other[Untyped.OVERLONG] += 1
        else:
            text, attachment = _plain(self.lines)
            if text == _DELETED or _CALL.fullmatch(text):
                self.other[Untyped.DELETED if text == _DELETED else Untyped.CALL] += 1
            else:
                self._add(self.number, at, sender, text, attachment)

    def finish(self, dialect: str) -> Export:
        """Give the whole; the chat's name is its folder's."""
        title = PurePosixPath(self.source.name).parent.name or self.source.path.parent.name or "Signal chat"
        return Export(
            chat=Chat(ChatKey("signal", title), title),
            format="signal",
            dialect=dialect,
            clock=Clock.WALL,
            rows=self.rows.table(),
            path=self.source.path,
            owner=frozenset((ME,)),
            other=dict(sorted(self.other.items())),
            problems=self.faults.all(),
            # Of few speakers nothing follows: some are silent.
            direct=False if len(self.names - {ME, NOBODY}) > 1 else None,
        )

    def _add(self, number: int, at: datetime, sender: str, text: str, attachment: Attachment | None) -> None:
        if not text and attachment is None:
            # Without a sender it is no message at all but a notice, which the tool writes out empty.
            self.other[Untyped.NOTICE if sender == NOBODY else Untyped.HIDDEN] += 1
            return
        self.names.add(sender)
        self.rows.add(
            id=self.ids.of(at, sender, text),
            author=sender,
            name=sender,
            at=at,
            text=text,
            attachment=attachment,
            file=self.source.name,
            line=number,
        )


def _time(date: str) -> datetime | None:
    try:
        # With a zone or without, it is the wall clock that was written.
        return datetime.fromisoformat(date).replace(tzinfo=None)
    except ValueError:
        return None


def _plain(lines: list[str]) -> tuple[str, Attachment | None]:
    """Take what the tool added off a message of a `chat.md`: quotation, reactions, sticker, attachments."""
    attachment: Attachment | None = None
    kept = list(lines)
    while kept:
        last = kept[-1].rstrip()
        if found := _MEDIA.search(kept[-1]):
            # Attachments follow whatever stands last, on its line; stickers lie above the chat's folder.
            kept[-1] = kept[-1][: found.start()]
            attachment = Attachment.STICKER if found[2].startswith("../") else _named(found[2])
        elif not last or _REACTIONS.fullmatch(last):
            kept.pop()
        elif _STICKER.fullmatch(last):
            kept.pop()
            attachment = Attachment.STICKER
        else:
            break
    # A quotation stands first, between empty lines; a text that begins with ">" does so at once.
    if kept[:2] == ["", ""] and len(kept) > 2 and kept[2].startswith("> "):
        own = next((at for at in range(2, len(kept)) if not kept[at].startswith("> ")), len(kept))
        # An empty line ends the quotation.
        kept = kept[own + 1 :]
    return "\n".join(kept).removesuffix(_BREAK), attachment


def _named(path: str) -> Attachment:
    return _BY_SUFFIX.get(PurePosixPath(path).suffix[1:].lower(), Attachment.DOCUMENT)
