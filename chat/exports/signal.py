"""Signal: its own plain-text export, and what the tool sigexport makes of the desktop's database.

The official one is `main.jsonl`, frames of a backup written as JSON lines: people and chats first, then the
messages of all chats. sigexport writes a folder a chat, with `data.json` (JSON lines too) or `chat.md`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from chat.errors import ExportDamaged, ExportEmpty
from chat.exports import sigexport
from chat.exports.bundle import Bundle, Source
from chat.exports.export import Clock, Export, RowsBuilder, Untyped
from chat.exports.faults import Faults
from chat.exports.json_lines import first_record, read_records
from chat.exports.reader import ReadOptions, Unit
from chat.exports.values import integer, mapping, moment, sequence, string
from chat.message import Attachment, Chat, ChatKey

SELF: Final = "self"
"""The owner's author id: recipients' numbers differ from backup to backup."""

NOTES: Final = "Note to Self"
"""What Signal calls the chat of the owner with nobody else."""

_FRAMES: Final = frozenset(("account", "recipient", "chat", "chatItem", "backupTimeMs", "version"))
_COUNTED: Final = {
    "remoteDeletedMessage": Untyped.DELETED,
    "adminDeletedMessage": Untyped.DELETED,
    "viewOnceMessage": Untyped.HIDDEN,
    "poll": Untyped.POLL,
    "paymentNotification": Untyped.NOTICE,
    "giftBadge": Untyped.NOTICE,
}
_CALLS: Final = ("individualCall", "groupCall")


class Signal:
    """Reads Signal's exports, both the official one and sigexport's."""

    format = "signal"

    def units(self, bundle: Bundle) -> Iterator[Unit]:
        """Pick what begins as these files do; a `chat.md` only where no `data.json` says it better."""
        told = set()
        for source in bundle.sources:
            folder, _, name = source.name.rpartition("/")
            if name.endswith((".jsonl", ".json")) and _reader(source):
                told.add(folder)
                yield (source,)
        for source in bundle.sources:
            folder, _, name = source.name.rpartition("/")
            if name == "chat.md" and folder not in told and sigexport.is_chat_md(source):
                yield (source,)

    def read(self, unit: Unit, options: ReadOptions) -> Iterator[Export]:
        """Read the chats. Raises ExportMissing, ExportEmpty and ExportDamaged."""
        (source,) = unit
        reader = sigexport.read_md if source.name.endswith(".md") else _reader(source)
        if reader is None:
            raise ExportDamaged(source.place, "this is no export of Signal")
        yield from reader(source)


@dataclass(frozen=True, slots=True)
class _Person:
    id: str
    name: str
    direct: bool | None


@dataclass(slots=True)
class _Talk:
    """A chat on its way to an `Export`."""

    person: _Person
    rows: RowsBuilder = field(default_factory=RowsBuilder)
    other: Counter[Untyped] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)


def _reader(source: Source) -> Callable[[Source], Iterator[Export]] | None:
    first = mapping(first_record(source))
    if _FRAMES & first.keys():
        return read_frames
    return sigexport.read_data if first.keys() >= sigexport.KEYS else None


def read_frames(source: Source) -> Iterator[Export]:
    """Read the official export: a chat each, in the order of the frames that open them."""
    reading = _Frames(source)
    for number, frame in read_records(source):
        reading.see(number, mapping(frame))
    yield from reading.finish()


class _Frames:
    """One `main.jsonl` on its way to exports."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.faults = Faults()
        self.people: dict[int, _Person] = {}
        self.talks: dict[int, _Talk] = {}
        self.owner = "Me"

    def see(self, number: int, frame: Mapping[str, object]) -> None:
        """Take the next frame. Those of stickers, folders and settings say nothing about chats."""
        if not frame:
            self._fault(number, "this is no frame of JSON")
        elif "account" in frame:
            self.owner = _full(mapping(frame["account"]), "givenName", "familyName") or self.owner
        elif "recipient" in frame:
            recipient = mapping(frame["recipient"])
            self.people[integer(recipient.get("id")) or 0] = _person(recipient, self.owner)
        elif "chat" in frame:
            chat = mapping(frame["chat"])
            person = self.people.get(integer(chat.get("recipientId")) or 0)
            if person is None:
                self._fault(number, "its chat is with nobody known")
            else:
                self.talks[integer(chat.get("id")) or 0] = _Talk(person)
        elif "chatItem" in frame:
            self._item(number, mapping(frame["chatItem"]))

    def finish(self) -> Iterator[Export]:
        """Give the chats that hold anything; what was wrong goes with the first."""
        problems = self.faults.all()
        talks = [talk for talk in self.talks.values() if len(talk.rows) or talk.other]
        if problems and not talks:
            first = problems[0]
            raise ExportDamaged(self.source.place, f"line {first.line}: {first.what}; export the chats again")
        if not talks:
            raise ExportEmpty(self.source.place, "there are no messages in it; export the chats again")
        for talk in talks:
            yield Export(
                chat=Chat(
                    ChatKey("signal", talk.person.id),
                    NOTES if talk.person.id == SELF else talk.person.name,
                ),
                format=Signal.format,
                dialect="main.jsonl",
                clock=Clock.UTC,
                rows=talk.rows.table(),
                path=self.source.path,
                owner=frozenset((SELF,)),
                other=dict(sorted(talk.other.items())),
                problems=problems,
                direct=talk.person.direct,
            )
            problems = ()

    def _item(self, number: int, item: Mapping[str, object]) -> None:
        talk = self.talks.get(integer(item.get("chatId")) or 0)
        if talk is None:
            self._fault(number, "it belongs to no chat")
            return
        kind = _kind(item)
        if kind is not None:
            talk.other[kind] += 1
            return
        author = self.people.get(integer(item.get("authorId")) or 0)
        at, said = moment(item.get("dateSent")), _said(item)
        if author is None or at is None or said is None:
            what = "it has no time" if said is not None else "it is a kind of message that is not known here"
            self._fault(number, "nobody is named as its author" if author is None else what)
            return
        text, attachment, quote = said
        if mapping(mapping(item.get("standardMessage")).get("longText")):
            # The export keeps the whole in a file whose name it does not tell.
            self._fault(number, "only the beginning of a long text stands here")
        key = f"{integer(item.get('dateSent'))}-{author.id}"
        if key in talk.seen:
            talk.other[Untyped.DUPLICATE] += 1
        elif not text and attachment is None:
            talk.other[Untyped.HIDDEN] += 1
        else:
            talk.seen.add(key)
            talk.rows.add(
                id=key,
                author=author.id,
                name=author.name,
                at=at,
                text=text,
                reply_to=self._replied(quote),
                edited=bool(sequence(item.get("revisions"))),
                attachment=attachment,
                file=self.source.name,
                line=number,
            )

    def _replied(self, quote: Mapping[str, object]) -> str | None:
        """The id of a quoted message: who wrote it when is all that Signal knows it by."""
        sent = integer(quote.get("targetSentTimestamp"))
        author = self.people.get(integer(quote.get("authorId")) or 0)
        return f"{sent}-{author.id}" if sent and author else None

    def _fault(self, number: int, what: str) -> None:
        self.faults.add(self.source.name, number, what)


def _person(recipient: Mapping[str, object], owner: str) -> _Person:
    number = integer(recipient.get("id")) or 0
    if "self" in recipient:
        return _Person(SELF, owner, None)
    if "group" in recipient:
        group = mapping(recipient["group"])
        title = string(mapping(mapping(mapping(group.get("snapshot")).get("title"))).get("title"))
        return _Person(string(group.get("masterKey")) or f"group-{number}", title or "Group", direct=False)
    contact = mapping(recipient.get("contact"))
    phone = string(contact.get("e164")) or str(integer(contact.get("e164")) or "")
    nickname = mapping(contact.get("nickname"))
    name = (
        _full(nickname, "given", "family")
        or _full(contact, "systemGivenName", "systemFamilyName")
        or _full(contact, "profileGivenName", "profileFamilyName")
        or string(contact.get("username"))
        or (phone and f"+{phone.removeprefix('+')}")
    )
    key = string(contact.get("aci")) or phone or f"recipient-{number}"
    # Signal's own news come from a recipient that is neither person nor group.
    return _Person(key, name or key, direct=True if contact else None)


def _full(names: Mapping[str, object], first: str, last: str) -> str:
    return " ".join(part for part in (string(names.get(first)), string(names.get(last))) if part)


def _kind(item: Mapping[str, object]) -> Untyped | None:
    """What nobody typed; None where somebody did, or where the kind is unknown."""
    for name, kind in _COUNTED.items():
        if name in item:
            return kind
    if "updateMessage" in item:
        update = mapping(item["updateMessage"])
        return Untyped.CALL if any(call in update for call in _CALLS) else Untyped.NOTICE
    if "emoji" in mapping(item.get("directStoryReplyMessage")):
        return Untyped.TAPBACK
    return Untyped.NOTICE if "directionless" in item else None


def _said(item: Mapping[str, object]) -> tuple[str, Attachment | None, Mapping[str, object]] | None:
    """A message's text, what hangs on it, and what it quotes; None where its kind is unknown."""
    if "standardMessage" in item:
        message = mapping(item["standardMessage"])
        attached = [mapping(found) for found in sequence(message.get("attachments"))]
        text = string(mapping(message.get("text")).get("body"))
        return text, _attachment(attached[0]) if attached else None, mapping(message.get("quote"))
    if "directStoryReplyMessage" in item:
        reply = mapping(mapping(item["directStoryReplyMessage"]).get("textReply"))
        return string(mapping(reply.get("text")).get("body")), None, {}
    if "stickerMessage" in item:
        return "", Attachment.STICKER, {}
    return ("", Attachment.CONTACT, {}) if "contactMessage" in item else None


def _attachment(attached: Mapping[str, object]) -> Attachment:
    if attached.get("flag") in {"GIF", "VOICE_MESSAGE"}:
        return Attachment.GIF if attached["flag"] == "GIF" else Attachment.AUDIO
    kind = string(mapping(attached.get("pointer")).get("contentType")) or string(attached.get("contentType"))
    family = {"image": Attachment.IMAGE, "video": Attachment.VIDEO, "audio": Attachment.AUDIO}
    return family.get(kind.partition("/")[0], Attachment.DOCUMENT if kind else Attachment.OTHER)
