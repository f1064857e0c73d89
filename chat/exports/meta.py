"""Messenger and Instagram: the JSON of "Download your information", and Messenger's encrypted chats.

The download keeps a folder a chat, with `message_1.json` and on, ten thousand messages each, newest first;
each string in it holds the bytes of UTF-8 as if they were letters. Encrypted chats come as one flat file
each, in proper UTF-8 and with other keys.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

import polars as pl

from chat.errors import ExportError
from chat.exports.bundle import Bundle, Source
from chat.exports.export import ROWS, Clock, Export, RowIds, RowsBuilder, Untyped
from chat.exports.faults import Faults
from chat.exports.json_walk import JsonWalk, open_json
from chat.exports.meta_records import Shape, read_message, repaired
from chat.exports.reader import ReadOptions, Unit
from chat.exports.values import mapping, sequence, string
from chat.message import Chat, ChatKey

_NUMBERED: Final = re.compile(r"message_(\d{1,6})\.json")
_COUNTED_NAME: Final = re.compile(r"_\d+$")
_HEADER: Final = ("participants", "title", "threadName", "thread_path", "thread_type", "joinable_mode")


class Meta:
    """Reads what Messenger and Instagram let people download."""

    format = "meta"

    def units(self, bundle: Bundle) -> Iterator[Unit]:
        """Pick the chats of a download, all together: who is in every one of them is the owner."""
        shapes: dict[Shape, list[Source]] = {}
        for source in bundle.sources:
            if source.name.lower().endswith(".json") and (shape := _look(source).shape):
                shapes.setdefault(shape, []).append(source)
        yield from (tuple(sources) for sources in shapes.values())

    def read(self, unit: Unit, options: ReadOptions) -> Iterator[Export | ExportError]:
        """Read the chats; gives an error for each file that cannot be read."""
        threads: dict[str, list[Source]] = {}
        looks = {source.name: _look(source) for source in unit}
        for source in unit:
            threads.setdefault(_thread(source), []).append(source)
        owner = _owner([look.participants for look in looks.values()])
        for sources in threads.values():
            reading = _Thread(looks[sources[0].name].shape or Shape.DOWNLOAD)
            for source in sorted(sources, key=_number):
                try:
                    reading.see_file(source)
                except ExportError as error:
                    yield error
            if reading.files:
                yield reading.finish(self.format, owner)


@dataclass(frozen=True, slots=True)
class _Look:
    """What the beginning of a file shows."""

    shape: Shape | None = None
    participants: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Thread:
    """One chat on its way to an `Export`."""

    shape: Shape
    files: list[Source] = field(default_factory=list)
    tables: list[pl.DataFrame] = field(default_factory=list)
    header: dict[str, object] = field(default_factory=dict)
    ids: RowIds = field(default_factory=RowIds)
    other: Counter[Untyped] = field(default_factory=Counter)
    faults: Faults = field(default_factory=Faults)

    def see_file(self, source: Source) -> None:
        """Read one file; of one that fails nothing is kept. Raises ExportMissing and ExportDamaged."""
        rows, other = RowsBuilder(), Counter[Untyped]()
        header: dict[str, object] = {}
        with open_json(source) as walk:
            for key in walk.members():
                if key == "messages" and walk.peek() == "[":
                    for number in walk.elements():
                        self._see(source, number, walk.value(), rows, other)
                elif key in _HEADER:
                    header[key] = walk.value()
            walk.end()
        self.files.append(source)
        self.tables.append(rows.table())
        self.other.update(other)
        # The first file is the newest: its names are today's.
        self.header = {**header, **self.header}

    def finish(self, format_name: str, owner: frozenset[str]) -> Export:
        """Give the whole, oldest message first."""
        rows = pl.concat(self.tables) if self.tables else ROWS.to_frame()
        times = rows.get_column("at")
        if rows.height and times[0] > times[-1]:
            # Messages of one moment are turned round with the rest.
            rows = rows.reverse()
        names = _names(self.header.get("participants"), self.shape)
        first = self.files[0]
        if self.shape is Shape.ENCRYPTED:
            key = string(self.header.get("threadName")) or PurePosixPath(first.name).stem
            title = _COUNTED_NAME.sub("", key)
        else:
            path = string(self.header.get("thread_path")) or PurePosixPath(first.name).parent.name
            key = path.rpartition("/")[2] or first.name
            title = repaired(string(self.header.get("title"))) or key
        return Export(
            chat=Chat(ChatKey(_messenger(first, self.shape), key), title),
            format=format_name,
            dialect=self.shape.value,
            clock=Clock.UTC,
            rows=rows.sort("at", maintain_order=True),
            path=first.path,
            owner=owner,
            other={kind: count for kind, count in sorted(self.other.items()) if count},
            problems=self.faults.all(),
            direct=self._direct(names),
        )

    def _direct(self, names: frozenset[str]) -> bool | None:
        if "joinable_mode" in self.header or self.header.get("thread_type") == "RegularGroup":
            return False
        return len(names) <= 2 if names else None

    def _see(
        self, source: Source, number: int, record: object, rows: RowsBuilder, other: Counter[Untyped]
    ) -> None:
        message = read_message(mapping(record), self.shape)
        # A kind is text as well, so that it is looked for first.
        if isinstance(message, Untyped):
            other[message] += 1
        elif isinstance(message, str):
            self.faults.add(source.name, number, message)
        else:
            rows.add(
                id=self.ids.of(message.at, message.sender, message.text),
                author=message.sender,
                name=message.sender,
                at=message.at,
                text=message.text,
                attachment=message.attachment,
                file=source.name,
                line=number,
            )


def _look(source: Source) -> _Look:
    """Tell a file's shape and who is in the chat from its beginning. Never raises."""
    participants: object = None
    keys: set[str] = set()
    head = source.head()
    # The beginning ends somewhere; what came before that counts.
    with suppress(ExportError, UnicodeDecodeError):
        walk = JsonWalk(source, io.BytesIO(head))
        for key in walk.members():
            keys.add(key)
            if key == "participants":
                participants = walk.value()
    if not isinstance(participants, list) or "messages" not in keys:
        return _Look()
    if b'"senderName"' in head or "threadName" in keys:
        shape = Shape.ENCRYPTED
    elif b'"sender_name"' in head or "thread_path" in keys:
        shape = Shape.DOWNLOAD
    else:
        return _Look()
    return _Look(shape, _names(participants, shape))


def _names(participants: object, shape: Shape) -> frozenset[str]:
    found = sequence(participants)
    if shape is Shape.ENCRYPTED:
        return frozenset(name for name in map(string, found) if name)
    return frozenset(name for person in found if (name := repaired(string(mapping(person).get("name")))))


def _owner(chats: Sequence[frozenset[str]]) -> frozenset[str]:
    """The one name that is in every chat, where there is one; a single chat tells nothing."""
    if len(set(chats)) < 2:
        return frozenset()
    everywhere = frozenset.intersection(*chats)
    return everywhere if len(everywhere) == 1 else frozenset()


def _thread(source: Source) -> str:
    folder, _, name = source.name.rpartition("/")
    return folder if _NUMBERED.fullmatch(name) and folder else source.name


def _number(source: Source) -> int:
    found = _NUMBERED.fullmatch(source.name.rpartition("/")[2])
    return int(found[1]) if found else 0


def _messenger(source: Source, shape: Shape) -> str:
    """Both apps write the same; Instagram's downloads name it, in their folders or in their files' places."""
    named = f"{source.path.name}/{source.name}".lower()
    instagram = "instagram" in named or b"your_instagram_activity/" in source.head().replace(b"\\/", b"/")
    return "instagram" if shape is Shape.DOWNLOAD and instagram else "messenger"
