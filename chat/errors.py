"""What can go wrong on the ground floor.

    ChatError
    └── ExportError          an export cannot be read
        ├── ExportMissing    no such file
        ├── ExportEmpty      a file with nothing in it
        ├── ExportDamaged    not UTF-8 text, or a broken zip
        ├── FormatUnknown    no reader knows the file
        ├── DialectUnknown   no line begins as an export's lines do
        └── DateOrderUnknown 3/4 or 4/3: nothing in the file tells

Each message is one line that says what to do, and names a file and a line, never a text.
"""

from __future__ import annotations

from pathlib import Path


class ChatError(Exception):
    """Anything this package raises on purpose."""


class ExportError(ChatError):
    """A chat export cannot be read; `path` says which."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path


class ExportMissing(ExportError):
    """There is no such file, or it may not be opened."""


class ExportEmpty(ExportError):
    """The file holds nothing, or nothing that somebody typed."""


class ExportDamaged(ExportError):
    """The file is no UTF-8 text, or its zip is broken or locked."""


class FormatUnknown(ExportError):
    """None of our readers knows this kind of file."""


class DialectUnknown(ExportError):
    """No line begins with a date as the format's lines do; `line` is where we looked first, from 1."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(path, f"line {line}: {problem}")
        self.line = line


class DateOrderUnknown(ExportError):
    """Days and months cannot be told apart; somebody has to say which comes first."""
