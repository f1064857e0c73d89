"""The text in an `attributedBody`, Apple's archived rich text.

Newer Macs leave `message.text` empty and keep the text in here alone. The archive ("typedstream") is not
parsed as a whole: the first string in it is the text.
"""

from __future__ import annotations

from typing import Final

_STRING: Final = b"\x01+"
_SHORT: Final = 0x81
_LONG: Final = 0x82
_END: Final = 0x86
_FALLBACK_END: Final = b"\x86\x84"


def decode_text(archive: bytes) -> str | None:
    """Give the text, or None where there is none to be found.

    The text begins after `01 2b` with its length in bytes: one byte, or 81 and two, or 82 and four, little
    end first. A text that is not followed by 86 has a wrong length; it then ends before the next `86 84`.
    """
    start = archive.find(_STRING)
    if start < 0:
        return None
    at = start + len(_STRING)
    kind = archive[at] if at < len(archive) else _END
    width = {_SHORT: 2, _LONG: 4}.get(kind, 0)
    at += 1
    length = int.from_bytes(archive[at : at + width], "little") if width else kind
    at += width
    end = at + length
    if end >= len(archive) or archive[end] != _END:
        end = archive.find(_FALLBACK_END, at)
    if end < 0:
        return None
    try:
        return archive[at:end].decode()
    except UnicodeDecodeError:
        return None
