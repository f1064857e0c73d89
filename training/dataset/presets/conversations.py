"""The preset `conversations`: whole conversations as chats of two roles, everybody else in one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field

from chat.message import Message
from inference.prompt import PromptMessage
from training.dataset.history import History, runs
from training.dataset.recipe import Lines, Recipe, row_of
from training.dataset.row import Learned, Row, Talk

_PER_TURN = 7


class Names(StrEnum):
    """Where an anonymised text replaces the others' names."""

    ANYWHERE = "anywhere"
    SPEAKERS = "speakers"


class Conversations(Recipe):
    """Conversations end after a silence, or when they are long; each ends with an own turn.

    The rules are those of the write-up. Its faults are not: the count of characters starts anew with each
    conversation, two turns of the others never follow each other, and names go from texts as well.
    """

    source: ClassVar[str] = "de.lanfermann.dev/blogs/digital-twin, github.com/jaylann/WAC2J"

    preset: Literal["conversations"] = "conversations"
    system: str = Field(
        "You are {name}, chatting with friends.", min_length=1, description="{name} is the owner's name"
    )
    gap_hours: float = Field(6, gt=0, description="a longer silence between two sides ends a conversation")
    max_chars: int | None = Field(8000, ge=1, description="one that grows longer ends after that turn")
    max_messages: int | None = Field(None, ge=1, description="the same, by messages")
    roll_over_trailing: bool = Field(
        True, description="what nobody answered begins the next conversation; else it is left out"
    )
    anonymise: bool = Field(True, description="Person1, Person2 … instead of the others' names")
    names: Names = Field(
        Names.ANYWHERE, description="anywhere: in texts as well; speakers: as the write-up's code does"
    )
    pairs: bool = Field(
        False, description="all the others' turns and the last own one, as one question and answer"
    )

    def rows(self, histories: Iterable[History]) -> Iterator[Row]:
        """Make a row a conversation."""
        for history in histories:
            yield from self._rows(history)

    def _rows(self, history: History) -> Iterator[Row]:
        gap = timedelta(hours=self.gap_hours)
        shown = _speaker(history, self.anonymise, self.names)
        talk = _Open()
        last = None
        for own, run in runs(history.spoken):
            if last is not None and run[0].sent_at - last > gap:
                yield from self._finish(history, talk, shown)
            talk.add(own, [(message, shown(message)) for message in run])
            last = run[-1].sent_at
            if talk.chars > (self.max_chars or talk.chars) or talk.count > (self.max_messages or talk.count):
                yield from self._finish(history, talk, shown)
        yield from self._finish(history, talk, shown)

    def _finish(self, history: History, talk: _Open, shown: Callable[[Message], str]) -> Iterator[Row]:
        """Give the conversation up to its last own turn; what follows that stays in `talk`, or goes."""
        turns = list(talk.turns)
        trailing = turns.pop() if turns and not turns[-1][0] else None
        talk.clear()
        if trailing and self.roll_over_trailing:
            talk.add(False, self._newest(trailing[1]))
        if turns:
            yield self._row(history, turns)

    def _newest(self, lines: Sequence[_Line]) -> Sequence[_Line]:
        """What is carried over has to fit: nobody answering for months must not make one turn of them."""
        chars, kept = _PER_TURN, 0
        for _, text in reversed(lines):
            chars += len(text) + 1
            if chars > (self.max_chars or chars) or kept >= (self.max_messages or kept + 1):
                break
            kept += 1
        return lines[len(lines) - kept :]

    def _row(self, history: History, turns: Sequence[_Turn]) -> Row:
        if self.pairs:
            asked = [line for own, lines in turns[:-1] if not own for line in lines]
            turns = [(False, asked), turns[-1]] if asked else [turns[-1]]
        messages = [PromptMessage("system", self.system.replace("{name}", history.owner))]
        learned: list[Learned] = []
        for own, lines in turns:
            part = Lines(len(messages))
            for message, text in lines:
                part.add(text, message if own else None)
            messages.append(PromptMessage("assistant" if own else "user", part.text))
            learned += part.learned
        return row_of(history, Talk(tuple(messages)), [m for _, lines in turns for m, _ in lines], learned)


_Line = tuple[Message, str]
_Turn = tuple[bool, Sequence[_Line]]


@dataclass(slots=True)
class _Open:
    """The conversation that is being gathered."""

    turns: list[_Turn] = field(default_factory=list)
    chars: int = 0
    count: int = 0

    def add(self, own: bool, lines: Sequence[_Line]) -> None:
        if not lines:
            return
        # Two of one side never meet: what was carried over is all that the others wrote in a row.
        self.turns.append((own, lines))
        self.chars += sum(len(text) + 1 for _, text in lines) - 1 + _PER_TURN
        self.count += len(lines)

    def clear(self) -> None:
        self.turns, self.chars, self.count = [], 0, 0


def _speaker(history: History, anonymise: bool, names: Names) -> Callable[[Message], str]:
    """How a message's line is written."""
    if not anonymise:
        return lambda m: m.text.strip() if m.own else f"{m.author.name}: {m.text.strip()}"
    numbers = {author.id: f"Person{number}" for number, author in enumerate(history.others, 1)}
    called: dict[str, str] = {}
    if names is Names.ANYWHERE:
        for author in history.others:
            called.setdefault(author.name.casefold(), numbers[author.id])
        for author in history.others:
            for part in author.name.split():
                if len(part) > 2 and part.isalpha():
                    called.setdefault(part.casefold(), numbers[author.id])
        own = history.owner.casefold()
        called = {name: number for name, number in called.items() if name not in {own, *own.split()}}
    longest_first = sorted(map(re.escape, called), key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)", re.IGNORECASE) if called else None

    def line(message: Message) -> str:
        text = message.text.strip()
        if pattern is not None:
            text = pattern.sub(lambda found: called.get(found[0].casefold(), found[0]), text)
        return text if message.own else f"{numbers[message.author.id]}: {text}"

    return line
