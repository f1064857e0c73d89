"""Messages, their authors and the chats they stand in.

The identity that everything else relies on (deduplication, deterministic draft ids, random draws) is
the triple messenger, chat id, message id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter


@dataclass(frozen=True, slots=True, order=True)
class ChatKey:
    """Which chat: the messenger's name (`local`, `discord`) and the chat's id on it."""

    messenger: str
    chat_id: str

    def __post_init__(self) -> None:
        if not self.messenger or "/" in self.messenger or not self.chat_id:
            raise ValueError("a chat key needs a messenger without a slash, and a chat id")

    def __str__(self) -> str:
        return f"{self.messenger}/{self.chat_id}"

    @classmethod
    def parse(cls, text: str) -> ChatKey:
        """Read `messenger/chat-id`, the form that `str` gives. Raises ValueError."""
        messenger, _, chat_id = text.partition("/")
        return cls(messenger, chat_id)


@dataclass(frozen=True, slots=True)
class Chat:
    """One group or direct conversation, with what people call it."""

    key: ChatKey
    title: str
    part_of: ChatKey | None = None
    """The chat that it lies in, as a thread does in its channel: what is killed there is killed here."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote: the id on the messenger, and the name that others see."""

    id: str
    name: str
    is_bot: bool = False


class Attachment(StrEnum):
    """What hung on a message beside its text."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    STICKER = "sticker"
    GIF = "gif"
    DOCUMENT = "document"
    CONTACT = "contact"
    LOCATION = "location"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Message:
    """One text by one author in one chat.

    `sent_at` is aware (UTC) for live messages; exports that know no zone give the naive wall clock of
    the device that wrote them. `own` is true for what the owner, or the stand-in in the owner's name,
    wrote; `stand_in` is true as well where it was the stand-in. `text` stands exactly as typed.
    """

    # An error about a stored message must not quote it.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(hide_input_in_errors=True)

    chat: ChatKey
    id: str
    author: Author
    text: str
    sent_at: datetime
    own: bool = False
    reply_to: str | None = None
    edited: bool = False
    forwarded: bool = False
    attachment: Attachment | None = None
    stand_in: bool = False

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("a message needs an id")

    def __str__(self) -> str:
        """The identity alone: a message that is formatted into a log must not spill its text."""
        return f"{self.chat}/{self.id}"


_MESSAGE = TypeAdapter(Message)


def message_to_json(message: Message) -> str:
    """Write a message as one line of JSON, the form in which it is stored and queued."""
    return _MESSAGE.dump_json(message, exclude_defaults=True).decode()


def message_from_json(text: str | bytes) -> Message:
    """Read what `message_to_json` wrote. Raises ValueError when it is no message."""
    return _MESSAGE.validate_json(text)
