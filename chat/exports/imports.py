"""The folder of imported chats: one Parquet file a chat, a manifest, and `people.toml`.

Chats are kept as their exports wrote them, names included: who is who is settled when they are read back,
so that an edit of `people.toml` counts at once. Folder and files are for the owner's eyes alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import polars as pl

from chat.errors import ImportsDamaged
from chat.exports.dates import DateOrder
from chat.exports.export import Clock, Export, Untyped
from chat.exports.merge import family, merge
from chat.exports.people import People
from chat.message import Chat, ChatKey
from chat.private_file import write_private

_MANIFEST: Final = "manifest.json"
_LAYOUT: Final = 1
_LOCK: Final = ".lock"


class Imports:
    """Imported chats in a folder, which is made when the first is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def people_file(self) -> Path:
        """Who is who; may not be there yet."""
        return self.folder / "people.toml"

    def people(self) -> People:
        """Read who is who. Raises PeopleInvalid."""
        return People.read(self.people_file)

    def exports(self) -> tuple[Export, ...]:
        """Read all chats back, as they were kept. Raises ImportsDamaged."""
        return tuple(self._export(entry) for entry in self._entries())

    def resolved(self) -> tuple[Export, ...]:
        """Read all chats back, with people under the names of `people.toml`. Raises ChatError."""
        people = self.people()
        return tuple(people.resolve(export) for export in self.exports())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from changing the folder; waits for one that does. Raises OSError.

        Whoever changes it reads what is here, people included, after this: else it undoes another's work.
        """
        self._make()
        (self.folder / _LOCK).touch(mode=0o600)
        # The system lets go of it however a process ends.
        with (self.folder / _LOCK).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def keep(self, exports: Iterable[Export], people: People) -> None:
        """Add chats to those that are here; what is here already stays as it is.

        To be called within `alone`. Raises ImportsDamaged.
        """
        self._make()
        entries = {entry["file"]: entry for entry in self._entries()}
        digests: dict[Path, str] = {}
        for export in exports:
            file = _file_of(export)
            known = entries.get(file)
            stored = self._export(known) if known else None
            # Duplicates are this import's news, not the chat's.
            ours = replace(
                export,
                rows=export.rows.sort("at", maintain_order=True),
                other={k: n for k, n in export.other.items() if k is not Untyped.DUPLICATE},
            )
            if stored is not None:
                (ours,) = merge((stored, ours))
            sources = {source["sha256"]: source for source in (known or {}).get("sources", ())}
            digest = digests.get(export.path) or digests.setdefault(export.path, _digest(export.path))
            sources.setdefault(digest, {"name": export.path.name, "sha256": digest})
            if stored is None or not ours.rows.equals(stored.rows):
                self._write(file, ours)
            else:
                ours = stored
            entries[file] = _entry(file, ours, list(sources.values()))
        document = {"layout": _LAYOUT, "chats": [entries[file] for file in sorted(entries)]}
        write_private(self.folder / _MANIFEST, json.dumps(document, ensure_ascii=False, indent=1).encode())
        people.write(self.people_file)
        self._tidy(entries)

    def keep_only(
        self, exports: Iterable[Export], people: People, renamed: Callable[[str], str] = str
    ) -> None:
        """Keep these chats, read from here and changed, and no others; `renamed` changes the names of their sources.

        To be called within `alone`. Raises ImportsDamaged.
        """
        known = {entry["file"]: entry for entry in self._entries()}
        entries = {}
        for export in exports:
            file = _file_of(export)
            sources = [
                {**source, "name": renamed(source["name"])} for source in known[export.path.name]["sources"]
            ]
            self._write(file, export)
            entries[file] = _entry(file, export, sources)
        document = {"layout": _LAYOUT, "chats": [entries[file] for file in sorted(entries)]}
        write_private(self.folder / _MANIFEST, json.dumps(document, ensure_ascii=False, indent=1).encode())
        people.write(self.people_file)
        self._tidy(entries)

    def _make(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)

    def _tidy(self, entries: Collection[str]) -> None:
        """Remove chats that are on no record: of what was forgotten, and of imports that ended halfway."""
        for path in (*self.folder.glob("*.parquet"), *self.folder.glob("*.new")):
            if path.name not in entries:
                path.unlink(missing_ok=True)

    def _entries(self) -> list[dict[str, Any]]:
        path = self.folder / _MANIFEST
        try:
            document = json.loads(path.read_bytes())
            if document["layout"] != _LAYOUT:
                raise ImportsDamaged(path, "another version wrote it; import into a new folder")
            return list(document["chats"])
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ImportsDamaged(
                path, "it cannot be read; import the exports again into a new folder"
            ) from error

    def _export(self, entry: dict[str, Any]) -> Export:
        try:
            path = self.folder / Path(entry["file"]).name
            return Export(
                chat=Chat(ChatKey.parse(entry["chat"]), entry["title"]),
                format=entry["format"],
                dialect=entry["dialect"],
                clock=Clock(entry["clock"]),
                rows=pl.read_parquet(path, memory_map=False),
                path=path,
                owner=frozenset(entry["owner"]),
                other=MappingProxyType({Untyped(kind): count for kind, count in entry["other"].items()}),
                direct=entry["direct"],
                date_order=DateOrder(entry["date_order"]) if entry["date_order"] else None,
            )
        except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as error:
            raise ImportsDamaged(self.folder, "a chat cannot be read; import its export again") from error

    def _write(self, file: str, export: Export) -> None:
        # By way of memory: a full disk is no error that polars tells from others.
        export.rows.write_parquet(packed := io.BytesIO())
        write_private(self.folder / file, packed.getvalue())


def _entry(file: str, export: Export, sources: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "file": file,
        "chat": str(export.chat.key),
        "title": export.chat.title,
        "format": export.format,
        "dialect": export.dialect,
        "clock": export.clock.value,
        "direct": export.direct,
        "date_order": export.date_order.value if export.date_order else None,
        "owner": sorted(export.owner),
        "messages": export.rows.height,
        "other": {kind.value: count for kind, count in export.other.items()},
        "sources": sources,
    }


def _file_of(export: Export) -> str:
    """A name that tells nothing of the chat, the same for each export of it."""
    return hashlib.sha256(family(export).encode("utf-8", "surrogatepass")).hexdigest()[:16] + ".parquet"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
