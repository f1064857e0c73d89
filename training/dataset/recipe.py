"""What every recipe has in common: options that are refused when unknown, and rows made of histories."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from chat.message import Message
from training.dataset.history import History
from training.dataset.row import Body, Learned, Row
from training.dataset.split import Split


class Recipe(BaseModel, ABC):
    """How chats become rows. The options are the fields; a file with any other key is refused.

    A recipe sees one side of the split at a time, so that no row of its can reach over the cut.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    source: ClassVar[str]
    """Whose write-up or code the rules are, in a line."""

    preset: str
    split: Split = Split()

    @classmethod
    def summary(cls) -> str:
        """What a row is, in a sentence."""
        return (cls.__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " ")

    @property
    def wants_direct(self) -> bool:
        """Whether groups are passed over: it has an option `groups`, which is off."""
        return not getattr(self, "groups", True)

    @abstractmethod
    def rows(self, histories: Iterable[History]) -> Iterator[Row]:
        """Make the rows, chat by chat, in the order of time."""


class Lines:
    """A part of a row as it is put together: its text, and where in it each learned message stands."""

    def __init__(self, part: int, between: str = "\n") -> None:
        self._part = part
        self._between = between
        self._pieces: list[str] = []
        self._length = 0
        self.learned: list[Learned] = []

    def add(self, text: str, learned: Message | None = None, before: str = "", after: str = "") -> None:
        """Add a message's text between what a format puts around it; `learned` is the message it is of."""
        return self.join(self._between if self._pieces else "", text, learned, before, after)

    def join(
        self, between: str, text: str, learned: Message | None = None, before: str = "", after: str = ""
    ) -> None:
        """Add a text after another separator than the usual."""
        begin = self._length + len(between) + len(before)
        if learned is not None and text:
            span = Learned(learned.id, learned.author.id, self._part, begin, begin + len(text))
            self.learned.append(span)
        self._pieces.append(f"{between}{before}{text}{after}")
        self._length = begin + len(text) + len(after)

    def __len__(self) -> int:
        return self._length

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self._pieces)


def row_of(
    history: History,
    body: Body,
    shown: Sequence[Message],
    learned: Iterable[Learned],
    *,
    silence: bool = False,
) -> Row:
    """Make a row that shows these messages, oldest first."""
    return Row(
        chat=str(history.chat),
        body=body,
        first=shown[0].sent_at.replace(tzinfo=None),
        last=shown[-1].sent_at.replace(tzinfo=None),
        sources=tuple(message.id for message in shown),
        authors=tuple(dict.fromkeys(message.author.id for message in shown)),
        learned=tuple(learned),
        silence=silence,
    )
