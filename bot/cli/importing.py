"""What `understudy import` does, and what it shows."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from bot.cli.screen import say, say_error, show_table
from chat.errors import OwnerUnknown
from chat.exports.bundle import Source
from chat.exports.dates import DateOrder
from chat.exports.export import Export
from chat.exports.formats import Progress as Report
from chat.exports.formats import Reading, read_bundles
from chat.exports.imports import Imports
from chat.exports.merge import merge
from chat.exports.people import People
from chat.exports.reader import ReadOptions

_SHOWN_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Importing:
    """One import into `folder`. `me` is the owner's name where no format tells it."""

    folder: Path
    me: str = ""
    date_order: DateOrder | None = None
    as_json: bool = False

    def run(self, paths: Sequence[Path], *, keep: bool) -> int:
        """Read, keep and tell; gives the exit code: 1 when something could not be read.

        Raises ChatError when people.toml is wrong, or nobody can be told to be the owner.
        """
        shelf = Imports(self.folder)
        shelf.people()  # what is wrong there is said before anything is read
        with _bar(shown=not self.as_json) as report:
            reading = read_bundles(paths, ReadOptions(self.date_order), report)
        for failure in reading.failures:
            say_error(str(failure))
        chats = merge(reading.exports)
        people = self._people(shelf.people(), chats, sure=keep)
        if keep and chats:
            people = self._kept(shelf, chats)
        if self.as_json:
            Console(file=sys.stdout, soft_wrap=True, highlight=False).out(
                json.dumps({"files": list(described(reading.exports))}, ensure_ascii=False)
            )
        else:
            _tell(tuple(people.resolve(chat) for chat in chats), reading)
            if keep and chats:
                say(f"Kept in {self.folder}; who is who stands in {shelf.people_file.name}, for you to edit.")
        if not chats and not reading.failures:
            say_error("no chat export is in there; `understudy import --help` says what can be read")
        return 0 if chats and not reading.failures else 1

    def _kept(self, shelf: Imports, chats: Sequence[Export]) -> People:
        with shelf.alone():
            # Another import may have ended meanwhile: whom it found stays.
            # The owner decides who is who over everything that is there, not over today's files alone.
            people = self._people(shelf.people(), chats, sure=True)
            shelf.keep(chats, people)
        return people

    def _people(self, known: People, chats: Sequence[Export], *, sure: bool) -> People:
        if not chats:
            return known
        try:
            return known.propose(chats, self.me)
        except OwnerUnknown:
            # A look at what is there needs no owner.
            if sure or self.me:
                raise
            return known


def described(exports: Iterable[Export]) -> Iterator[dict[str, Any]]:
    """Describe each file for a program; chats that one file holds are counted together.

    Of a zip with several files that were read, each is named after it (`all.zip/one.txt`). A chat that is spread
    over several files goes by the first.
    """
    exports = tuple(exports)
    members: dict[Path, set[str]] = {}
    for export in exports:
        members.setdefault(export.path, set()).add(_first_file(export))
    files: dict[tuple[Path, str, str], list[Export]] = {}
    for export in exports:
        path = export.path / _first_file(export) if len(members[export.path]) > 1 else export.path
        files.setdefault((path, export.format, export.dialect), []).append(export)
    for (path, format_name, dialect), found in files.items():
        rows = pl.concat([export.typed.select("author", "name", "at") for export in found])
        authors = rows.group_by("author").agg(pl.col("name").last(), pl.len().alias("messages"))
        other: Counter[str] = Counter()
        for export in found:
            other.update({kind.value: count for kind, count in export.other.items()})
        spans = [span for export in found if (span := _span(export))]
        first, last = min((a for a, _ in spans), default=None), max((b for _, b in spans), default=None)
        yield {
            "path": str(path),
            "format": format_name,
            "dialect": dialect,
            "messages": rows.height,
            "authors": authors.sort(["messages", "name"], descending=[True, False])
            .select("name", "messages")
            .to_dicts(),
            "first": None if first is None else first.isoformat(),
            "last": None if last is None else last.isoformat(),
            "other": dict(sorted(other.items())),
        }


def _first_file(export: Export) -> str:
    """Its name in its zip."""
    name = str(export.rows.get_column("file")[0]) if export.rows.height else ""
    # Of a zip in a folder, the name has the way to the zip as well.
    return name.partition(f"{export.path.name}/")[2] or name


def _span(export: Export) -> tuple[datetime, datetime] | None:
    """When the first and the last message were written, by the wall clock that the file has."""
    at = export.typed.get_column("at")
    # Both are times: the column holds nothing else.
    return export.span or ((at.min(), at.max()) if at.len() else None)  # type: ignore[return-value]


@contextmanager
def _bar(*, shown: bool) -> Iterator[Report | None]:
    console = Console(file=sys.stderr)
    if not shown or not console.is_terminal:
        yield None
        return
    with Progress(
        BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task("reading")
        furthest = 0

        def report(done: int, total: int) -> None:
            # Some formats are read twice: the bar never goes back.
            nonlocal furthest
            furthest = max(furthest, done)
            bar.update(task, completed=furthest, total=max(total, 1))

        yield report


def _tell(chats: Sequence[Export], reading: Reading) -> None:
    rows = []
    for chat in sorted(chats, key=lambda chat: -chat.rows.height):
        typed = chat.typed
        at = typed.get_column("at")
        own = typed.get_column("author").is_in(sorted(chat.owner)).sum() if chat.owner else "?"
        days = [str(at.min())[:10], str(at.max())[:10]] if typed.height else []
        rows.append(
            (
                chat.chat.title,
                f"{chat.format}: {chat.dialect}",
                str(typed.get_column("author").n_unique()),
                f"{typed.height:,}",
                own if isinstance(own, str) else f"{own:,}",
                " – ".join(days),
                ", ".join(f"{count:,} {kind.value}" for kind, count in chat.other.items()) or "–",
            )
        )
    if rows:
        show_table(("chat", "written as", "people", "messages", "own", "span", "left out"), rows)
    problems = [problem for chat in chats for problem in chat.problems]
    for problem in problems[:_SHOWN_PROBLEMS]:
        say(f"left out: {problem}")
    if len(problems) > _SHOWN_PROBLEMS:
        say(f"left out: {len(problems) - _SHOWN_PROBLEMS:,} more lines that fit nothing")
    if reading.left:
        say(f"no chats: {_kinds(reading.left)}")


def _kinds(sources: Iterable[Source]) -> str:
    counts = Counter(PurePosixPath(source.name).suffix.lower() or "without an ending" for source in sources)
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common(8))
