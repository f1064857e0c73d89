"""One row of a dataset, whichever recipe made it: what is shown, what of it is learned, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from inference.prompt import PromptMessage


class Learned(NamedTuple):
    """One message that counts in the loss: characters `begin` to `end` of a row's part number `part`.

    `source` is the message's id in its chat, and `author` who wrote it.
    """

    source: str
    author: str
    part: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Talk:
    """Messages with roles, oldest first, as the OpenAI chat format has them. A part is a message's content."""

    messages: tuple[PromptMessage, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """The contents."""
        return tuple(message.content for message in self.messages)


@dataclass(frozen=True, slots=True)
class Document:
    """Plain text, without roles. Its one part is the text."""

    text: str

    @property
    def parts(self) -> tuple[str, ...]:
        """The text alone."""
        return (self.text,)


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt and its completion, with the recipe's separator and stop in them. Parts: the two."""

    prompt: str
    completion: str

    @property
    def parts(self) -> tuple[str, ...]:
        """The prompt, then the completion."""
        return (self.prompt, self.completion)


Body = Talk | Document | Pair


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    `chat` is `messenger/chat-id`. `first` and `last` are when the oldest and newest message in it were
    written, naive, by the export's clock. `sources` are the ids of all messages shown, in their order, and
    `authors` the ids of whoever wrote them. `learned` are in order, too. A row with `silence` shows a moment
    at which the owner wrote nothing: its last message is the recipe's sign for that, and `learned` is empty.
    """

    chat: str
    body: Body
    first: datetime
    last: datetime
    sources: tuple[str, ...]
    authors: tuple[str, ...]
    learned: tuple[Learned, ...]
    silence: bool = False

    def __post_init__(self) -> None:
        if bool(self.learned) == self.silence:
            raise ValueError("a row learns at least one message, or a silence")

    @property
    def trained(self) -> tuple[int, ...]:
        """The parts in which something counts in the loss, in order."""
        if self.silence:
            return (len(self.body.parts) - 1,)
        return tuple(dict.fromkeys(span.part for span in self.learned))

    @property
    def answers(self) -> tuple[str, ...]:
        """What is learned, without what a format adds: a text a part, of a document a text a message."""
        if self.silence:
            return ()
        parts = self.body.parts
        if isinstance(self.body, Document):
            return tuple(parts[0][span.begin : span.end] for span in self.learned)
        return tuple(
            "\n".join(parts[part][span.begin : span.end] for span in self.learned if span.part == part)
            for part in self.trained
        )
