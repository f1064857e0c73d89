"""What WhatsApp itself writes in place of a text, and how it is told from what somebody typed.

iOS marks its own words with an invisible direction mark, whatever the language. Android does not, so
there a bracketed line and a short table of phrases have to do; a placeholder in a language that the table
lacks is taken for text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from chat.exports.export import Untyped
from chat.exports.whatsapp_header import MARKS
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
_PLACE = re.compile(r"(?:[^\n]{1,200}: )?https://(?:maps\.google\.com/|foursquare\.com/v/)\S+")

# English, German, Spanish, French, Portuguese, Italian, Dutch; without the final dot that iOS adds.
_DELETED = frozenset(
    (
        "This message was deleted",
        "You deleted this message",
        "Diese Nachricht wurde gelöscht",
        "Du hast diese Nachricht gelöscht",
        "Este mensaje fue eliminado",
        "Se eliminó este mensaje",
        "Eliminaste este mensaje",
        "Ce message a été supprimé",
        "Vous avez supprimé ce message",
        "Esta mensagem foi apagada",
        "Esta mensagem foi apagada pelo remetente",
        "Você apagou esta mensagem",
        "Mensagem apagada",
        "Questo messaggio è stato eliminato",
        "Hai eliminato questo messaggio",
        "Dit bericht is verwijderd",
        "U hebt dit bericht verwijderd",
    )
)
_DELETED_BY = "This message was deleted by admin "
_CALLS = frozenset(
    (
        "missed voice call",
        "missed video call",
        "missed group voice call",
        "missed group video call",
        "verpasster sprachanruf",
        "verpasster videoanruf",
        "llamada de voz perdida",
        "videollamada perdida",
        "appel vocal manqué",
        "appel vidéo manqué",
        "chamada de voz perdida",
        "chamada de vídeo perdida",
        "videochamada perdida",
        "chiamata vocale persa",
        "videochiamata persa",
        "gemiste spraakoproep",
        "gemiste video-oproep",
    )
)
_LOCATIONS = frozenset(
    (
        "live location shared",
        "live-standort wird geteilt",
        "ubicación en tiempo real compartida",
        "localisation en direct partagée",
        "localização atual compartilhada",
        "posizione attuale condivisa",
        "live locatie gedeeld",
    )
)
_FILE_PHRASES = frozenset(
    (
        "file attached",
        "Datei angehängt",
        "archivo adjunto",
        "archivo adjuntado",
        "fichier joint",
        "ficheiro anexado",
        "arquivo anexado",
        "file allegato",
        "bestand bijgevoegd",
    )
)
_EDITED = (
    "<This message was edited>",
    "<Diese Nachricht wurde bearbeitet.>",
    "<Diese Nachricht wurde bearbeitet>",
    "<Se editó este mensaje.>",
    "<Ce message a été modifié>",
    "<Mensagem editada>",
    "<Questo messaggio è stato modificato>",
    "<Dit bericht is bewerkt>",
)
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


def split_author(rest: str) -> tuple[str, str] | None:
    """Part a header's rest into the author's name and the body, or give None for a notice.

    A notice may hold a colon too (`… changed the subject to “Plan: X”`): what is no name is no author.
    """
    name, colon, body = rest.partition(": ")
    if not colon:
        if not rest.endswith(":"):
            return None
        name, body = rest[:-1], ""
    # Nicknames hold quotes in pairs; a quotation that is still open at the colon is a notice's.
    if not name or len(name) > _LONGEST_NAME or len(_QUOTES.findall(name)) % 2 or _NOTICE_WORDS.search(name):
        return None
    return name, body


def author_key(name: str) -> str:
    """Write a name as we compare it: no direction marks, plain spaces. Joined emoji stay joined."""
    return " ".join(name.translate({ord(mark): None for mark in MARKS}).split())


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
        return Untyped.MEDIA
    return Body(head, attachment=_attachment(tail))


def read_android(body: str) -> Body | Untyped:
    """Read a body as an Android phone writes it."""
    edited = False
    for marker in _EDITED:
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
            return Untyped.MEDIA
        return Body(rest, edited, _attachment(placeholder))
    if "\n" in body and _POLL.match(body):
        return Untyped.POLL
    return _common(body, edited=edited)


def _android_file(line: str, *, marked: bool) -> str | None:
    """Give the file's name where a line says that one was attached; else it is somebody's `a.txt (draft)`."""
    found = _ANDROID_FILE.fullmatch(line)
    if found and (marked or found["phrase"] in _FILE_PHRASES or _OWN_FILE_NAME.fullmatch(found["name"])):
        return found["name"]
    return None


def _common(body: str, *, edited: bool = False) -> Body | Untyped:
    plain = body.strip()
    if plain in _HIDDEN:
        return Untyped.HIDDEN
    phrase = plain.removesuffix(".")
    if phrase in _DELETED or (plain.startswith(_DELETED_BY) and "\n" not in plain):
        return Untyped.DELETED
    if phrase.casefold() in _CALLS:
        return Untyped.CALL
    if phrase.casefold() in _LOCATIONS or _PLACE.fullmatch(plain):
        return Untyped.LOCATION
    return Body(body, edited)


def _ios_notice(plain: str) -> Untyped:
    """Sort what the app wrote by its words; a language we lack counts as a notice."""
    known = _common(plain)
    if isinstance(known, Untyped):
        return known
    if _POLL.match(plain):
        return Untyped.POLL
    if _ATTACHED.fullmatch(plain) or _attachment(plain) is not Attachment.OTHER:
        return Untyped.MEDIA
    return Untyped.NOTICE


def _attachment(words: str) -> Attachment:
    lower = words.casefold()
    if len(lower) <= 120:
        for kind, signs in _WORDS:
            if any(sign in lower for sign in signs):
                return kind
    return Attachment.OTHER
