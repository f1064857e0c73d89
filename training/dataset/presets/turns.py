"""The preset `turns`, our own: answer as the owner did, and fall silent as the owner did, from served prompts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from chat.message import Message
from inference.prompt import SILENCE, PromptFormat, PromptMessage, lay_out, prompt_line
from training.dataset.history import History, conversations
from training.dataset.recipe import Lines, Recipe, row_of
from training.dataset.row import Row, Talk


class TurnsRecipe(Recipe):
    """Groups with named speakers, own bursts a line a bubble, and the silences between.

    The prompt is what `inference.prompt.build_prompt` makes of the chat at that moment, of messages of the
    same conversation. A silence is a moment when others had written, nobody went on for a while, and the
    next to write was not the owner; its answer is `inference.prompt.SILENCE`, which is never sent.
    """

    source: ClassVar[str] = "our own"

    preset: Literal["turns"] = "turns"
    name: str = Field("", description="who the model is told it is; unset: the owner's name in each chat")
    system: str = Field(
        PromptFormat("").system, description="{name} and {others}; as the persona's prompt.system"
    )
    history_messages: int = Field(16, ge=1, description="as the persona's prompt.history_messages")
    control_tokens: tuple[str, ...] = Field(
        (), description="the chat template's own marks, kept out of texts"
    )
    gap_hours: float = Field(6, gt=0, description="a longer silence ends a conversation")
    silences: float = Field(
        0.5, ge=0, description="at most so many silences an answer of the same chat; 0: none"
    )
    pause_minutes: float = Field(
        10, ge=0, description="nobody wrote for longer: the owner could have answered"
    )

    @field_validator("system")
    @classmethod
    def _known_fields(cls, system: str) -> str:
        PromptFormat("", system)  # raises ValueError
        return system

    def rows(self, histories: Iterable[History]) -> Iterator[Row]:
        """Make a row an answer and a row a silence."""
        for history in histories:
            form = PromptFormat(
                self.name or history.owner, self.system, self.history_messages, self.control_tokens
            )
            yield from _Chat(self, history, form).rows()


class _Chat:
    """One chat on its way to rows; each message's line is made once."""

    def __init__(self, recipe: TurnsRecipe, history: History, form: PromptFormat) -> None:
        self._recipe, self._history, self._form = recipe, history, form
        self._members = history.members

    def rows(self) -> Iterator[Row]:
        answers = silences = 0
        found: list[tuple[bytes, int, Row]] = []
        for said in conversations(self._history.spoken, timedelta(hours=self._recipe.gap_hours)):
            # A text of nothing but marks and invisible characters gives no line.
            lines = [(message, line) for message in said if (line := self._line(message))]
            place = 0
            for own, run in groupby(lines, key=lambda line: line[0].own):
                burst = list(run)
                if own and place:
                    found.append((b"", len(found), self._answer(lines[:place], burst)))
                    answers += 1
                elif not own and self._recipe.silences:
                    for end in self._pauses(burst, last=place + len(burst) == len(lines)):
                        row = self._silence(lines[: place + end])
                        found.append((_draw(row), len(found), row))
                        silences += 1
                place += len(burst)
        # Most groups go on without the owner most of the time; all of that would teach nothing but silence.
        allowed = int(answers * self._recipe.silences)
        drawn = sorted(entry for entry in found if entry[0])[:allowed] if silences > allowed else found
        kept = {place for _, place, _ in drawn}
        yield from (row for draw, place, row in found if not draw or place in kept)

    def _line(self, message: Message) -> str:
        return prompt_line(self._form, message.text, None if message.own else message.author.name)

    def _pauses(self, burst: Sequence[_Line], *, last: bool) -> Iterator[int]:
        """Where in what others wrote in a row the owner could have spoken: how many of the messages stand before."""
        pause = timedelta(minutes=self._recipe.pause_minutes)
        for place in range(1, len(burst)):
            if burst[place][0].sent_at - burst[place - 1][0].sent_at > pause:
                yield place
        if last:
            yield len(burst)

    def _prompt(self, lines: Sequence[_Line]) -> tuple[PromptMessage, ...]:
        newest = lines[-self._form.history_messages :]
        return lay_out(self._form, [(message.own, line) for message, line in newest], self._members)

    def _answer(self, before: Sequence[_Line], burst: Sequence[_Line]) -> Row:
        prompt = self._prompt(before)
        bubbles = Lines(len(prompt))
        for message, line in burst:
            bubbles.add(line, message)
        talk = Talk((*prompt, PromptMessage("assistant", bubbles.text)))
        shown = [message for message, _ in (*before[-self._form.history_messages :], *burst)]
        return row_of(self._history, talk, shown, bubbles.learned)

    def _silence(self, before: Sequence[_Line]) -> Row:
        talk = Talk((*self._prompt(before), PromptMessage("assistant", SILENCE)))
        shown = [message for message, _ in before[-self._form.history_messages :]]
        return row_of(self._history, talk, shown, (), silence=True)


_Line = tuple[Message, str]


def _draw(row: Row) -> bytes:
    """A number that hangs on the newest message alone, so that more exports leave the draw as it was."""
    return hashlib.sha256(f"silence\0{row.chat}\0{row.sources[-1]}".encode()).digest()
