"""What was said in a chat lately, oldest first, and the turn that is to be decided on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from chat.message import Chat, Message


def bursts(messages: Sequence[Message]) -> Iterator[tuple[Message, ...]]:
    """Group messages that one author sent in a row: what people send instead of paragraphs."""
    for _, run in groupby(messages, key=lambda message: (message.own, message.author.id)):
        yield tuple(run)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a worker decides on at once: the messages of one chat since it last decided.

    `history` is what stood in the chat before them, oldest first. `id` follows from the messages
    alone, so that a retry after a crash gives the same drafts the same ids.
    """

    chat: Chat
    messages: tuple[Message, ...]
    history: tuple[Message, ...] = ()

    def __post_init__(self) -> None:
        if not self.messages:
            raise ValueError("a turn has at least one message")

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits over the chat and the ids of the messages."""
        digest = hashlib.sha256(str(self.chat.key).encode())
        for message in self.messages:
            digest.update(b"\0" + message.id.encode())
        return digest.hexdigest()[:16]

    @property
    def transcript(self) -> tuple[Message, ...]:
        """History and the turn's messages, oldest first: what the model is shown."""
        return self.history + self.messages

    @property
    def last(self) -> Message:
        """The newest message; draws and replies hang on it."""
        return self.messages[-1]
