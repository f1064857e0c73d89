"""Lines of a text file, plain or in a zip, read one at a time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO

from chat.errors import ExportDamaged, ExportMissing

LONGEST_LINE = 1 << 18
"""Characters read at once. A longer line comes in pieces, so that no file fills the memory."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end. `number` counts from 1; `fresh` is false for the later pieces of one line."""

    number: int
    text: str
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class TextFile:
    """UTF-8 text at `path`, or in the zip at `path` under the name `member`."""

    path: Path
    member: str | None = None

    @property
    def name(self) -> str:
        """The file's own name, without folders."""
        return Path(self.member).name if self.member else self.path.name

    def written_on(self) -> date:
        """The day after the file's last change, by its own clock: nothing in it can be younger."""
        stamp = datetime.fromtimestamp(self.path.stat().st_mtime).date()  # noqa: DTZ006 - a wall clock
        return date.fromordinal(stamp.toordinal() + 1)

    def lines(self) -> Iterator[Line]:
        """Give the lines in order. Raises ExportMissing and ExportDamaged.

        Line ends are LF or CRLF; a byte order mark is dropped at the start of any line, since joined
        exports carry one in the middle.
        """
        number = 0
        fresh = True
        try:
            with self._open() as text:
                while piece := text.readline(LONGEST_LINE):
                    number += fresh
                    if "\0" in piece:
                        raise ExportDamaged(
                            self.path, f"line {number} holds a NUL byte; export the chat again"
                        )
                    ended = piece.endswith("\n")
                    body = piece[:-1].removesuffix("\r") if ended else piece
                    yield Line(number, body.removeprefix("\ufeff") if fresh else body, fresh)
                    fresh = ended
        except UnicodeDecodeError as error:
            # The decoder works on blocks, so that the line can only be named as "after".
            where = f"after line {number}" if number else "from its first lines on"
            raise ExportDamaged(
                self.path, f"{where} this is not UTF-8 text; export the chat again"
            ) from error
        except FileNotFoundError as error:
            raise ExportMissing(self.path, "there is no such file") from error
        except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
            # zipfile raises RuntimeError for a password and NotImplementedError for a foreign packing.
            raise ExportDamaged(self.path, f"it cannot be read: {type(error).__name__}") from error

    @contextmanager
    def _open(self) -> Iterator[IO[str]]:
        if self.member is None:
            with self.path.open(encoding="utf-8", newline="\n") as text:
                yield text
            return
        with (
            zipfile.ZipFile(self.path) as archive,
            archive.open(self.member) as raw,
            io.TextIOWrapper(raw, encoding="utf-8", newline="\n") as text,
        ):
            yield text


def text_files(path: Path) -> tuple[TextFile, ...]:
    """Name the text a file holds: itself, or each `.txt` in it if it is a zip.

    Raises ExportMissing and ExportDamaged.
    """
    try:
        packed = zipfile.is_zipfile(path)
        if not packed and path.suffix.lower() != ".zip":
            path.stat()
            return (TextFile(path),)
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except FileNotFoundError as error:
        raise ExportMissing(path, "there is no such file") from error
    except (OSError, zipfile.BadZipFile) as error:
        raise ExportDamaged(path, "the zip is broken; export the chat again") from error
    return tuple(
        TextFile(path, name)
        for name in names
        if name.lower().endswith(".txt") and not name.startswith("__MACOSX/")
    )
