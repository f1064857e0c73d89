"""A `chat.db` as Apple's Messages keeps it, built for the tests, and the blobs in its columns."""

from __future__ import annotations

import plistlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Column = str | bytes | int | None

SCHEMA = """
CREATE TABLE handle (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, service TEXT, person_centric_id TEXT);
CREATE TABLE chat (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT, style INTEGER, chat_identifier TEXT,
  service_name TEXT, display_name TEXT);
CREATE TABLE chat_handle_join (chat_id INTEGER, handle_id INTEGER);
CREATE TABLE message (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT, text TEXT, attributedBody BLOB,
  handle_id INTEGER DEFAULT 0, service TEXT, date INTEGER, is_from_me INTEGER DEFAULT 0, item_type INTEGER DEFAULT 0,
  associated_message_guid TEXT, associated_message_type INTEGER DEFAULT 0, balloon_bundle_id TEXT,
  message_summary_info BLOB, thread_originator_guid TEXT);
CREATE TABLE chat_message_join (chat_id INTEGER, message_id INTEGER, PRIMARY KEY (chat_id, message_id));
CREATE TABLE chat_recoverable_message_join (chat_id INTEGER, message_id INTEGER);
CREATE TABLE attachment (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, mime_type TEXT, uti TEXT, is_sticker INTEGER);
CREATE TABLE message_attachment_join (message_id INTEGER, attachment_id INTEGER);
"""
HEAD = (
    b"\x04\x0bstreamtyped\x81\xe8\x03\x84\x01@\x84\x84\x84\x12NSAttributedString\x00"
    b"\x84\x84\x08NSObject\x00\x85\x92\x84\x84\x84\x08NSString\x01\x94\x84"
)
TAIL = (
    b"\x86\x84\x02iI\x01\x05\x92\x84\x84\x84\x0cNSDictionary\x00\x94\x84\x01i\x01\x92\x84\x96\x96"
    b"\x1d__kIMMessagePartAttributeName\x86\x86"
)


def archive(text: str, *, length: int | None = None) -> bytes:
    """An `attributedBody`; another `length` than the text's makes it lie."""
    body = text.encode()
    count = len(body) if length is None else length
    if count < 0x80:
        size = bytes([count])
    elif count < 1 << 16:
        size = b"\x81" + count.to_bytes(2, "little")
    else:
        size = b"\x82" + count.to_bytes(4, "little")
    return HEAD + b"\x01+" + size + body + TAIL


def summary(
    parts: list[tuple[int, int]], edits: dict[int, list[str]] | None = None, unsent: tuple[int, ...] = ()
) -> bytes:
    """A `message_summary_info`: where the parts stood, their versions, and which were taken back."""
    info: dict[str, Any] = {
        "ust": True,
        "otr": {str(i): {"lo": lo, "le": le} for i, (lo, le) in enumerate(parts)},
    }
    if edits:
        info["ec"] = {
            str(i): [{"d": 690_513_474.0 + n, "t": archive(text)} for n, text in enumerate(versions)]
            for i, versions in edits.items()
        }
    if unsent:
        info["rp"] = list(unsent)
    return plistlib.dumps(info, fmt=plistlib.FMT_BINARY)


@dataclass
class MessagesDb:
    """Builds the database; `at` counts seconds after 2022-03-23 12:00 UTC."""

    path: Path
    schema: str = SCHEMA
    nanoseconds: bool = True
    handles: list[tuple[str, str, str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._run(self.schema)

    def handle(self, address: str, person: str | None = None, service: str = "iMessage") -> int:
        return self._insert("handle", id=address, service=service, person_centric_id=person)

    def chat(self, identifier: str, *handles: int, name: str = "", style: int | None = None) -> int:
        style = style or (43 if len(handles) > 1 else 45)
        chat = self._insert(
            "chat",
            guid=f"iMessage;{'+' if style == 43 else '-'};{identifier}",
            style=style,
            chat_identifier=identifier,
            display_name=name,
        )
        for handle in handles:
            self._insert("chat_handle_join", chat_id=chat, handle_id=handle)
        return chat

    def message(self, chat: int | None, at: int = 0, **columns: Column) -> int:
        seconds = 669_729_600 + at
        columns.setdefault("date", seconds * (10**9 if self.nanoseconds else 1))
        columns.setdefault("service", "iMessage")
        if "handle_id" not in columns:
            columns["is_from_me"] = columns.get("is_from_me", 1)
        number = self._insert("message", **columns)
        if "guid" not in columns:
            self._run(f"UPDATE message SET guid = 'm{number}' WHERE ROWID = {number}")
        if chat is not None:
            self._insert("chat_message_join", chat_id=chat, message_id=number)
        return number

    def attach(self, message: int, mime: str | None, uti: str = "", *, sticker: bool = False) -> None:
        found = self._insert("attachment", mime_type=mime, uti=uti, is_sticker=int(sticker))
        self._insert("message_attachment_join", message_id=message, attachment_id=found)

    def also_in(self, chat: int, message: int) -> None:
        self._insert("chat_message_join", chat_id=chat, message_id=message)

    def deleted(self, chat: int, message: int) -> None:
        self._insert("chat_recoverable_message_join", chat_id=chat, message_id=message)

    def _insert(self, table: str, **columns: Column) -> int:
        marks = ", ".join("?" * len(columns))
        with closing(sqlite3.connect(self.path)) as database, database:
            cursor = database.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", tuple(columns.values())
            )
            return cursor.lastrowid or 0

    def _run(self, script: str) -> None:
        with closing(sqlite3.connect(self.path)) as database:
            database.executescript(script)
