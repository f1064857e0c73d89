"""Slack's export of a workspace: a folder for each channel, a file for each day.

All of a workspace is one unit, for its lists of people and channels are needed with each; a day that cannot
be read is a problem of its channel, and the other days are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, Final

from chat.errors import ExportError
from chat.exports.bundle import Bundle, Source
from chat.exports.export import Clock, Export, Untyped
from chat.exports.json_walk import first_element, open_json
from chat.exports.reader import ReadOptions, Unit
from chat.exports.records import Gathering, RecordFault, attachment_named, part, parts, whole, word
from chat.exports.slack_text import Names, as_seen, upload_comment
from chat.message import Attachment

MESSENGER: Final = "slack"

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}\.json")
_PEOPLE: Final = ("users.json", "org_users.json")
_CHANNELS: Final = ("channels.json", "groups.json", "mpims.json", "dms.json")
_BESIDE: Final = frozenset({*_PEOPLE, *_CHANNELS, "integration_logs.json"})
_STAMP: Final = re.compile(r"(\d{1,11})(?:\.(\d{1,6}))?")
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC, as all times here
_SYSTEM_USER: Final = "USLACKBOT"
_TYPED: Final = frozenset({"", "file_share", "thread_broadcast", "me_message"})
_KINDS: Final = {
    "bot_message": Untyped.BOT,
    "slackbot_response": Untyped.BOT,
    "tombstone": Untyped.DELETED,
    "message_deleted": Untyped.DELETED,
    "huddle_thread": Untyped.CALL,
    "sh_room_created": Untyped.CALL,
}


class Slack:
    """Reads what an owner of a Slack workspace exports, as a zip or a folder."""

    format = "slack"

    def units(self, bundle: Bundle) -> Iterator[Unit]:
        """Pick each workspace: the days of its channels, and the lists beside them."""
        workspaces: dict[PurePosixPath, list[Source]] = {}
        channels: dict[PurePosixPath, bool] = {}
        for source in bundle.sources:
            path = PurePosixPath(source.name)
            if not _DAY.fullmatch(path.name):
                continue
            # One day shows what the folder is; one that is broken must not hide its neighbours.
            if not channels.get(path.parent):
                channels[path.parent] = _is_day(source)
            workspaces.setdefault(path.parent.parent, []).append(source)
        for root, days in workspaces.items():
            unit = [day for day in days if channels[PurePosixPath(day.name).parent]]
            if unit:
                beside = (s for s in bundle.sources if PurePosixPath(s.name).parent == root)
                yield (*(s for s in beside if PurePosixPath(s.name).name in _BESIDE), *unit)

    def read(self, unit: Unit, options: ReadOptions) -> Iterator[Export]:
        """Read channel after channel. What cannot be read of it stands in the exports' problems."""
        workspace = _Workspace()
        days: dict[PurePosixPath, list[Source]] = {}
        for source in unit:
            path = PurePosixPath(source.name)
            if path.name in _BESIDE:
                workspace.learn(source)
            else:
                days.setdefault(path.parent, []).append(source)
        for folder, sources in days.items():
            chat = workspace.read(sorted(sources, key=lambda day: day.name))
            if not chat.empty:
                yield workspace.finish(chat, folder.name, self.format)


@dataclass(slots=True)
class _Workspace:
    """Who and what there is. `channels` go by their folders' names, each with the list it stands in."""

    names: Names = field(default_factory=Names)
    channels: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    faults: list[tuple[Source, int, str]] = field(default_factory=list)

    def learn(self, source: Source) -> None:
        """Take a list of people or channels. What is wrong with it leaves ids without names, no more."""
        listed = PurePosixPath(source.name).name
        try:
            for number, value in _elements(source):
                try:
                    self._learn(listed, whole(value))
                except RecordFault as fault:
                    self.faults.append((source, number, str(fault)))
        except ExportError:
            self.faults.append((source, 1, "the list cannot be read; names may be missing"))

    def read(self, days: list[Source]) -> Gathering:
        """Read a channel, day by day."""
        chat = Gathering(days[0])
        for day in days:
            try:
                for number, record in _elements(day):
                    try:
                        self._take(chat, day, number, whole(record))
                    except RecordFault as fault:
                        chat.fault(number, fault, day)
            except ExportError:
                chat.fault(1, "this is damaged, and not read to its end; export the chat again", day)
        return chat

    def finish(self, chat: Gathering, folder: str, format_name: str) -> Export:
        """Give a channel, with what was wrong with the lists if it is the first."""
        listed, channel = self.channels.get(folder, ("", {}))
        title = word(channel, "name")
        if listed == "dms.json":
            title = " & ".join(self.names.user(member) for member in _members(channel))
        for source, line, what in self.faults:
            chat.fault(line, what, source)
        self.faults.clear()
        return chat.finish(
            messenger=MESSENGER,
            chat_id=word(channel, "id") or folder or "unknown",
            title=title or folder or "Slack",
            format=format_name,
            dialect="with a list of people" if self.names.users else "without a list of people",
            clock=Clock.UTC,
            direct=(listed == "dms.json") if listed else None,
            by_time=True,
        )

    def _learn(self, listed: str, facts: dict[str, Any]) -> None:
        key = word(facts, "id")
        if listed in _PEOPLE:
            self.names.users[key] = _called(part(facts, "profile")) or _called(facts) or key
        elif listed in _CHANNELS:
            name = word(facts, "name")
            self.names.channels[key] = name
            # Conversations of two have no name; their folder is called by their id.
            self.channels[name or key] = (listed, facts)

    def _take(self, chat: Gathering, day: Source, number: int, record: dict[str, Any]) -> None:
        subtype, author, typed = word(record, "subtype"), word(record, "user"), word(record, "text")
        if word(record, "type") != "message":
            raise RecordFault("it is no message")
        key, thread = word(record, "ts"), word(record, "thread_ts")
        at = _time(key)
        if subtype not in _TYPED:
            chat.other[_KINDS.get(subtype, Untyped.NOTICE)] += 1
            return
        if author == _SYSTEM_USER or word(record, "bot_id") or not author:
            chat.other[Untyped.BOT] += 1
            return
        files = parts(record, "files") or [file for file in [part(record, "file")] if file]
        if subtype == "file_share":
            typed = upload_comment(typed)
        if not typed and all(file.get("mode") == "tombstone" for file in files):
            chat.other[Untyped.DELETED if files else Untyped.UNSUPPORTED] += 1
            return
        chat.add(
            id=key,
            author=author,
            name=self.names.users.get(author) or _called(part(record, "user_profile")),
            at=at,
            text=as_seen(typed, self.names),
            line=number,
            reply_to=thread if thread != key and thread else None,
            edited=bool(part(record, "edited")),
            attachment=_attachment(files[0]) if files else None,
            source=day,
        )


def _elements(source: Source) -> Iterator[tuple[int, Any]]:
    with open_json(source) as stream:
        for number in stream.elements():
            yield number, stream.value()
        stream.end()


def _is_day(source: Source) -> bool:
    first = first_element(source)
    return isinstance(first, dict) and {"type", "ts"} <= first.keys()


def _called(facts: dict[str, Any]) -> str:
    """What people read as somebody's name."""
    return word(facts, "display_name") or word(facts, "real_name") or word(facts, "name")


def _members(channel: dict[str, Any]) -> list[str]:
    members = channel.get("members")
    return [member for member in members if isinstance(member, str)] if isinstance(members, list) else []


def _time(stamp: str) -> datetime:
    """A message's id is its time, in seconds; digits after the point, never through a float."""
    found = _STAMP.fullmatch(stamp)
    if found is None:
        raise RecordFault("its ts is no time")
    return _EPOCH + timedelta(seconds=int(found[1]), microseconds=int((found[2] or "").ljust(6, "0")))


def _attachment(file: dict[str, Any]) -> Attachment:
    return attachment_named(word(file, "name"), word(file, "mimetype"))
