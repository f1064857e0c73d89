"""What can go wrong on the ground floor.

    ChatError
    ├── PeopleInvalid        people.toml says something that cannot be
    ├── ImportsDamaged       the folder of imported chats cannot be read
    ├── OwnerUnknown         nobody can be told to be the owner
    └── ExportError          an export cannot be read
        ├── ExportMissing    no such file
        ├── ExportEmpty      a file with nothing in it
        ├── ExportDamaged    not UTF-8 text, a broken or locked zip, a zip bomb, a hostile name
        ├── FormatUnknown    no reader knows the file
        ├── DialectUnknown   no line begins as an export's lines do
        └── DateOrderUnknown 3/4 or 4/3: nothing in the file tells

Each message is one line that says what to do, and names a file and a line, never a text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_LONGEST_NAME: Final = 300
# A name comes from whoever packed the file: it stays on its line, and a terminal is not steered by it.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class ChatError(Exception):
    """Anything this package raises on purpose."""


class ExportError(ChatError):
    """A chat export cannot be read; `path` says which, `problem` what and what to do."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{shown(str(path))}: {problem}")
        self.path = path
        self.problem = problem


class ExportMissing(ExportError):
    """There is no such file, or it may not be opened."""


class ExportEmpty(ExportError):
    """The file holds nothing, or nothing that somebody typed."""


class ExportDamaged(ExportError):
    """The file is no UTF-8 text or no JSON, its zip is broken, locked or a bomb, or its name is hostile."""


class FormatUnknown(ExportError):
    """None of our readers knows this kind of file."""


class DialectUnknown(ExportError):
    """No line begins with a date as the format's lines do; `line` is where we looked first, from 1."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(path, f"line {line}: {problem}")
        self.line = line


class DateOrderUnknown(ExportError):
    """Days and months cannot be told apart; somebody has to say which comes first."""


class PeopleInvalid(ChatError):
    """`people.toml` cannot be used as it stands."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{shown(str(path))}: {problem}")
        self.path = path


class ImportsDamaged(ChatError):
    """The folder of imported chats cannot be read."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{shown(str(path))}: {problem}")
        self.path = path


class OwnerUnknown(ChatError):
    """Nothing tells which of the people is the owner; somebody has to say."""


def shown(name: str) -> str:
    """Write a name that may be hostile so that it fits into one line: no control signs, at most 300 long."""
    plain = _CONTROL.sub("\ufffd", name)
    return plain if len(plain) <= _LONGEST_NAME else f"{plain[: _LONGEST_NAME - 1]}…"
