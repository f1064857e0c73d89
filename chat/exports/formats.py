"""Which formats are read here, and which of them somebody's files are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import polars as pl

from chat.errors import DateOrderUnknown, ExportDamaged, ExportError, FormatUnknown
from chat.exports.bundle import Bundle, Source, open_bundle
from chat.exports.dates import DateOrder
from chat.exports.discord_exporter import DiscordExporter
from chat.exports.discord_package import DiscordPackage
from chat.exports.export import Export
from chat.exports.imazing import IMazing
from chat.exports.imessage import IMessage
from chat.exports.meta import Meta
from chat.exports.reader import Reader, ReadOptions, Unit
from chat.exports.signal import Signal
from chat.exports.slack import Slack
from chat.exports.telegram import Telegram
from chat.exports.whatsapp import WhatsApp
from chat.exports.whatsapp_body import author_key

READERS: tuple[Reader, ...] = (
    IMessage(),
    Signal(),
    Meta(),
    IMazing(),
    WhatsApp(),
    DiscordPackage(),
    DiscordExporter(),
    Telegram(),
    Slack(),
)
"""Asked in this order; the first that knows a source reads it."""


Progress = Callable[[int, int], None]
"""Told how many bytes are done, of how many."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found in some paths: chats, what could not be read, and what no reader knows."""

    exports: tuple[Export, ...]
    failures: tuple[ExportError, ...]
    left: tuple[Source, ...]


def read_bundles(
    paths: Sequence[Path], options: ReadOptions | None = None, progress: Progress | None = None
) -> Reading:
    """Read every chat in these files, folders and zips. One file failing never stops the others.

    Dates that a file leaves open (3/4) are read as the person's other exports write theirs, if these agree.
    """
    work = _Work(options or ReadOptions(), progress)
    for path in paths:
        try:
            bundle = open_bundle(path)
        except ExportError as error:
            work.failures.append(error)
            continue
        work.failures += bundle.failures
        shares = tuple(units(bundle))
        claimed = {source.name for _, unit in shares for source in unit}
        work.left += [source for source in bundle.sources if source.name not in claimed]
        work.shares += shares
    work.read()
    return Reading(tuple(work.exports), tuple(work.failures), tuple(work.left))


@dataclass(slots=True)
class _Work:
    """What `read_bundles` has found so far."""

    options: ReadOptions
    progress: Progress | None
    shares: list[tuple[Reader, Unit]] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)
    failures: list[ExportError] = field(default_factory=list)
    left: list[Source] = field(default_factory=list)

    def read(self) -> None:
        """Read all shares, and those that are undecided once more, with what the others told."""
        total = sum(source.size for _, unit in self.shares for source in unit)
        done = 0
        undecided: list[tuple[Reader, Unit, DateOrderUnknown]] = []
        for reader, unit in self.shares:
            try:
                self._one(reader, self._watched(unit, done, total), self.options)
            except DateOrderUnknown as error:
                undecided.append((reader, unit, error))
            done += sum(source.size for source in unit)
            if self.progress:
                self.progress(done, total)
        orders = {export.date_order for export in self.exports if export.date_order}
        for reader, unit, asked in undecided:
            if len(orders) == 1:
                self._one(reader, unit, replace(self.options, date_order=next(iter(orders))))
            else:
                self.failures.append(asked)

    def _one(self, reader: Reader, unit: Unit, options: ReadOptions) -> None:
        try:
            for found in reader.read(unit, options):
                if isinstance(found, ExportError):
                    self.failures.append(found)
                else:
                    self.exports.append(found)
        except DateOrderUnknown:
            raise
        except ExportError as error:
            self.failures.append(error)
        except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - whatever a file did to its reader, the others are read
            fault = f"its reader failed ({type(error).__name__}); the file may be damaged"
            self.failures.append(ExportDamaged(unit[0].place, fault))

    def _watched(self, unit: Unit, done: int, total: int) -> Unit:
        if self.progress is None:
            return unit
        report, watched = self.progress, []
        for source in unit:
            watched.append(source.watched(partial(_report, report, done, total)))
            done += source.size
        return tuple(watched)


def _report(progress: Progress, done: int, total: int, read: int) -> None:
    progress(done + read, total)


def units(bundle: Bundle) -> Iterator[tuple[Reader, Unit]]:
    """Share a bundle's sources out among the readers; none goes to two."""
    for reader in READERS:
        found = tuple(reader.units(bundle))
        yield from ((reader, unit) for unit in found)
        taken = {source.name for unit in found for source in unit}
        bundle = replace(bundle, sources=tuple(s for s in bundle.sources if s.name not in taken))


def read_export(path: Path, owner: str, date_order: DateOrder | None = None) -> Export:
    """Read the one chat export at `path`, of any known format; what `owner` wrote is own.

    `owner` is the owner's name as the export writes it. Raises ExportError, whose text is one line that
    says what to do.
    """
    reading = read_bundles((path,), ReadOptions(date_order))
    # A file may hold several chats; those who call this have one.
    if reading.exports:
        export = max(reading.exports, key=lambda found: found.rows.height)
        return export.owned_by(authors_named(export, owner) or export.owner)
    for failure in reading.failures:
        raise failure
    raise FormatUnknown(path, "this is no chat export known here; the guide lists those that are")


def authors_named(export: Export, name: str) -> frozenset[str]:
    """The ids of the authors whose id, else whose name, this is."""
    key = author_key(name)
    if (export.rows.get_column("author") == key).any():
        return frozenset({key})
    found = export.rows.filter(pl.col("name") == key)
    return frozenset(found.get_column("author").unique())
