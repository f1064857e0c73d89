"""DiscordChatExporter's JSON: one channel a file, or one part of it (`… [part 2].json`).

Each part is complete in itself, so that each is read alone; parts are one chat because they name one
channel. The exporter has made names of mentions already, unless it was told not to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from chat.exports.bundle import Bundle
from chat.exports.discord_package import MESSENGER, place_name
from chat.exports.export import Clock, Export, Untyped
from chat.exports.json_walk import JsonWalk, first_keys, open_json
from chat.exports.reader import ReadOptions, Unit
from chat.exports.records import (
    Gathering,
    RecordFault,
    attachment_named,
    instant,
    part,
    parts,
    whole,
    word,
)
from chat.message import Attachment

# Kinds that the exporter's version did not know are numbers; 19 is a reply in versions older than replies.
_TYPED: Final = frozenset({"Default", "Reply", "0", "19"})
_REPLIES: Final = frozenset({"Reply", "19"})
_KINDS: Final = {
    **dict.fromkeys(
        (
            "RecipientAdd",
            "RecipientRemove",
            "ChannelNameChange",
            "ChannelIconChange",
            "ChannelPinnedMessage",
            "GuildMemberJoin",
            "ThreadCreated",
            # Boosts, followed channels, discovery, the first message of a thread, …
            *(str(number) for number in (1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18, 21, 22, 24)),
        ),
        Untyped.NOTICE,
    ),
    **dict.fromkeys(("Call", "3"), Untyped.CALL),
    # Commands of applications: what stands there is the application's.
    **dict.fromkeys(("20", "23"), Untyped.BOT),
}
_SINGLE: Final = "DirectTextChat"
_SERVERLESS: Final = "0"
_MARKUP: Final = re.compile(r"<(?:@[!&]?|#|a?:\w+:)\d+>")


class DiscordExporter:
    """Reads the JSON that DiscordChatExporter writes."""

    format = "discord_exporter"

    def units(self, bundle: Bundle) -> Iterator[Unit]:
        """Pick the files that begin with a guild and a channel."""
        for source in bundle.sources:
            if source.name.lower().endswith(".json") and {"guild", "channel"} <= first_keys(source):
                yield (source,)

    def read(self, unit: Unit, options: ReadOptions) -> Iterator[Export]:
        """Read a channel, or a part of it. Raises ExportDamaged and ExportMissing."""
        (source,) = unit
        reading = _Reading(Gathering(source))
        with open_json(source) as stream:
            reading.read(stream)
            stream.end()
        yield reading.finish(self.format)


@dataclass(slots=True)
class _Reading:
    chat: Gathering
    guild: dict[str, Any] = field(default_factory=dict)
    channel: dict[str, Any] = field(default_factory=dict)
    markup: bool = False
    moments: list[tuple[datetime, datetime]] = field(default_factory=list)
    """Of the first and the last message: when in UTC, and when by the clock in the file."""

    def read(self, stream: JsonWalk) -> None:
        for key in stream.members():
            if key == "messages":
                for number in stream.elements():
                    self._see(number, stream.value())
            elif key in {"guild", "channel"}:
                value = stream.value()
                if isinstance(value, dict):
                    setattr(self, key, value)

    def finish(self, format_name: str) -> Export:
        try:
            key, kind = word(self.channel, "id"), word(self.channel, "type")
            name, guild = word(self.channel, "name"), word(self.guild, "id")
            server = word(self.guild, "name") if guild != _SERVERLESS else ""
        except RecordFault as fault:
            self.chat.fault(1, fault)
            key = kind = name = server = ""
        export = self.chat.finish(
            messenger=MESSENGER,
            chat_id=key or "unknown",
            title=place_name(name, server) or f"Channel {key}",
            format=format_name,
            dialect="markup as typed" if self.markup else "names for mentions",
            clock=Clock.UTC,
            direct=(kind == _SINGLE) if kind else None,
        )
        return replace(export, span=(self.moments[0][1], self.moments[-1][1])) if self.moments else export

    def _see(self, number: int, record: object) -> None:
        try:
            self._take(number, whole(record))
        except RecordFault as fault:
            self.chat.fault(number, fault)

    def _take(self, number: int, record: dict[str, Any]) -> None:
        kind, text, author = word(record, "type"), word(record, "content"), part(record, "author")
        files, stickers = parts(record, "attachments"), parts(record, "stickers")
        reference, passed_on = part(record, "reference"), part(record, "forwardedMessage")
        # Their own words stand in a message beside what they passed on.
        forwarded = not text and bool(passed_on or word(reference, "type") == "Forward")
        if forwarded:
            text = word(passed_on, "content")
            files, stickers = (
                parts(passed_on, "attachments") or files,
                parts(passed_on, "stickers") or stickers,
            )
        if untyped := self._untyped(kind, author, record):
            self.chat.other[untyped] += 1
            return
        if not text and not files and not stickers:
            # A poll, an activity: nothing of it is in the file.
            self.chat.other[Untyped.FORWARD if forwarded else Untyped.UNSUPPORTED] += 1
            return
        self.markup = self.markup or bool(_MARKUP.search(text))
        written = word(record, "timestamp")
        at = instant(written, "timestamp")
        self.chat.add(
            id=word(record, "id"),
            # "Deleted User" is one name of many people.
            author=word(author, "id"),
            name=word(author, "nickname") or word(author, "name"),
            at=at,
            text=text,
            line=number,
            reply_to=word(reference, "messageId") or None if kind in _REPLIES else None,
            edited=bool(word(record, "timestampEdited")),
            forwarded=forwarded,
            attachment=_attachment(files, stickers),
        )
        if not forwarded:
            moment = (at, datetime.fromisoformat(written).replace(tzinfo=None))
            self.moments = [min((moment, *self.moments)), max((moment, *self.moments))]

    def _untyped(self, kind: str, author: dict[str, Any], record: dict[str, Any]) -> Untyped | None:
        """Say why nobody typed this, or give None."""
        if not kind:
            raise RecordFault("it has no type")
        if kind not in _TYPED:
            return _KINDS.get(kind, Untyped.UNSUPPORTED)
        return Untyped.BOT if author.get("isBot") is True or part(record, "interaction") else None


def _attachment(files: list[dict[str, Any]], stickers: list[dict[str, Any]]) -> Attachment | None:
    if files:
        return attachment_named(word(files[0], "fileName") or word(files[0], "url"))
    return Attachment.STICKER if stickers else None
