"""What WhatsApp itself writes in place of a text, and how it is told from what somebody typed.

iOS marks its own words with an invisible direction mark, whatever the language. Android does not, so
there a bracketed line and the tables of phrases have to do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from chat.exports.export import Untyped
from chat.exports.whatsapp_header import MARKS
from chat.exports.whatsapp_phrases import (
    as_written,
    attached_otherwise,
    attached_phrases,
    attached_words,
    deleted_by,
    deleted_by_beginnings,
    edited_markers,
    left_out,
    phrases,
)
from chat.message import Attachment

_LONGEST_NAME = 60
_QUOTES = re.compile('["“”„‟«»「」]')
_NOTICE_WORDS = re.compile(
    r"changed (?:the|this group's) |created (?:the )?group|pinned a message|end-to-end encrypt", re.IGNORECASE
)
_MARK = "[\u200e\u200f]"
_IOS_TAIL = re.compile(rf"(?:^|[ \n]){_MARK}(?P<tail>[^\n]{{1,120}})$")
_ANGLED = re.compile(r"<[^<>\n]{1,80}>")
_ANDROID_OMITTED = re.compile(r"<[^>\n]{1,60}>")
_ANDROID_FILE = re.compile(r"(?P<name>[^\n]{1,200}\.\w{2,5}) \((?P<phrase>[^()\n]{1,40})\)")
_OWN_FILE_NAME = re.compile(r"[A-Z]{3,5}-\d{8}-WA\d{4}\.\w{2,5}")
_BARE_FILE = re.compile(r"[^\n]{1,200}\.(?=\w*[A-Za-z])\w{2,5}")
_ATTACHED = re.compile(r"<[^<>\n]*\.\w{2,5} ?>")
_POLL = re.compile(rf"[^\n:]{{3,20}}:\n.*\n{_MARK}?\w+: [^\n]*\({_MARK}?\d+ [^()\n]+(?:\(s\))?\)", re.DOTALL)
# What a body holds that must be looked at: fixed words only, or millions of bodies take long to search.
_ODD = ("\u200e", "\u200f", "https://maps.google.com/", "https://foursquare.com/v/", ":\n")
_ODD_ANDROID = ("<", ")\n")
_KINDS = ("deleted", "calls", "live_locations")
_PLACE = re.compile(r"(?:[^\n]{1,200}: )?https://(?:maps\.google\.com/|foursquare\.com/v/)\S+")

# "null" is what Android writes for a photo viewed once; a typed "null" looks the same. ":." is of old versions.
_HIDDEN = frozenset(("", "null", ":.", "Waiting for this message. This may take a while."))

_WORDS = (
    (Attachment.IMAGE, ("image", "photo", "bild", "imagen", "imagem", "immagine", "afbeelding", "img-")),
    (Attachment.VIDEO, ("video", "vidéo", "vídeo", "vid-")),
    (Attachment.AUDIO, ("audio", "áudio", "ptt-", "aud-")),
    (Attachment.STICKER, ("sticker", "stk-", "figurinha")),
    (Attachment.GIF, ("gif",)),
    (Attachment.CONTACT, ("contact", "kontakt", ".vcf")),
    (Attachment.DOCUMENT, ("document", "dokument", "documento", "doc-", ".pdf")),
)


@dataclass(frozen=True, slots=True)
class Body:
    """What somebody typed, beside what hung on it."""

    text: str
    edited: bool = False
    attachment: Attachment | None = None


def is_author(name: str) -> bool:
    """Tell whether what stands before a colon is a name.

    A notice may hold a colon too (`… changed the subject to “Plan: X”`): what is no name is no author.
    """
    # Nicknames hold quotes in pairs; a quotation that is still open at the colon is a notice's.
    return (
        0 < len(name) <= _LONGEST_NAME
        and len(_QUOTES.findall(name)) % 2 == 0
        and not _NOTICE_WORDS.search(name)
    )


def author_key(name: str) -> str:
    """Write a name as we compare it: no direction marks, plain spaces. Joined emoji stay joined."""
    return " ".join(name.translate({ord(mark): None for mark in MARKS}).split())


def odd_bodies(bodies: pl.Series, *, bracketed: bool) -> pl.Series:
    """Mark the bodies that must be read one by one: every other is plain text for both readers below."""
    body = pl.col("b")
    odd = body.str.contains(_signs(bracketed=bracketed)) | body.str.strip_chars().is_in(_whole_bodies())
    if not bracketed:
        odd |= body.str.ends_with(")")
    return bodies.to_frame("b").select(odd).to_series()


@lru_cache(maxsize=2)
def _signs(*, bracketed: bool) -> str:
    words = _ODD if bracketed else (*_ODD, *_ODD_ANDROID, *attached_words(), *deleted_by_beginnings())
    return "|".join(map(re.escape, words))


@lru_cache(maxsize=1)
def _whole_bodies() -> pl.Series:
    """Phrases that are a whole body, with final dots and without."""
    found = {
        text.removesuffix(".") for text in (*_HIDDEN, *(text for kind in _KINDS for text in as_written(kind)))
    }
    forms = {form for text in found for form in (text, text.lower(), text.capitalize())}
    return pl.Series(sorted(forms | {f"{form}." for form in forms})).implode()


def read_ios(body: str) -> Body | Untyped:
    """Read a body as an iPhone writes it."""
    if body[:1] in ("\u200e", "\u200f"):
        return _ios_notice(body.strip("\u200e\u200f\n "))
    if "\n" in body and _POLL.match(body):
        return Untyped.POLL
    found = _IOS_TAIL.search(body)
    if not found:
        return _common(body)
    tail, head = found["tail"], body[: found.start()]
    if _ANGLED.fullmatch(tail) and not _ATTACHED.fullmatch(tail):
        return Body(head, edited=True)
    # `name.pdf • <mark>2 pages <mark>document omitted`: the head is the document's name.
    if _BARE_FILE.fullmatch(head.removesuffix(" •")):
        return Body("", attachment=_attachment(tail))
    return Body(head, attachment=_attachment(tail))


def read_android(body: str) -> Body | Untyped:
    """Read a body as an Android phone writes it."""
    edited = False
    for marker in edited_markers():
        if body.endswith(marker):
            body, edited = body.removesuffix(marker).rstrip(" \u200e"), True
            break
    first, newline, rest = body.lstrip("\u200e\u200f").partition("\n")
    if _ANDROID_OMITTED.fullmatch(first):
        placeholder: str | None = first
    else:
        placeholder = _android_file(first, marked=body[:1] in ("\u200e", "\u200f"))
    if placeholder is not None:
        if not newline or not rest.strip() or _BARE_FILE.fullmatch(rest):
            return Body("", edited, _attachment(placeholder))
        return Body(rest, edited, _attachment(placeholder))
    if "\n" in body and _POLL.match(body):
        return Untyped.POLL
    return _common(body, edited=edited)


def _android_file(line: str, *, marked: bool) -> str | None:
    """Give the file's name where a line says that one was attached; else it is somebody's `a.txt (draft)`."""
    found = _ANDROID_FILE.fullmatch(line)
    if found and (marked or found["phrase"] in attached_phrases() or _OWN_FILE_NAME.fullmatch(found["name"])):
        return found["name"]
    return line if attached_otherwise().fullmatch(line) else None


def _common(body: str, *, edited: bool = False) -> Body | Untyped:
    plain = body.strip()
    if plain in _HIDDEN:
        return Untyped.HIDDEN
    phrase = plain.removesuffix(".").lower()
    if phrase in phrases("deleted") or deleted_by().fullmatch(plain.removesuffix(".")):
        return Untyped.DELETED
    if phrase in phrases("calls"):
        return Untyped.CALL
    if phrase in phrases("live_locations") or _PLACE.fullmatch(plain):
        return Untyped.LOCATION
    return Body(body, edited)


def _ios_notice(plain: str) -> Body | Untyped:
    """Sort what the app wrote by its words; a language we lack counts as a notice."""
    known = _common(plain)
    if isinstance(known, Untyped):
        return known
    if _POLL.match(plain):
        return Untyped.POLL
    if _ATTACHED.fullmatch(plain) or _attachment(plain) is not Attachment.OTHER:
        return Body("", attachment=_attachment(plain))
    return Untyped.NOTICE


def _attachment(words: str) -> Attachment:
    lower = words.lower()
    if kind := left_out().get(lower.removesuffix(".")):
        return kind
    if len(lower) <= 120:
        for kind, signs in _WORDS:
            if any(sign in lower for sign in signs):
                return kind
    return Attachment.OTHER
