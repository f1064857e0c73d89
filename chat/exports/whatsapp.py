"""WhatsApp's "Export chat": a text file, alone or in a zip with its media.

The file is read twice, a line at a time: once to find the one dialect that it is written in and the order
of its dates, once to read the messages.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from chat.errors import DateOrderUnknown, DialectUnknown, ExportDamaged, ExportEmpty, ExportError
from chat.exports.export import DateOrder, Export, Untyped
from chat.exports.lines import TextFile, text_files
from chat.exports.whatsapp_body import Body, author_key, read_android, read_ios, split_author
from chat.exports.whatsapp_header import MARKS, Dialect, Header, Survey, parse_header
from chat.message import Author, ChatKey, Message

LONGEST_BODY = 100_000
"""Characters. WhatsApp sends up to 65,536; what is longer is not a message, and must not fill the memory."""

_NAME = re.compile(
    r"(?:WhatsApp[ -]Chat (?:with|mit|met|-)|Chat de WhatsApp con|Discussion WhatsApp avec"
    r"|Conversa (?:do|no) WhatsApp com|Chat WhatsApp con)\s+(?P<title>.+)",
    re.IGNORECASE,
)


class WhatsApp:
    """Reads WhatsApp's text export, of iOS and of Android."""

    format = "whatsapp"

    def recognises(self, path: Path) -> bool:
        """Tell whether the file is a `.txt`, or a zip that holds one."""
        if path.suffix.lower() == ".txt":
            return True
        try:
            return any(text.member for text in text_files(path))
        except ExportError:
            # A broken .zip is ours to complain of: no other format comes as one yet.
            return path.suffix.lower() == ".zip"

    def read(self, path: Path, owner: str, date_order: DateOrder | None = None) -> Export:
        """Read the export at `path`; what `owner` wrote is own.

        Raises ExportMissing, ExportEmpty, ExportDamaged, DialectUnknown (no line begins as WhatsApp's do)
        and DateOrderUnknown (pass `date_order` then; it is ignored where the file itself tells).
        """
        text, survey = self._choose(path)
        order = survey.order(text.written_on()) or date_order
        if order is None:
            raise DateOrderUnknown(
                path, "3/4 may be April or March here; say which comes first, day or month"
            )
        reading = _Reading(survey.dialect, order, author_key(owner), _title(text))
        for line in text.lines():
            reading.see(line.text, fresh=line.fresh)
        return reading.finish(path, self.format)

    def _choose(self, path: Path) -> tuple[TextFile, Survey]:
        """Pick the text that is the chat, with its dialect: by name, else the one with most headers."""
        texts = text_files(path)
        if not texts:
            raise ExportDamaged(path, "the zip holds no .txt; export the chat again")
        named = [text for text in texts if text.name.lower() == "_chat.txt"] or [
            text for text in texts if re.search("whatsapp|chat", text.name, re.IGNORECASE)
        ]
        surveys: list[tuple[TextFile, Survey]] = []
        problem: ExportError | None = None
        for text in named or texts:
            try:
                surveys.append((text, _survey(text)))
            except (ExportEmpty, DialectUnknown) as error:
                problem = problem or error
        if not surveys:
            raise problem or ExportEmpty(path, "there is nothing in it")
        return max(surveys, key=lambda found: found[1].count)


def _survey(text: TextFile) -> Survey:
    """Find the dialect that most candidate lines are in; of equals, the one seen first."""
    surveys: dict[Dialect, Survey] = {}
    begun_at = 0
    for line in text.lines():
        if not begun_at and line.text.strip(MARKS).strip():
            begun_at = line.number
        if line.fresh and (header := parse_header(line.text)):
            dialect = header.dialect
            (surveys.get(dialect) or surveys.setdefault(dialect, Survey(dialect))).see(header)
    if not begun_at:
        raise ExportEmpty(text.path, "there is nothing in it; export the chat again")
    if not surveys:
        raise DialectUnknown(
            text.path,
            begun_at,
            "it does not begin with date and time as WhatsApp writes them, nor does any other",
        )
    return max(surveys.values(), key=lambda survey: survey.count)


@dataclass(slots=True)
class _Reading:
    """One file on its way to an `Export`: the message that is open, and those that are done."""

    dialect: Dialect
    order: DateOrder
    owner: str
    title: str
    messages: list[Message] = field(default_factory=list)
    other: Counter[Untyped] = field(default_factory=Counter)
    seen: Counter[bytes] = field(default_factory=Counter)
    authors: dict[str, Author] = field(default_factory=dict)
    group: str = ""
    chat: ChatKey = field(init=False)
    header: Header | None = None
    sent_at: datetime | None = None
    lines: list[str] = field(default_factory=list)
    length: int = 0

    def __post_init__(self) -> None:
        self.chat = ChatKey("whatsapp", self.title or "chat")

    def see(self, text: str, *, fresh: bool) -> None:
        """Take the next line: a new message, or more of the open one."""
        header = parse_header(text) if fresh else None
        if header is not None and header.dialect == self.dialect and (sent_at := header.sent_at(self.order)):
            self.close()
            self.header, self.sent_at = header, sent_at
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
        self.messages.append(self._message(author_key(name), body, self.sent_at))

    def finish(self, path: Path, format_name: str) -> Export:
        """Close the last message and give the whole. Raises ExportEmpty when nobody typed anything."""
        self.close()
        if not self.messages:
            raise ExportEmpty(path, "nobody typed anything in it; export the chat again")
        return Export(
            # iOS signs its first notice with the group's name; Android names the file after the chat.
            title=self.title or self.group or "WhatsApp chat",
            format=format_name,
            dialect=self.dialect.name(self.order),
            messages=tuple(self.messages),
            other=MappingProxyType({kind: count for kind, count in sorted(self.other.items()) if count}),
            source=path,
        )

    def _message(self, author: str, body: Body, sent_at: datetime) -> Message:
        digest = hashlib.sha256(f"{sent_at.isoformat()}\0{author}\0{body.text}".encode())
        key = digest.digest()[:12]
        self.seen[key] += 1
        digest.update(b"\0%d" % self.seen[key])
        known = self.authors.get(author)
        if known is None:
            # "~ Name" is how WhatsApp shows somebody who is not among the phone's contacts.
            known = self.authors[author] = Author(author, author.removeprefix("~").strip() or author)
        return Message(
            chat=self.chat,
            id=digest.hexdigest()[:24],
            author=known,
            text=body.text,
            sent_at=sent_at,
            own=author == self.owner,
            edited=body.edited,
            attachment=body.attachment,
        )


def _title(text: TextFile) -> str:
    """The chat's name, where the file or its zip carries it."""
    for name in _stems(text):
        if found := _NAME.fullmatch(name):
            return author_key(found["title"])
    return ""


def _stems(text: TextFile) -> Iterator[str]:
    yield Path(text.name).stem
    yield text.path.stem
