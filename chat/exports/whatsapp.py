"""WhatsApp's "Export chat": a text file, alone or in a zip with its media.

The file is read twice, a line at a time: once to find the one dialect that it is written in and the order
of its dates, once to read the messages.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from chat.errors import DateOrderUnknown, DialectUnknown, ExportEmpty
from chat.exports.bundle import Bundle, Source
from chat.exports.dates import DateOrder
from chat.exports.export import Clock, Export, RowIds, RowsBuilder, Untyped
from chat.exports.lines import Line, read_lines
from chat.exports.reader import ReadOptions, Unit
from chat.exports.whatsapp_body import author_key, read_android, read_ios, split_author
from chat.exports.whatsapp_header import MARKS, Dialect, Header, Survey, parse_header
from chat.message import Chat, ChatKey

LONGEST_BODY = 100_000
"""Characters. WhatsApp sends up to 65,536; what is longer is not a message, and must not fill the memory."""

_NAME = re.compile(
    r"(?:WhatsApp[ -]Chat (?:with|mit|met|-)|Chat de WhatsApp con|Discussion WhatsApp avec"
    r"|Conversa (?:do|no) WhatsApp com|Chat WhatsApp con)\s+(?P<title>.+)",
    re.IGNORECASE,
)


_CHATS_TEXT = "_chat.txt"


class WhatsApp:
    """Reads WhatsApp's text export, of iOS and of Android."""

    format = "whatsapp"

    def units(self, bundle: Bundle) -> Iterator[Unit]:
        """Pick the texts that begin messages as WhatsApp does, or are named as it names them."""
        texts = [source for source in bundle.sources if source.name.lower().endswith(".txt")]
        # Beside an iPhone's `_chat.txt`, and beside a text named after its chat, lie files that people sent.
        named = {_folder(text) for text in texts if _base(text).lower() == _CHATS_TEXT}
        titled = {_folder(text) for text in texts if _title(text)} - named
        for text in texts:
            if _folder(text) in named:
                wanted = _base(text).lower() == _CHATS_TEXT
            elif _folder(text) in titled and text.packed:
                wanted = bool(_NAME.fullmatch(Path(_base(text)).stem))
            else:
                # A single .txt was surely meant: reading it says what is wrong with it.
                wanted = len(bundle.sources) == 1 or bool(_title(text)) or _begins_messages(text)
            if wanted:
                yield (text,)

    def read(self, unit: Unit, options: ReadOptions) -> Iterator[Export]:
        """Read the one chat in a text.

        Raises ExportMissing, ExportEmpty, ExportDamaged, DialectUnknown (no line begins as WhatsApp's do)
        and DateOrderUnknown (set `date_order` then; it is ignored where the file itself tells).
        """
        (text,) = unit
        survey = _survey(text)
        order = survey.order(text.written_on()) or options.date_order
        if order is None:
            raise DateOrderUnknown(
                text.place,
                "3/4 may be April or March here; say which comes first, day or month (--date-order dmy or mdy)",
            )
        reading = _Reading(text, survey.dialect, order, _title(text))
        for line in read_lines(text):
            reading.see(line)
        yield reading.finish(self.format)


def _survey(text: Source) -> Survey:
    """Find the dialect that most candidate lines are in; of equals, the one seen first."""
    surveys: dict[Dialect, Survey] = {}
    begun_at = 0
    for line in read_lines(text):
        if not begun_at and line.text.strip(MARKS).strip():
            begun_at = line.number
        if line.fresh and (header := parse_header(line.text)):
            dialect = header.dialect
            (surveys.get(dialect) or surveys.setdefault(dialect, Survey(dialect))).see(header)
    if not begun_at:
        raise ExportEmpty(text.place, "there is nothing in it; export the chat again")
    if not surveys:
        raise DialectUnknown(
            text.place,
            begun_at,
            "it does not begin with date and time as WhatsApp writes them, nor does any other",
        )
    return max(surveys.values(), key=lambda survey: survey.count)


@dataclass(slots=True)
class _Reading:
    """One file on its way to an `Export`: the message that is open, and those that are done."""

    source: Source
    dialect: Dialect
    order: DateOrder
    title: str
    rows: RowsBuilder = field(default_factory=RowsBuilder)
    ids: RowIds = field(default_factory=RowIds)
    other: Counter[Untyped] = field(default_factory=Counter)
    group: str = ""
    header: Header | None = None
    sent_at: datetime | None = None
    lines: list[str] = field(default_factory=list)
    number: int = 0
    length: int = 0

    def see(self, line: Line) -> None:
        """Take the next line: a new message, or more of the open one."""
        text, fresh = line.text, line.fresh
        header = parse_header(text) if fresh else None
        if header is not None and header.dialect == self.dialect and (sent_at := header.sent_at(self.order)):
            self.close()
            self.header, self.sent_at, self.number = header, sent_at, line.number
            self.lines, self.length = [header.rest], len(header.rest)
        elif self.header is None:
            self.other[Untyped.STRAY] += bool(text.strip())
        else:
            self.length += len(text) + 1
            if self.length > LONGEST_BODY:
                return
            if fresh:
                self.lines.append(text)
            else:
                self.lines[-1] += text

    def close(self) -> None:
        """Finish the open message, if there is one."""
        if self.header is None or self.sent_at is None:
            return
        if self.length > LONGEST_BODY:
            self.other[Untyped.OVERLONG] += 1
            return
        parts = split_author("\n".join(self.lines))
        if parts is None:
            self.other[Untyped.NOTICE] += 1
            return
        name, text = parts
        body = read_ios(text) if self.dialect.bracketed else read_android(text)
        if isinstance(body, Untyped):
            self.other[body] += 1
            if body is Untyped.NOTICE and not self.group:
                self.group = author_key(name)
            return
        author = author_key(name)
        self.rows.add(
            id=self.ids.of(self.sent_at, author, body.text),
            author=author,
            # "~ Name" is how WhatsApp shows somebody who is not among the phone's contacts.
            name=author.removeprefix("~").strip() or author,
            at=self.sent_at,
            text=body.text,
            edited=body.edited,
            attachment=body.attachment,
            file=self.source.name,
            line=self.number,
        )

    def finish(self, format_name: str) -> Export:
        """Close the last message and give the whole. Raises ExportEmpty when nobody typed anything."""
        self.close()
        if not len(self.rows):
            raise ExportEmpty(self.source.place, "nobody typed anything in it; export the chat again")
        # iOS signs its first notice with the group's name; Android names the file after the chat.
        title = self.title or self.group or "WhatsApp chat"
        rows = self.rows.table()
        # A chat that nothing names is known by who writes in it.
        chat_id = self.title or self.group or " & ".join(rows.get_column("author").unique().sort())
        return Export(
            chat=Chat(ChatKey("whatsapp", chat_id), title),
            format=format_name,
            dialect=self.dialect.name(self.order),
            clock=Clock.WALL,
            rows=rows,
            path=self.source.path,
            date_order=self.order
            if self.dialect.dash in ("/", "-") and not self.dialect.year_first
            else None,
            other=MappingProxyType({kind: count for kind, count in sorted(self.other.items()) if count}),
        )


def _begins_messages(text: Source) -> bool:
    lines = text.head().decode("utf-8", "replace").splitlines()
    return any(parse_header(line) for line in lines)


def _title(text: Source) -> str:
    """The chat's name, where the file or its zip carries it."""
    for name in _stems(text):
        if found := _NAME.fullmatch(name):
            return author_key(found["title"])
    return ""


def _stems(text: Source) -> Iterator[str]:
    parts = text.name.split("/")
    yield from (Path(part).stem for part in reversed(parts))
    yield text.path.stem


def _base(text: Source) -> str:
    return text.name.rpartition("/")[2]


def _folder(text: Source) -> str:
    return text.name.rpartition("/")[0]
