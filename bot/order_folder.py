"""Notes on disk of those who said by a command that they do not want to be answered, and are not on record yet.

A command is told once, and no history has it: without the note it would die with the process that heard it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import structlog

from bot.clock import as_datetime
from chat.message import Author, ChatKey
from chat.private_file import write_private

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OrderNote:
    """Somebody's stop in a chat, as it stands on disk; no message's text is in it."""

    chat: ChatKey
    part_of: ChatKey | None
    """The chat that it follows, or would: that one's ledger counts where the stand-in is not in it yet."""
    person: Author
    once: str
    """The command's id: the same one, given twice, counts once."""
    at_ms: int
    """When it was heard."""

    @property
    def id(self) -> str:
        """What the note is called."""
        return hashlib.sha256(f"{self.chat}\0{self.once}".encode()).hexdigest()[:16]


class OrderFolder:
    """The notes in one state folder. Methods raise OSError."""

    def __init__(self, state: Path) -> None:
        self._notes = state / "orders"

    def keep(self, note: OrderNote) -> None:
        """Write a note, so that it is on the disk when this returns. One that lies there stays as it is."""
        if self.has(note):
            return
        self._notes.mkdir(mode=0o700, parents=True, exist_ok=True)
        data = {
            "chat": str(note.chat),
            "part_of": str(note.part_of or ""),
            "person": note.person.id,
            "name": note.person.name,
            "once": note.once,
            "at": note.at_ms,
        }
        write_private(self._path(note), json.dumps(data).encode(), durable=True)

    def has(self, note: OrderNote) -> bool:
        """Whether it lies there."""
        return self._path(note).exists()

    def forget(self, note: OrderNote) -> None:
        """Take a note away: it is on record, or taken back."""
        self._path(note).unlink(missing_ok=True)

    def forget_of(self, chat: ChatKey, person: str) -> None:
        """Take away what somebody said in a chat: they have said otherwise since."""
        for note in self.notes():
            if (note.chat, note.person.id) == (chat, person):
                self.forget(note)

    def notes(self) -> tuple[OrderNote, ...]:
        """Give the notes that lie there, oldest first."""
        try:
            paths = [path for path in self._notes.iterdir() if path.suffix == ".json"]
        except FileNotFoundError:
            return ()
        return tuple(sorted((note for path in paths if (note := _note(path))), key=lambda note: note.at_ms))

    def _path(self, note: OrderNote) -> Path:
        return self._notes / f"{note.id}.json"


def _note(path: Path) -> OrderNote | None:
    try:
        data = json.loads(path.read_text())
        whole, at_ms = str(data["part_of"]), int(data["at"])
        as_datetime(at_ms)
        return OrderNote(
            ChatKey.parse(data["chat"]),
            ChatKey.parse(whole) if whole else None,
            Author(str(data["person"]), str(data["name"])),
            str(data["once"]),
            at_ms,
        )
    except FileNotFoundError:
        return None  # another process has just put it on record
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        # Of whom it speaks nobody can say; whoever reads the log can look.
        _log.error("consent.note_unreadable", file=path.name, error=type(error).__name__)
        return None
