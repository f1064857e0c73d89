"""Which formats are read here, and which of them somebody's files are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chat.errors import ExportDamaged, ExportError, FormatUnknown
from chat.exports.bundle import Bundle, Source, open_bundle
from chat.exports.export import DateOrder, Export
from chat.exports.reader import Reader, ReadOptions, Unit
from chat.exports.whatsapp import WhatsApp
from chat.exports.whatsapp_body import author_key

READERS: tuple[Reader, ...] = (WhatsApp(),)
"""Asked in this order; the first that knows a source reads it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found in some paths: chats, what could not be read, and what no reader knows."""

    exports: tuple[Export, ...]
    failures: tuple[ExportError, ...]
    left: tuple[Source, ...]


def read_bundles(paths: Sequence[Path], options: ReadOptions | None = None) -> Reading:
    """Read every chat in these files, folders and zips. One file failing never stops the others."""
    options = options or ReadOptions()
    exports: list[Export] = []
    failures: list[ExportError] = []
    left: list[Source] = []
    for path in paths:
        try:
            bundle = open_bundle(path)
        except ExportError as error:
            failures.append(error)
            continue
        failures += bundle.failures
        claimed: set[str] = set()
        for reader, unit in units(bundle):
            claimed.update(source.name for source in unit)
            try:
                exports += reader.read(unit, options)
            except ExportError as error:
                failures.append(error)
            except Exception as error:  # noqa: BLE001 - whatever a file did to its reader, the others are read
                fault = f"its reader failed ({type(error).__name__}); the file may be damaged"
                failures.append(ExportDamaged(unit[0].place, fault))
        left += [source for source in bundle.sources if source.name not in claimed]
    return Reading(tuple(exports), tuple(failures), tuple(left))


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
    raise FormatUnknown(path, "this is no chat export known here; WhatsApp's are a .txt or a .zip")


def authors_named(export: Export, name: str) -> frozenset[str]:
    """The ids of the authors whose id, else whose name, this is."""
    key = author_key(name)
    pairs = export.rows.select("author", "name").unique().rows()
    return frozenset(author for author, _ in pairs if author == key) or frozenset(
        author for author, shown in pairs if shown == key
    )
