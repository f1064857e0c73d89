"""Telegram Desktop's `result.json`: one chat, or all of them.

Times are the wall clock of the computer that exported (`date`), which every version writes; two exports of
one chat are in one clock then. Control characters are written as `\\x0B`, which is no JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from chat.exports.bundle import Bundle, Source
from chat.exports.export import Clock, Export, Untyped
from chat.exports.json_walk import JsonWalk, first_keys, open_json
from chat.exports.reader import ReadOptions, Unit
from chat.exports.records import Gathering, RecordFault, attachment_named, instant, whole, word
from chat.message import Attachment

MESSENGER: Final = "telegram"

_SAVED: Final = "saved_messages"
_BOT: Final = "bot_chat"
_TITLES: Final = {_SAVED: "Saved Messages", "replies": "Replies", "verification_codes": "Verification codes"}
_DIRECT: Final = frozenset({"personal_chat", _BOT})
# What a chat's id counts; people, small groups and channels are numbered apart.
_PREFIXES: Final = {
    "private_group": "chat",
    "private_supergroup": "channel",
    "public_supergroup": "channel",
    "private_channel": "channel",
    "public_channel": "channel",
}
_MEDIA: Final = {
    "sticker": Attachment.STICKER,
    "voice_message": Attachment.AUDIO,
    "audio_file": Attachment.AUDIO,
    "video_message": Attachment.VIDEO,
    "video_file": Attachment.VIDEO,
    "animation": Attachment.GIF,
}
_EMPTY: Final = {"poll": Untyped.POLL, "location_information": Untyped.LOCATION}
_CALLS: Final = frozenset({"phone_call", "group_call", "invite_to_group_call", "group_call_scheduled"})
_ALL_CHATS: Final = frozenset({"chats", "left_chats", "personal_information"})


class Telegram:
    """Reads what Telegram Desktop exports as "machine-readable JSON"."""

    format = "telegram"

    def units(self, bundle: Bundle) -> Iterator[Unit]:
        """Pick the files that are one chat, or a list of chats."""
        for source in bundle.sources:
            if source.name.lower().endswith(".json"):
                keys = first_keys(source)
                if {"type", "id", "messages"} <= keys or _ALL_CHATS & keys:
                    yield (source,)

    def read(self, unit: Unit, options: ReadOptions) -> Iterator[Export]:
        """Read all chats of a file. Raises ExportDamaged and ExportMissing."""
        (source,) = unit
        one = _Reading(Gathering(source), "one chat")
        owner = ""
        with open_json(source, control_escapes=True) as stream:
            for key in stream.members():
                if key == "personal_information":
                    owner = _user_id(stream.value())
                elif key in {"chats", "left_chats"} and stream.peek() == "{":
                    for chat in _chats(source, stream):
                        if not chat.empty:
                            yield chat.finish(self.format, owner)
                else:
                    one.member(key, stream)
            stream.end()
        if not one.empty:
            yield one.finish(self.format, owner)


def _chats(source: Source, stream: JsonWalk) -> Iterator[_Reading]:
    for key in stream.members():
        if key == "list":
            for _ in stream.elements():
                chat = _Reading(Gathering(source), "all chats")
                for name in stream.members():
                    chat.member(name, stream)
                yield chat


@dataclass(slots=True)
class _Reading:
    """One chat on its way to an `Export`."""

    chat: Gathering
    dialect: str
    facts: dict[str, Any] = field(default_factory=dict)
    old: bool = False

    @property
    def empty(self) -> bool:
        return self.chat.empty

    def member(self, key: str, stream: JsonWalk) -> None:
        """Take one of the chat's own keys; others are left to be passed over."""
        if key in {"name", "type", "id"}:
            self.facts[key] = stream.value()
        elif key == "messages":
            for number in stream.elements():
                self._see(number, stream.value())

    def finish(self, format_name: str, owner: str) -> Export:
        try:
            key, kind, name = (word(self.facts, fact) for fact in ("id", "type", "name"))
        except RecordFault as fault:
            self.chat.fault(1, f"of the chat, {fault}")
            key = kind = name = ""
        peer = f"{_PREFIXES.get(kind, 'user')}{key}"
        return self.chat.finish(
            messenger=MESSENGER,
            chat_id=peer,
            title=name or _TITLES.get(kind) or "Deleted Account",
            format=format_name,
            dialect=f"{self.dialect}, without unix times" if self.old else self.dialect,
            clock=Clock.WALL,
            owner=self._owner(kind, peer, owner),
            direct=kind in _DIRECT if kind in _DIRECT or kind in _PREFIXES else None,
        )

    def _owner(self, kind: str, peer: str, owner: str) -> frozenset[str]:
        if owner:
            return frozenset({owner})
        if kind == _SAVED:
            return frozenset({peer})
        # A conversation of two is named after the other one.
        rest = self.chat.authors - {peer}
        return frozenset(rest) if kind in _DIRECT and len(rest) == 1 else frozenset()

    def _see(self, number: int, record: object) -> None:
        try:
            self._take(number, whole(record))
        except RecordFault as fault:
            self.chat.fault(number, fault)

    def _take(self, number: int, record: dict[str, Any]) -> None:
        text, attachment = _text(record), _attachment(record)
        author = _author(record)
        if untyped := self._untyped(record, author, bool(text or attachment)):
            self.chat.other[untyped] += 1
            return
        self.old = self.old or "date_unixtime" not in record
        self.chat.add(
            id=word(record, "id"),
            author=author,
            name=word(record, "from") or "Deleted Account",
            at=instant(word(record, "date"), "date"),
            text=text,
            line=number,
            # What stands in another chat cannot be pointed at.
            reply_to=None if "reply_to_peer_id" in record else word(record, "reply_to_message_id") or None,
            edited="edited" in record or "edited_unixtime" in record,
            # The name of whom it came from may be null: of an account that is deleted.
            forwarded="forwarded_from" in record or "saved_from" in record,
            attachment=attachment,
        )

    def _untyped(self, record: dict[str, Any], author: str, holds_something: bool) -> Untyped | None:
        """Say why nobody typed this, or give None."""
        kind = word(record, "type")
        if kind == "service":
            return Untyped.CALL if word(record, "action") in _CALLS else Untyped.NOTICE
        if kind == "unsupported":
            return Untyped.UNSUPPORTED
        if kind != "message":
            raise RecordFault("its type is none that Telegram has")
        if "via_bot" in record or self._is_bot(author):
            return Untyped.BOT
        if holds_something:
            return None
        return next((kind for key, kind in _EMPTY.items() if key in record), Untyped.UNSUPPORTED)

    def _is_bot(self, author: str) -> bool:
        return self.facts.get("type") == _BOT and author == f"user{self.facts.get('id')}"


def _author(record: dict[str, Any]) -> str:
    """The author's id as newer versions write it; old ones have a number with the kind in its upper bits."""
    value = record.get("from_id")
    if not isinstance(value, int) or isinstance(value, bool):
        return word(record, "from_id")
    kind, number = value >> 32, value & 0xFFFF_FFFF
    return {1: f"chat{number}", 2: f"channel{number}"}.get(kind, f"user{value}")


def _text(record: dict[str, Any]) -> str:
    """The text, of which links, mentions and bold words may be pieces of their own."""
    value = record.get("text", record.get("text_entities"))
    if value is None or isinstance(value, str):
        return value or ""
    if not isinstance(value, list):
        raise RecordFault("its text is none")
    return "".join(piece if isinstance(piece, str) else word(whole(piece), "text") for piece in value)


def _attachment(record: dict[str, Any]) -> Attachment | None:
    media_type = record.get("media_type")
    if isinstance(media_type, str) and media_type in _MEDIA:
        return _MEDIA[media_type]
    if "photo" in record:
        return Attachment.IMAGE
    if "file" in record:
        return attachment_named(word(record, "file_name") or word(record, "file"), word(record, "mime_type"))
    return Attachment.CONTACT if "contact_information" in record else None


def _user_id(facts: object) -> str:
    key = facts.get("user_id") if isinstance(facts, dict) else None
    return f"user{key}" if isinstance(key, int | str) and key else ""
