"""What WhatsApp itself writes into exports, in the languages of its apps: read from `whatsapp_phrases.json`.

The file names where its tables come from. A language that they lack is still read; what only a table could
tell from typed text (a deleted message on Android) is then taken for text.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from chat.message import Attachment

_FILE: Final = "whatsapp_phrases.json"
_NAME: Final = r"[^\n]{1,200}\.\w{2,5}"
_ADMIN: Final = r"[^\n]{1,80}"
_ATTACHMENTS: Final = {
    "image": Attachment.IMAGE,
    "video": Attachment.VIDEO,
    "audio": Attachment.AUDIO,
    "sticker": Attachment.STICKER,
    "gif": Attachment.GIF,
    "contact": Attachment.CONTACT,
    "document": Attachment.DOCUMENT,
}


@lru_cache(maxsize=1)
def _tables() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files("chat.exports").joinpath(_FILE).read_text(encoding="utf-8"))
    return found


@lru_cache(maxsize=8)
def phrases(kind: str) -> frozenset[str]:
    """Give the phrases of a kind in lower case, without final dots: `deleted`, `calls`, `live_locations`."""
    return frozenset(phrase.lower() for phrase in _tables()[kind])


def as_written(kind: str) -> tuple[str, ...]:
    """The same as they stand in the tables."""
    return tuple(_tables()[kind])


@lru_cache(maxsize=1)
def deleted_by() -> re.Pattern[str]:
    """What stands in place of a message that an admin took back, whose name is in it."""
    return re.compile("|".join(re.escape(text).replace("%s", _ADMIN) for text in _tables()["deleted_by"]))


@lru_cache(maxsize=1)
def deleted_by_beginnings() -> tuple[str, ...]:
    """How those phrases begin, up to the name."""
    return tuple(dict.fromkeys(text.partition("%s")[0] for text in _tables()["deleted_by"]))


@lru_cache(maxsize=1)
def edited_markers() -> tuple[str, ...]:
    """What stands at the end of an edited text on Android."""
    return tuple(_tables()["edited"])


@lru_cache(maxsize=1)
def attached_phrases() -> frozenset[str]:
    """What stands in brackets after the name of an attached file on Android."""
    return frozenset(_tables()["attached_files"])


@lru_cache(maxsize=1)
def attached_otherwise() -> re.Pattern[str]:
    """Lines about an attached file in languages that do without brackets."""
    return _any(_tables()["attached_otherwise"], f"(?P<name>{_NAME})")


@lru_cache(maxsize=1)
def attached_words() -> tuple[str, ...]:
    """What such lines hold beside the name."""
    return tuple(phrase.replace("%s", "").strip() for phrase in _tables()["attached_otherwise"])


@lru_cache(maxsize=1)
def left_out() -> dict[str, Attachment]:
    """What an iPhone writes in place of an attachment that was left out, in lower case."""
    tables = _tables()["attachments"]
    return {phrase.lower(): kind for name, kind in _ATTACHMENTS.items() for phrase in tables[name]}


@lru_cache(maxsize=1)
def chat_names() -> re.Pattern[str]:
    """How a file is named after its chat, as group `name`."""
    return _any(_tables()["chat_names"], "(?P<name>.+)")


def _any(patterns: list[str], name: str) -> re.Pattern[str]:
    """One expression over patterns with `%s` in them; a group's name may stand once only."""
    forms = [re.escape(pattern).replace("%s", name).replace("(?P<name>", "(") for pattern in patterns]
    return re.compile("|".join(forms), re.IGNORECASE)
