"""What somebody dropped in: a file, a folder or a zip, as one flat list of sources.

Nothing is ever written to disk, so that a name in a zip can lead nowhere; hostile names are refused all
the same, because they are shown to people and kept in tables. One bad member fails alone.
"""

from __future__ import annotations

import io
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

from chat.errors import ExportDamaged, ExportError, ExportMissing

MOST_PACKED: Final = 200
"""How many times its packed size a member may unpack to. Chats pack 3 to 10 times smaller."""
SMALL: Final = 1 << 20
"""Bytes below which packing is nobody's bomb."""
LONGEST_NAME: Final = 1_000
"""Characters of a name, folders included."""
_WATCHED: Final = 1 << 18
_LARGEST_DIRECTORY: Final = 64 << 20
_KEPT_IN_MEMORY: Final = 32 << 20
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DRIVE: Final = re.compile(r"^[A-Za-z]:")
_LINK: Final = "a symbolic link, which is not followed"
_BROKEN: Final = (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError)


@dataclass(frozen=True, slots=True)
class Source:
    """One file, plain or packed.

    `path` is the file on disk, for a packed one the zip. `name` is the name within what was dropped in,
    with "/" between folders, as people are shown it and rows record it. `size` is the declared one, in
    bytes.
    """

    path: Path
    name: str
    size: int
    _member: _Member | None = field(default=None, repr=False, compare=False)
    _watch: Callable[[int], None] | None = field(default=None, repr=False, compare=False)

    @property
    def place(self) -> Path:
        """How an error names it: the file's path, and the name in the zip after the zip's."""
        return self.path if self._member is None else self.path / self._member.shown

    @property
    def packed(self) -> bool:
        """Whether it lies in a zip."""
        return self._member is not None

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open it for reading; never gives more than `size` bytes of a zip's member.

        Errors of files, zips and decoding that come up until it is closed become ExportMissing and
        ExportDamaged, which says what to do.
        """
        try:
            with self._raw() as raw:
                yield raw
        except (UnicodeDecodeError, *_BROKEN) as error:
            raise _unreadable(self.place, error) from error

    def head(self, count: int = 65_536) -> bytes:
        """Give the first bytes, for a look at what it is; nothing where it cannot be read. Never raises."""
        try:
            with self.open() as raw:
                return raw.read(count)
        except ExportError:
            return b""

    def written_on(self) -> date:
        """The day after the last change, by the clock that wrote it: nothing in it can be younger."""
        packed_on = None if self._member is None else self._member.written_on
        if packed_on is not None:
            return packed_on + timedelta(days=1)
        stamp = datetime.fromtimestamp(self.path.stat().st_mtime)  # noqa: DTZ006 - a wall clock
        return stamp.date() + timedelta(days=1)

    def watched(self, watch: Callable[[int], None]) -> Source:
        """Give a copy that tells how many of its bytes were read so far, each time that some are."""
        return replace(self, _watch=watch)

    @contextmanager
    def _raw(self) -> Iterator[BinaryIO]:
        opened: AbstractContextManager[BinaryIO]
        opened = self.path.open("rb") if self._member is None else self._member.open()
        with opened as raw:
            yield raw if self._watch is None else _buffered(_Watched(raw, self._watch))


@dataclass(frozen=True, slots=True)
class Bundle:
    """Everything in one dropped file, folder or zip. `failures` are members that nobody may read."""

    path: Path
    sources: tuple[Source, ...]
    failures: tuple[ExportError, ...] = ()


def open_bundle(path: Path) -> Bundle:
    """List what there is to read at `path`; zips in it are opened one level deep.

    Left out without a word: hidden files and `__MACOSX`. Raises ExportMissing, and ExportDamaged for a zip
    that cannot be opened at all; what is wrong with one member stands in `failures`.
    """
    listing = _Listing(path)
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            listing.folder()
        elif not stat.S_ISREG(kind):
            raise ExportDamaged(path, "it is neither a file nor a folder")
        elif path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
            listing.zip(path)
        else:
            listing.file(path, _readable(path.name), path.stat().st_size)
    except OSError as error:
        raise _unreadable(path, error) from error
    return Bundle(path, tuple(listing.sources), tuple(listing.failures))


class _Watched(io.RawIOBase):
    """Passes bytes on, and tells how many."""

    def __init__(self, raw: BinaryIO, watch: Callable[[int], None]) -> None:
        self._from, self._watch, self._count = raw, watch, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray, /) -> int:  # type: ignore[override] # any writable buffer
        data = self._from.read(len(buffer))
        buffer[: len(data)] = data
        self._count += len(data)
        self._watch(self._count)
        return len(data)


def _buffered(raw: io.RawIOBase) -> BinaryIO:
    return io.BufferedReader(raw, _WATCHED)


class _Held(io.FileIO):
    """A file that stays open as long as its bundle is in use, and closes without a warning after it."""

    def __del__(self) -> None:
        self.close()

    def _dealloc_warn(self, source: object) -> None:
        """Called by a buffer around it that is collected first."""


class _Careful(io.BufferedReader):
    """A file that gives at most so much at once: zipfile reads a zip's directory in one piece."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _LARGEST_DIRECTORY:
            raise zipfile.BadZipFile("the directory is larger than any phone writes")
        return super().read(size)


class _Archive:
    """An open zip, shared by its sources: its directory is read once, however many they are."""

    def __init__(self, path: Path, inside: _Member | None = None) -> None:
        if inside is None:
            self._file: BinaryIO = _Careful(_Held(path))
            self.size = path.stat().st_size
        else:
            self.size = inside.info.file_size
            with inside.open() as raw:
                # Jumping about in packed bytes means unpacking them again and again.
                self._file = io.BytesIO(raw.read()) if self.size <= _KEPT_IN_MEMORY else inside.reopen()
        self.zip = zipfile.ZipFile(self._file)

    def members(self) -> Iterator[_Member]:
        yield from (_Member(self, info, info.filename) for info in self.zip.infolist() if not info.is_dir())


@dataclass(frozen=True, slots=True)
class _Member:
    """A packed file; `shown` is how an error names it."""

    archive: _Archive
    info: zipfile.ZipInfo
    shown: str

    @property
    def written_on(self) -> date | None:
        try:
            day = date(*self.info.date_time[:3])
        except ValueError:
            return None
        # Tools that know no date write the first of 1980.
        return day if day.year >= 2009 else None

    def fault(self) -> str | None:
        """Say why it may not be read, or give None."""
        if stat.S_ISLNK(self.info.external_attr >> 16):
            return _LINK
        if self.info.flag_bits & 1:
            return "it is locked with a password; unpack it first"
        if self.info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return "it is packed in a way that no messenger uses; unpack it first"
        if self.info.file_size > max(SMALL, MOST_PACKED * self.info.compress_size):
            return f"a zip bomb: it would unpack to more than {MOST_PACKED} times its size"
        return None

    def reopen(self) -> BinaryIO:
        # zipfile itself never gives more than the declared size, and checks the sum over what it gave.
        return self.archive.zip.open(self.info)  # type: ignore[return-value] # binary in all but the type

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        with self.reopen() as raw:
            yield raw


@dataclass(slots=True)
class _Listing:
    """A bundle that is being listed."""

    path: Path
    sources: list[Source] = field(default_factory=list)
    failures: list[ExportError] = field(default_factory=list)

    def folder(self) -> None:
        """List what lies in a folder and below. Links are not followed: they may lead out of it, or round."""

        def unreadable(error: OSError) -> None:
            self.failures.append(_unreadable(Path(error.filename or self.path), error))

        for folder, folders, names in os.walk(self.path, onerror=unreadable):
            links = [name for name in folders if (Path(folder) / name).is_symlink()]
            folders[:] = sorted(name for name in folders if name not in links and not _hidden(name))
            for name in sorted((*names, *links)):
                if not _hidden(name):
                    self._one(Path(folder) / name)

    def file(self, path: Path, name: str, size: int) -> None:
        """Take a plain file."""
        if fault := _name_fault(name):
            self.failures.append(ExportDamaged(path, fault))
        else:
            self.sources.append(Source(path, name, size))

    def zip(self, path: Path, within: str = "") -> None:
        """List a zip on disk. Raises ExportError when all of it is beyond reading."""
        try:
            self._members(path, within, _Archive(path))
        except _BROKEN as error:
            raise _unreadable(path, error) from error

    def _one(self, path: Path) -> None:
        name = _readable(path.relative_to(self.path).as_posix())
        try:
            found = path.lstat()
            if stat.S_ISLNK(found.st_mode):
                raise ExportDamaged(path, _LINK)
            if not stat.S_ISREG(found.st_mode):
                raise ExportDamaged(path, "it is no plain file")
            if path.suffix.lower() == ".zip":
                self.zip(path, f"{name}/")
            else:
                self.file(path, name, found.st_size)
        except ExportError as error:
            self.failures.append(error)
        except OSError as error:
            self.failures.append(_unreadable(path, error))

    def _members(self, path: Path, within: str, archive: _Archive, *, nested: bool = False) -> None:
        members = list(archive.members())
        if sum(member.info.compress_size for member in members) > archive.size:
            raise ExportDamaged(path, "a zip bomb: its members overlap")
        for member in members:
            name = f"{within}{member.info.filename}"
            if any(_hidden(part) for part in member.info.filename.split("/")):
                continue
            # An error names the zip on disk anyway; that of a zip within it has to be added.
            shown = name if nested else member.info.filename
            source = Source(path, name, member.info.file_size, replace(member, shown=shown))
            try:
                if fault := _name_fault(member.info.filename) or member.fault():
                    raise ExportDamaged(source.place, fault)
                if nested or not name.lower().endswith(".zip"):
                    self.sources.append(source)
                else:
                    self._members(path, f"{name}/", _Archive(path, member), nested=True)
            except ExportError as error:
                self.failures.append(error)
            except _BROKEN as error:
                self.failures.append(_unreadable(source.place, error))


def _hidden(name: str) -> bool:
    return name == "__MACOSX" or (name.startswith(".") and name not in {".", ".."})


def _readable(name: str) -> str:
    """Write a name of the disk as text: bytes that are no UTF-8 become question marks."""
    return name.encode("utf-8", "replace").decode()


def _name_fault(name: str) -> str | None:
    """Say why a name is refused, without quoting it, or give None."""
    if len(name) > LONGEST_NAME:
        return f"its name is longer than {LONGEST_NAME} characters"
    if _CONTROL.search(name):
        return "its name holds control characters"
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        return "its name leads to the root of a disk"
    if ".." in re.split(r"[/\\]", name):
        return "its name leads out of the folder"
    return None


def _unreadable(path: Path, error: Exception) -> ExportError:
    if isinstance(error, FileNotFoundError):
        return ExportMissing(path, "there is no such file")
    if isinstance(error, PermissionError):
        return ExportMissing(path, "it may not be read; change its permissions")
    if isinstance(error, UnicodeDecodeError):
        return ExportDamaged(path, "this is not UTF-8 text; export the chat again")
    if isinstance(error, OSError):
        return ExportDamaged(path, f"it cannot be read ({type(error).__name__})")
    return ExportDamaged(path, "the zip is broken; export the chat again")
