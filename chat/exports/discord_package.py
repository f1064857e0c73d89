"""Discord's data package: a folder for each channel, with one's own messages and nobody else's.

Markup (`<@id>`, `||spoiler||`, `**bold**`) stands in it as it was typed, and is kept so. The newest message
comes first; the rows are in the order of time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from chat.errors import ExportError
from chat.exports.bundle import Bundle, Source
from chat.exports.csv_rows import header_fields, read_csv
from chat.exports.export import Clock, Export, Untyped
from chat.exports.json_walk import first_element, first_keys, open_json
from chat.exports.reader import ReadOptions, Unit
from chat.exports.records import Gathering, RecordFault, attachment_named, instant, part, whole, word

MESSENGER: Final = "discord"
OWNER_UNKNOWN: Final = "me"
"""The owner's author id where the package's `account/user.json` is missing."""

_CHANNEL: Final = re.compile(r"c?(\d{1,20})")
_EPOCH: Final = datetime(2015, 1, 1)  # noqa: DTZ001 - naive UTC, as all times here
_FIRST: Final = timedelta(days=31)
# No zone is further from UTC than this: beyond it, the id and the time are not of one message.
_ZONES: Final = timedelta(hours=15)
_DIRECT: Final = frozenset({"1", "DM"})
_MESSAGES: Final = ("messages.csv", "messages.json")
_TITLE: Final = re.compile(r"Direct Message with (?P<name>.+?)(?:#0)?")


class DiscordPackage:
    """Reads the package that Discord sends on request, in its old and its new layout, CSV and JSON."""

    format = "discord_package"

    def units(self, bundle: Bundle) -> Iterator[Unit]:
        """Pick each channel's messages, with what names the channel and the owner."""
        known = {source.name.lower(): source for source in bundle.sources}
        for source in bundle.sources:
            path = PurePosixPath(source.name.lower())
            if path.name not in _MESSAGES or not _is_messages(source):
                continue
            folder = path.parent
            beside = (
                folder / "channel.json",
                folder.parent / "index.json",
                folder.parent.parent / "account" / "user.json",
            )
            yield (source, *(known[str(name)] for name in beside if str(name) in known))

    def read(self, unit: Unit, options: ReadOptions) -> Iterator[Export]:
        """Read one channel. Raises ExportDamaged and ExportMissing."""
        messages, *beside = unit
        by_name = {PurePosixPath(source.name.lower()).name: source for source in beside}
        chat = Gathering(messages)
        channel = _channel(messages, by_name.get("channel.json"), by_name.get("index.json"), chat)
        owner = _owner(by_name.get("user.json"))
        as_csv = messages.name.lower().endswith(".csv")
        for line, record in _csv_records(messages) if as_csv else _json_records(messages):
            try:
                _take(chat, owner, line, whole(record))
            except RecordFault as fault:
                chat.fault(line, fault)
        if not chat.empty:
            yield chat.finish(
                messenger=MESSENGER,
                chat_id=channel.id,
                title=channel.title,
                format=self.format,
                dialect=f"{channel.layout} layout, {'csv' if as_csv else 'json'}",
                clock=Clock.UTC,
                owner=frozenset({owner[0]}),
                direct=channel.direct,
                by_time=True,
            )


@dataclass(frozen=True, slots=True)
class _Channel:
    id: str
    title: str
    direct: bool | None
    layout: str


def sent_at(message_id: str) -> datetime | None:
    """The time (naive UTC) that is in a Discord id, or None where the number is no such id.

    The upper 42 of 64 bits are the milliseconds since 2015.
    """
    if not message_id.isascii() or not message_id.isdigit() or len(message_id) > 20:
        return None
    since = timedelta(milliseconds=int(message_id) >> 22)
    # Discord opened in spring 2015; a smaller number counts something else.
    return _EPOCH + since if since > _FIRST else None


def place_name(name: str, server: str) -> str:
    """What people call a channel, as Discord's own index writes it."""
    return f"{name} in {server}" if server else name


def _take(chat: Gathering, owner: tuple[str, str], line: int, record: dict[str, Any]) -> None:
    fields = {key.strip().lower(): value for key, value in record.items()}
    key, text = word(fields, "id").strip(), word(fields, "contents")
    urls = word(fields, "attachments").split()
    if not key.isascii() or not key.isdigit():
        raise RecordFault("its id is no number")
    at = _time(sent_at(key), word(fields, "timestamp").strip())
    if not text and not urls:
        # A sticker, a poll, an invitation: the package has no words for them.
        chat.other[Untyped.UNSUPPORTED] += 1
        return
    chat.add(
        id=key,
        author=owner[0],
        name=owner[1],
        at=at,
        text=text,
        line=line,
        attachment=attachment_named(_file_name(urls[0])) if urls else None,
    )


def _time(exact: datetime | None, written: str) -> datetime:
    """Prefer the id's time, which is exact and in no zone, and check it against the written one."""
    try:
        told = instant(written, "timestamp")
    except RecordFault:
        if exact is None:
            raise
        return exact
    if exact is not None and abs(told - exact) > _ZONES:
        raise RecordFault("its id and its timestamp are of different days")
    return told if exact is None else exact


def _file_name(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return url


def _csv_records(source: Source) -> Iterator[tuple[int, dict[str, str]]]:
    records = read_csv(source)
    _, names = next(records, (1, []))
    for line, fields in records:
        if fields:
            yield line, dict(zip(names, fields, strict=False))


def _json_records(source: Source) -> Iterator[tuple[int, Any]]:
    with open_json(source) as stream:
        if stream.peek() == "[":
            for number in stream.elements():
                yield number, stream.value()
        else:
            for key in stream.members():
                if key.lower() == "messages":
                    for number in stream.elements():
                        yield number, stream.value()
        stream.end()


def _is_messages(source: Source) -> bool:
    if source.name.lower().endswith(".csv"):
        return {"id", "timestamp", "contents"} <= set(header_fields(source.head()))
    first = first_element(source)
    if isinstance(first, dict):
        return {"id", "timestamp", "contents"} <= {key.lower() for key in first}
    # An empty list says nothing about itself; its folder does.
    in_channel = bool(_CHANNEL.fullmatch(PurePosixPath(source.name.lower()).parent.name))
    return in_channel and (first is None or "messages" in first_keys(source))


def _channel(messages: Source, about: Source | None, index: Source | None, chat: Gathering) -> _Channel:
    folder = PurePosixPath(messages.name).parent
    found = _CHANNEL.fullmatch(folder.name.lower())
    try:
        facts = _whole_object(about)
        key, kind, name = word(facts, "id"), word(facts, "type"), word(facts, "name")
        server = word(part(facts, "guild"), "name")
    except (ExportError, RecordFault):
        chat.fault(1, "what it says of the channel cannot be read", about)
        key = kind = name = server = ""
    key = key or (found[1] if found else folder.name) or "unknown"
    title = place_name(name, server) if name else _indexed(index, key)
    if named := _TITLE.fullmatch(title):
        title = named["name"]
    old = kind.isdigit() or folder.parent.name == "messages"
    direct = (kind in _DIRECT) if kind else None
    return _Channel(key, title or f"Channel {key}", direct, "old" if old else "new")


def _indexed(index: Source | None, key: str) -> str:
    """What the index calls a channel; nothing for one that is gone."""
    if index is None:
        return ""
    with suppress(ExportError), open_json(index) as stream:
        for name in stream.members():
            if name == key:
                title = stream.value()
                return title if isinstance(title, str) else ""
    return ""


def _owner(account: Source | None) -> tuple[str, str]:
    """The owner's id and name."""
    found: dict[str, str] = {}
    if account is not None:
        # A broken account leaves the messages what they are: all are the owner's.
        with suppress(ExportError), open_json(account) as stream:
            for key in stream.members():
                if key in {"id", "username"}:
                    value = stream.value()
                    found[key] = str(value) if isinstance(value, str | int) else ""
                if len(found) == 2:
                    break
    key = found.get("id") or OWNER_UNKNOWN
    return key, found.get("username") or "Me"


def _whole_object(source: Source | None) -> dict[str, Any]:
    if source is None:
        return {}
    with open_json(source) as stream:
        return whole(stream.value())
