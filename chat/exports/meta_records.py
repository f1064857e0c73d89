"""One message of Messenger or Instagram: who, when, what was typed, and what the app wrote instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

from chat.exports.export import Untyped
from chat.exports.meta_words import app_written
from chat.exports.values import mapping, moment, sequence, string
from chat.message import Attachment

_KINDS: Final = {
    "photos": Attachment.IMAGE,
    "videos": Attachment.VIDEO,
    "audio_files": Attachment.AUDIO,
    "gifs": Attachment.GIF,
    "sticker": Attachment.STICKER,
    "files": Attachment.DOCUMENT,
}
_SUFFIXES: Final = {
    Attachment.IMAGE: "jpg jpeg png webp heic",
    Attachment.VIDEO: "mp4 mov webm",
    Attachment.AUDIO: "aac m4a mp3 ogg opus wav",
    Attachment.GIF: "gif",
}
_BY_SUFFIX: Final = {suffix: kind for kind, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
# Old downloads say it; newer ones write "Generic" or nothing.
_TYPES: Final = {"Call": Untyped.CALL, "Subscribe": Untyped.NOTICE, "Unsubscribe": Untyped.NOTICE}


class Shape(StrEnum):
    """How a file writes its messages."""

    DOWNLOAD = "message_N.json"
    ENCRYPTED = "end-to-end encrypted"


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody typed or attached."""

    sender: str
    at: datetime
    text: str
    attachment: Attachment | None


def repaired(text: str) -> str:
    """Give back what was typed where the bytes of UTF-8 were written as letters; else the text as it is."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def read_message(record: Mapping[str, object], shape: Shape) -> Said | Untyped | str:
    """Read a message; text says why it fits nothing."""
    encrypted = shape is Shape.ENCRYPTED
    sender = string(record.get("senderName")) if encrypted else repaired(string(record.get("sender_name")))
    at = moment(record.get("timestamp" if encrypted else "timestamp_ms"))
    if not sender or at is None:
        return "it has no sender" if at is not None else "it has no time"
    said = _encrypted(record, sender) if encrypted else _download(record, sender)
    if isinstance(said, Untyped):
        return said
    text, attachment = said
    return Said(sender, at, text, attachment) if text or attachment else Untyped.HIDDEN


def _download(record: Mapping[str, object], sender: str) -> tuple[str, Attachment | None] | Untyped:
    if record.get("is_unsent") is True:
        return Untyped.DELETED
    kind = _TYPES.get(string(record.get("type")))
    if "call_duration" in record or kind:
        return kind or Untyped.CALL
    text = repaired(string(record.get("content")))
    attachment = next((kind for key, kind in _KINDS.items() if record.get(key)), None)
    written = app_written(text, sender)
    if written is None:
        # A share of its own, without a word: somebody else's post or place.
        return Untyped.FORWARD if record.get("share") and not text and not attachment else (text, attachment)
    if attachment and written is Untyped.FORWARD:
        return "", attachment
    return Untyped.MEDIA if written is Untyped.FORWARD and not record.get("share") else written


def _encrypted(record: Mapping[str, object], sender: str) -> tuple[str, Attachment | None] | Untyped:
    if record.get("isUnsent") is True:
        return Untyped.DELETED
    text = string(record.get("text"))
    written = app_written(text, sender)
    if record.get("type") == "placeholder":
        return written or Untyped.UNSUPPORTED
    media = sequence(record.get("media"))
    attachment = _named(string(mapping(media[0]).get("uri"))) if media else None
    if attachment is None and record.get("type") == "media":
        attachment = Attachment.OTHER
    if written is not None and not (attachment and written is Untyped.FORWARD):
        return written
    return "" if written else text, attachment


def _named(path: str) -> Attachment:
    return _BY_SUFFIX.get(PurePosixPath(path).suffix[1:].lower(), Attachment.DOCUMENT)
