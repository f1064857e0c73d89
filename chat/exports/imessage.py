"""Apple's Messages: `chat.db` of a Mac, and `sms.db` of an iPhone's backup.

The database is opened so that nothing is ever written beside it, and nothing in it is run. With a write-ahead log
beside it, a private copy of both is read. Tables and columns came one by one over the years; those that are missing
count as empty.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from chat.errors import ExportDamaged, ExportEmpty
from chat.exports.bundle import Bundle, Source
from chat.exports.export import Clock, Export, RowsBuilder, Untyped
from chat.exports.faults import Faults
from chat.exports.imessage_parts import ATTACHED, body_of, kind_of, spelt_out
from chat.exports.imessage_people import ME, Chats, Room, read_chats
from chat.exports.reader import ReadOptions, Unit
from chat.exports.values import integer, string
from chat.message import Attachment, Chat, ChatKey

LARGEST_PACKED: Final = 8 << 30
"""Bytes of a database that has to be unpacked, or copied with its log, to be read."""

_MAGIC: Final = b"SQLite format 3\0"
# The second is its name in an iPhone's backup: the checksum of where it lay.
_NAMES: Final = frozenset(("chat.db", "sms.db", "3d0d7e5fb2ce288813306e4d4636395e047a3d28"))
_TABLES: Final = frozenset(("message", "chat", "handle", "chat_message_join"))
_COLUMNS: Final = (
    "guid",
    "text",
    "attributedBody",
    "handle_id",
    "is_from_me",
    "service",
    "date",
    "item_type",
    "associated_message_type",
    "balloon_bundle_id",
    "message_summary_info",
    "thread_originator_guid",
)
_EPOCH: Final = datetime(2001, 1, 1)  # noqa: DTZ001 - rows hold naive UTC
_SECONDS_END: Final = 10**10
"""Dates below are in seconds (before macOS 10.13; until the year 2317), others in nanoseconds."""
_LARGEST_VALUE: Final = 1 << 24
_STEPS: Final = 10_000
_LEAST_WORK: Final = 2_000
_LARGEST_LINE: Final = (1 << 32) - 1


class IMessage:
    """Reads the database of Messages."""

    format = "imessage"

    def units(self, bundle: Bundle) -> Iterator[Unit]:
        """Pick the databases that hold chats; a write-ahead log goes with its database."""
        beside = {source.name: source for source in bundle.sources}
        for source in bundle.sources:
            if _known(source):
                logs = (beside.get(f"{source.name}{end}") for end in ("-wal", "-shm"))
                yield (source, *(log for log in logs if log is not None))

    def read(self, unit: Unit, options: ReadOptions) -> Iterator[Export]:
        """Read the chats. Raises ExportMissing, ExportEmpty and ExportDamaged."""
        source, *beside = unit
        log = next((one for one in beside if one.name.endswith("-wal") and one.size), None)
        reading = _with_log(source, log) if log else None
        if reading is None:
            with _on_disk(source) as path:
                reading = _read(source, path, source.size)
            if log:
                reading.faults.add(
                    log.name, 1, "it does not fit the database: the newest messages are missing"
                )
        yield from reading.finish(self.format)


@dataclass(slots=True)
class _Talk:
    """A chat on its way to an `Export`."""

    rows: RowsBuilder = field(default_factory=RowsBuilder)
    other: Counter[Untyped] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)


class _Database:
    """The tables, of which each version of the system has others."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # A view or a virtual table would run what its author wrote.
        found = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE TABLE%' AND rootpage > 0"
        )
        self.tables = frozenset(str(name) for (name,) in found)

    def rows(
        self, table: str, columns: tuple[str, ...], order: str = "ROWID"
    ) -> Iterator[tuple[object, ...]]:
        """Give these columns of a table's rows, ROWID first; None for a column that it lacks."""
        if table not in self.tables:
            return
        present = {str(row[1]) for row in self._connection.execute(f"PRAGMA table_info({table})")}
        chosen = ", ".join(column if column in present else "NULL" for column in columns)
        yield from self._connection.execute(f"SELECT ROWID, {chosen} FROM {table} ORDER BY {order}")  # noqa: S608


class _Reading:
    """One database on its way to exports."""

    def __init__(self, source: Source, database: _Database) -> None:
        if not database.tables >= _TABLES:
            raise ExportDamaged(source.place, "this database is not the one of Messages; look for chat.db")
        self.source = source
        self.database = database
        self.faults = Faults()
        self.chats: Chats = read_chats(database.rows)
        self.talks: dict[Room, _Talk] = {}
        self.deleted = {row[1] for row in database.rows("chat_recoverable_message_join", ("message_id",))}

    def see_all(self) -> None:
        """Read every message, oldest first."""
        attached = self._attachments()
        for row in self.database.rows("message", _COLUMNS, "date, ROWID"):
            number = integer(row[0]) or 0
            values = dict(zip(_COLUMNS, row[1:], strict=True))
            rooms = self.chats.rooms(number, values["handle_id"])
            if not rooms and number in self.deleted:
                rooms = (self.chats.bin,)
            if not rooms:
                self._fault(number, "it belongs to no chat")
            for room in rooms:
                self._see(self.talks.setdefault(room, _Talk()), number, values, attached.get(number))

    def finish(self, format_name: str) -> Iterator[Export]:
        """Give the chats in the order of their first messages; what was wrong goes with the first."""
        problems = self.faults.all()
        talks = self.talks or ({self.chats.bin: _Talk()} if problems else {})
        if not talks:
            raise ExportEmpty(self.source.place, "there are no messages in it; look for another chat.db")
        for room, talk in talks.items():
            yield Export(
                chat=Chat(ChatKey("imessage", room.id), room.title),
                format=format_name,
                dialect="chat.db",
                clock=Clock.UTC,
                rows=talk.rows.table(),
                path=self.source.path,
                owner=frozenset((ME,)),
                other={kind: count for kind, count in sorted(talk.other.items()) if count},
                problems=problems,
                direct=room.direct,
            )
            problems = ()

    def _see(
        self, talk: _Talk, number: int, values: Mapping[str, object], attached: Attachment | None
    ) -> None:
        guid = string(values["guid"]) or f"row-{number}"
        if guid in talk.seen:
            talk.other[Untyped.DUPLICATE] += 1
            return
        talk.seen.add(guid)
        kind = (
            Untyped.DELETED
            if number in self.deleted
            else kind_of(values["item_type"], values["associated_message_type"], values["balloon_bundle_id"])
        )
        if kind is not None:
            talk.other[kind] += 1
            return
        at = _moment(values["date"])
        body = body_of(values["text"], values["attributedBody"], values["message_summary_info"])
        author = ME if values["is_from_me"] == 1 else self.chats.author(values["handle_id"])
        if at is None or body is None or not author:
            what = "its text cannot be decoded" if body is None else "nobody is named as its author"
            self._fault(number, "it has no time" if at is None else what)
            return
        if body.unsent:
            talk.other[Untyped.DELETED] += body.unsent
        text = string(body.text.replace(ATTACHED, ""))
        if attached is None and ATTACHED in body.text:
            attached = Attachment.OTHER
        if not text and attached is None:
            talk.other[Untyped.HIDDEN] += not body.unsent
            return
        if values["service"] != "iMessage" and spelt_out(text):
            talk.other[Untyped.TAPBACK] += 1
            return
        talk.rows.add(
            id=guid,
            author=author,
            name=self.chats.name(author),
            at=at,
            text=text,
            reply_to=string(values["thread_originator_guid"]) or None,
            edited=body.edited,
            attachment=attached,
            file=self.source.name,
            line=_line(number),
        )

    def _attachments(self) -> dict[int, Attachment]:
        """What hangs on each message; of several, the first."""
        kinds = {
            row[0]: _attachment(*row[1:])
            for row in self.database.rows("attachment", ("mime_type", "uti", "is_sticker"))
        }
        found: dict[int, Attachment] = {}
        for _, message, attachment in self.database.rows(
            "message_attachment_join", ("message_id", "attachment_id")
        ):
            if (number := integer(message)) is not None:
                found.setdefault(number, kinds.get(attachment, Attachment.OTHER))
        return found

    def _fault(self, number: int, what: str) -> None:
        self.faults.add(self.source.name, _line(number), what)


def _known(source: Source) -> bool:
    """Whether it is a database with the tables of Messages, or named as theirs is."""
    head = source.head()
    if not head.startswith(_MAGIC):
        return False
    if source.name.rpartition("/")[2].lower() in _NAMES or b"chat_message_join" in head:
        return True
    if source.packed:
        return False
    try:
        with closing(_connect(source.path, source.size)) as database:
            return _Database(database).tables >= _TABLES
    except (sqlite3.Error, ValueError):
        return False


def _read(source: Source, path: Path, size: int) -> _Reading:
    try:
        with closing(_connect(path, size)) as database:
            reading = _Reading(source, _Database(database))
            reading.see_all()
            return reading
    except (sqlite3.Error, OverflowError, ValueError) as error:
        raise ExportDamaged(
            source.place, f"the database is broken ({type(error).__name__}); copy it again"
        ) from error


def _with_log(source: Source, log: Source) -> _Reading | None:
    """Read the database with what its log holds; None where the two do not go together.

    In copies: SQLite writes into the folder of a database whose log it reads.
    """
    size = source.size + log.size
    if size > LARGEST_PACKED:
        return None
    # `tempfile` makes it a folder for its owner alone.
    with tempfile.TemporaryDirectory(prefix="understudy-") as folder:
        path = Path(folder) / "chat.db"
        for one, copied in ((source, path), (log, path.with_name("chat.db-wal"))):
            with one.open() as original, copied.open("wb") as copy:
                shutil.copyfileobj(original, copy)
        try:
            with closing(sqlite3.connect(path, isolation_level=None)) as database:
                database.execute("PRAGMA trusted_schema = OFF")
                _, pages, _ = database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            return _read(source, path, size) if pages > 0 else None
        except (sqlite3.Error, ExportDamaged):
            # A log of another day: its pages and those of the database make no whole.
            return None


@contextmanager
def _on_disk(source: Source) -> Iterator[Path]:
    """Give a path that SQLite can open: of a packed source, a private copy that is gone afterwards."""
    if not source.packed:
        yield source.path.absolute()
        return
    if source.size > LARGEST_PACKED:
        raise ExportDamaged(source.place, "it is too large to be unpacked here; unpack it first")
    # `tempfile` makes it readable for its owner alone.
    with tempfile.NamedTemporaryFile(prefix="understudy-", suffix=".db") as copy:
        with source.open() as packed:
            shutil.copyfileobj(packed, copy)
        copy.flush()
        yield Path(copy.name)


def _connect(path: Path, size: int) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None
    )
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_VALUE)
    # Pages that lead round in circles must not keep it busy forever.
    work = iter(range(_LEAST_WORK + size // 100))
    connection.set_progress_handler(lambda: next(work, None) is None, _STEPS)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def _moment(date: object) -> datetime | None:
    count = integer(date)
    if not count:
        return None
    seconds, nanoseconds = (count, 0) if abs(count) < _SECONDS_END else divmod(count, 10**9)
    try:
        return _EPOCH + timedelta(seconds=seconds, microseconds=nanoseconds // 1_000)
    except OverflowError:
        return None


def _attachment(mime: object, uti: object, is_sticker: object) -> Attachment:
    if is_sticker == 1:
        return Attachment.STICKER
    kind = string(mime)
    if kind == "image/gif":
        return Attachment.GIF
    if kind in {"text/vcard", "text/x-vlocation"}:
        return Attachment.LOCATION if "location" in kind else Attachment.CONTACT
    family = {"image": Attachment.IMAGE, "video": Attachment.VIDEO, "audio": Attachment.AUDIO}
    if found := family.get(kind.partition("/")[0]):
        return found
    if "coreaudio" in string(uti):
        # Voice messages have no media type.
        return Attachment.AUDIO
    return Attachment.DOCUMENT if kind else Attachment.OTHER


def _line(number: int) -> int:
    return min(max(number, 0), _LARGEST_LINE)
