"""iMazing's CSV of an iPhone's Messages, or of its WhatsApp: any number of chats in one file.

Columns are found by their names, for each version has some more. Times are the phone's wall clock. Who the
owner is, is told by `Outgoing`, not by a name. A picture with a text is two records and one message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from chat.errors import ExportDamaged
from chat.exports.bundle import Bundle, Source
from chat.exports.csv_rows import header_fields, read_csv
from chat.exports.export import Clock, Export, RowIds, Untyped
from chat.exports.reader import ReadOptions, Unit
from chat.exports.records import Gathering, RecordFault, attachment_named, instant
from chat.message import Attachment

OWNER: Final = "me"
"""The owner's author id: the file has no other."""

_DELIMITERS: Final = (",", ";", "\t")
_NEEDED: Final = frozenset({"chat session", "message date", "type", "text"})
_WHATSAPP: Final = "sent date"
_NOT_SENT: Final = "recently deleted"
_KINDS: Final = {
    "image": Attachment.IMAGE,
    "photo": Attachment.IMAGE,
    "video": Attachment.VIDEO,
    "movie": Attachment.VIDEO,
    "audio": Attachment.AUDIO,
    "voice": Attachment.AUDIO,
    "sticker": Attachment.STICKER,
    "gif": Attachment.GIF,
    "contact": Attachment.CONTACT,
    "location": Attachment.LOCATION,
    "document": Attachment.DOCUMENT,
}
# What an iPhone sends in place of a reaction to somebody whose phone knows none.
_TAPBACK: Final = re.compile(
    r"(?:(?:Loved|Liked|Disliked|Laughed at|Emphasi[sz]ed|Questioned|Reacted \S+ to"
    r"|Removed an? (?:heart|like|dislike|laugh|exclamation|question mark|\S+ reaction) from) "
    r"(?:“.*”|an? (?:image|picture|photo|movie|video|attachment|sticker|audio message|voice message|contact)))",
    re.DOTALL,
)


class IMazing:
    """Reads the CSV that iMazing writes of Messages and of WhatsApp."""

    format = "imazing"

    def units(self, bundle: Bundle) -> Iterator[Unit]:
        """Pick the tables with iMazing's columns."""
        for source in bundle.sources:
            if source.name.lower().endswith((".csv", ".tsv", ".txt")) and _delimiter(source):
                yield (source,)

    def read(self, unit: Unit, options: ReadOptions) -> Iterator[Export]:
        """Read all chats of a table. Raises ExportDamaged and ExportMissing."""
        (source,) = unit
        delimiter = _delimiter(source) or ","
        records = read_csv(source, delimiter)
        columns = [name.strip().lower() for name in next(records, (1, []))[1]]
        messenger = "whatsapp" if _WHATSAPP in columns else "imessage"
        chats: dict[str, _Session] = {}
        cut: list[int] = []
        for line, fields in records:
            if len(fields) != len(columns):
                cut += [line] if fields else []
                continue
            values = dict(zip(columns, fields, strict=True))
            name = values["chat session"]
            if name not in chats:
                chats[name] = _Session(Gathering(source), name)
            chats[name].see(line, values)
        dialect = f"{messenger}, {len(columns)} columns, {_SPOKEN[delimiter]}"
        if cut and not chats:
            raise ExportDamaged(source.place, f"line {cut[0]} has not as many fields as there are columns")
        for chat in chats.values():
            # Of which chat they were, they do not tell: the first one reports them.
            for line in cut:
                chat.chat.fault(line, "it has not as many fields as there are columns")
            cut.clear()
            yield chat.finish(self.format, messenger, dialect)


_SPOKEN: Final = {",": "commas", ";": "semicolons", "\t": "tabs"}


@dataclass(frozen=True, slots=True)
class _Record:
    """A message, or the half of one."""

    id: str
    author: str
    name: str
    at: datetime
    text: str
    line: int
    replying_to: str
    edited: bool
    forwarded: bool
    attachment: Attachment | None
    file: str

    def completed(self, other: _Record) -> _Record | None:
        """This and the next record as one message, if one is the picture and one the text; else None."""
        if (self.author, self.at, self.id) != (other.author, other.at, other.id):
            return None
        if self.text and other.text:
            return None
        # Without an id, two pictures of one second are two messages.
        if not self.id and (bool(self.text), bool(self.file)) != (bool(other.file), bool(other.text)):
            return None
        return replace(
            self,
            text=self.text or other.text,
            attachment=self.attachment or other.attachment,
            file=self.file or other.file,
            replying_to=self.replying_to or other.replying_to,
            edited=self.edited or other.edited,
            forwarded=self.forwarded or other.forwarded,
        )


@dataclass(slots=True)
class _Session:
    """One chat on its way to an `Export`. A record waits for the next, which may be its other half."""

    chat: Gathering
    title: str
    ids: RowIds = field(default_factory=RowIds)
    seen: set[tuple[object, ...]] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)
    senders: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    clock: Clock | None = None
    waiting: _Record | None = None

    def see(self, line: int, values: Mapping[str, str]) -> None:
        """Take a record by the columns' names."""
        try:
            if (record := self._record(line, values)) is None:
                return
        except RecordFault as fault:
            self.chat.fault(line, fault)
            return
        whole = self.waiting.completed(record) if self.waiting else None
        if whole is None:
            self._close()
        self.waiting = whole or record

    def finish(self, format_name: str, messenger: str, dialect: str) -> Export:
        """Add what waits, and give the whole."""
        self._close()
        direct = None
        if " & " in self.title or len(self.names) > 1:
            direct = False
        elif self.title in self.names | self.senders:
            direct = True
        return self.chat.finish(
            messenger=messenger,
            chat_id=self.title or "unknown",
            title=self.title or "Messages",
            format=format_name,
            dialect=dialect,
            clock=self.clock or Clock.WALL,
            owner=frozenset({OWNER}),
            direct=direct,
        )

    def _record(self, line: int, values: Mapping[str, str]) -> _Record | None:
        direction = values.get("type", "").strip().lower()
        # Newer versions end lines within a text as Windows does; on the phone they were one sign.
        typed = (values.get("subject", ""), values["text"])
        text = "\n".join(piece for piece in typed if piece).replace("\r\n", "\n")
        file, at = values.get("attachment", "").strip(), self._time(values.get("message date", "").strip())
        sender, name = values.get("sender id", "").strip(), values.get("sender name", "").strip()
        if direction not in {"incoming", "outgoing", "notification"}:
            raise RecordFault("its type is neither Incoming nor Outgoing nor Notification")
        key = (at, direction, sender, text, file)
        if key in self.seen:
            self.chat.other[Untyped.DUPLICATE] += 1
            return None
        self.seen.add(key)
        if untyped := _untyped(direction, text, file, values):
            self.chat.other[untyped] += 1
            return None
        own = direction == "outgoing"
        if not own:
            # One person may write from a number and from an address.
            self.senders |= {sender} - {""}
            self.names |= {name or sender} - {""}
        return _Record(
            id=values.get("message id", "").strip(),
            author=OWNER if own else sender or name or self.title,
            name="Me" if own else name or sender,
            at=at,
            text=text,
            line=line,
            replying_to=values.get("replying to", "").replace("\r\n", "\n"),
            edited=bool(values.get("edited date", "").strip()),
            forwarded=values.get("forwarded", "").strip().lower() == "yes",
            attachment=_attachment(file, values.get("attachment type", "")) if file else None,
            file=file,
        )

    def _time(self, written: str) -> datetime:
        clock = Clock.UTC if written.endswith(("Z", "+00:00")) else Clock.WALL
        at = instant(written, "Message Date")
        if self.clock is None:
            self.clock = clock
        elif self.clock is not clock:
            raise RecordFault("its Message Date is in another zone than those before it")
        return at

    def _close(self) -> None:
        if (record := self.waiting) is None:
            return
        self.waiting = None
        key = record.id or self.ids.of(record.at, record.author, f"{record.text}\0{record.file}")
        try:
            self.chat.add(
                id=key,
                author=record.author,
                name=record.name,
                at=record.at,
                text=record.text,
                line=record.line,
                # The column quotes what is answered; the last such text is what was meant.
                reply_to=self.texts.get(record.replying_to),
                edited=record.edited,
                forwarded=record.forwarded,
                attachment=record.attachment,
            )
        except RecordFault as fault:
            self.chat.fault(record.line, fault)
        if record.text:
            self.texts[record.text] = key


def _untyped(direction: str, text: str, file: str, values: Mapping[str, str]) -> Untyped | None:
    """Say why nobody typed this, or give None."""
    if direction == "notification":
        return Untyped.NOTICE
    if values.get("status", "").strip().lower() == _NOT_SENT or values.get("deleted date", "").strip():
        return Untyped.DELETED
    if not file and _TAPBACK.fullmatch(text):
        return Untyped.TAPBACK
    return None if text or file else Untyped.HIDDEN


def _attachment(file: str, kind: str) -> Attachment:
    for name, attachment in _KINDS.items():
        if name in kind.lower():
            return attachment
    return attachment_named(file, kind)


def _delimiter(source: Source) -> str | None:
    """What stands between the columns; None where they are not iMazing's."""
    head = source.head(4096)
    return next((sign for sign in _DELIMITERS if set(header_fields(head, sign)) >= _NEEDED), None)
