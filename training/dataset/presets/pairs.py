"""The preset `pairs`: what the other wrote, and what the owner wrote next, as prompt and completion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import Field

from chat.message import Message
from training.dataset.history import History, runs
from training.dataset.recipe import Lines, Recipe, row_of
from training.dataset.row import Pair, Row


class Pairs(Recipe):
    """The legacy format of OpenAI's fine-tuning, of conversations of two."""

    source: ClassVar[str] = "github.com/rchikhi/GPT-is-you"

    preset: Literal["pairs"] = "pairs"
    separator: str = Field(
        "\n\n###\n\n", min_length=1, description="ends each prompt, and stands nowhere else"
    )
    stop: str = Field(" ###", min_length=1, description="ends each completion, and stands nowhere else")
    history_turns: int = Field(0, ge=0, description="how many earlier turns a prompt begins with")
    gap_hours: float | None = Field(
        None, gt=0, description="an answer that took longer is none; unset: any time"
    )
    groups: bool = Field(
        False,
        description="groups as well: everybody else is taken for one, unnamed, and the owner for who answers "
        "whatever was said last",
    )

    def rows(self, histories: Iterable[History]) -> Iterator[Row]:
        """Make a row a pair. One whose words hold the separator or the stop is left out: it would end early."""
        for history in histories:
            if history.direct or self.groups:
                turns = [run for _, run in runs(history.spoken)]
                for place in range(1, len(turns)):
                    if turns[place][0].own and self._soon(turns[place - 1], turns[place]):
                        before = turns[max(0, place - 1 - self.history_turns) : place]
                        yield from self._pair(history, before, turns[place])

    def _soon(self, asked: Sequence[Message], answer: Sequence[Message]) -> bool:
        waited = answer[0].sent_at - asked[-1].sent_at
        return self.gap_hours is None or waited <= timedelta(hours=self.gap_hours)

    def _pair(
        self, history: History, before: Sequence[Sequence[Message]], answer: Sequence[Message]
    ) -> Iterator[Row]:
        shown = [message for turn in before for message in turn]
        prompt = "\n".join(message.text.strip() for message in shown)
        completion = Lines(1)
        for message in answer:
            completion.add(message.text.strip(), message, before="" if completion.learned else " ")
        marks = (self.separator.strip() or self.separator, self.stop.strip() or self.stop)
        if not any(mark in text for mark in marks for text in (prompt, completion.text)):
            pair = Pair(prompt + self.separator, completion.text + self.stop)
            yield row_of(history, pair, [*shown, *answer], completion.learned)
