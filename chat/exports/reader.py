"""What a reader of one format does, and what it may be told beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from chat.errors import ExportError
from chat.exports.bundle import Bundle, Source
from chat.exports.dates import DateOrder
from chat.exports.export import Export

Unit = tuple[Source, ...]
"""Sources that are read together, and fail together."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a person said about their exports. `date_order` settles dates of which nothing else tells."""

    date_order: DateOrder | None = None


class Reader(Protocol):
    """Reads one format. `format` is the name it goes by in an `Export`."""

    @property
    def format(self) -> str:
        """A lower-case word: `whatsapp`."""

    def units(self, bundle: Bundle) -> Iterable[Unit]:
        """Pick the sources it knows, by a look inside, as units. Never raises."""

    def read(self, unit: Unit, options: ReadOptions) -> Iterator[Export | ExportError]:
        """Read a unit, chat by chat. Gives an error in place of what alone of the unit cannot be read.

        Raises ExportError when the unit is beyond reading; a single bad line or record becomes one of
        `Export.problems`.
        """
