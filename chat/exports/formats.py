"""Which formats are read here, and which of them a file is."""

from __future__ import annotations

from pathlib import Path

from chat.errors import ExportMissing, FormatUnknown
from chat.exports.export import DateOrder, Export, Reader
from chat.exports.whatsapp import WhatsApp

READERS: tuple[Reader, ...] = (WhatsApp(),)
"""Asked in this order; the first that recognises a file reads it."""


def read_export(path: Path, owner: str, date_order: DateOrder | None = None) -> Export:
    """Read a chat export of any known format.

    `owner` is the owner's name as the export writes it. Raises ExportError, whose text is one line that
    says what to do.
    """
    if not path.is_file():
        raise ExportMissing(path, "there is no such file")
    for reader in READERS:
        if reader.recognises(path):
            return reader.read(path, owner, date_order)
    raise FormatUnknown(path, "this is no chat export known here; WhatsApp's are a .txt or a .zip")
