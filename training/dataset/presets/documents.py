"""The preset `documents`: own messages alone, as plain text, a stretch of writing a document."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from chat.message import Message
from training.dataset.history import History
from training.dataset.recipe import Lines, Recipe, row_of
from training.dataset.row import Document, Row


class Documents(Recipe):
    """Own messages of one chat, joined while one follows the other soon; no roles, all of it learned.

    With `group_messages` it is the variant: that many own messages a document, whatever the time between,
    but of one chat, which the published code mixes up.
    """

    source: ClassVar[str] = (
        "15-minute windows of a Discord package; the variant: github.com/realazee/Discord-Data-Finetuned-LLM"
    )

    preset: Literal["documents"] = "documents"
    gap_minutes: float = Field(15, gt=0, description="a silence of this length or more begins a new document")
    min_chars: int = Field(1, ge=1, description="shorter documents are left out")
    url_only: Literal["drop", "keep"] = Field(
        "drop", description="messages that are one address and nothing else"
    )
    unique: bool = Field(False, description="variant: a text that stood anywhere before is left out")
    group_messages: tuple[int, int] | None = Field(
        None, description="variant: fewest and most messages a document, instead of the gap; [5, 10] there"
    )
    seed: int = Field(0, description="of the draw between fewest and most")

    @model_validator(mode="after")
    def _in_order(self) -> Documents:
        if self.group_messages and not 1 <= self.group_messages[0] <= self.group_messages[1]:
            raise ValueError("group_messages is the fewest, at least 1, and the most")
        return self

    def rows(self, histories: Iterable[History]) -> Iterator[Row]:
        """Make a row a document."""
        seen: set[str] = set()
        for history in histories:
            own = [message for message in history.spoken if message.own and self._wanted(message.text)]
            if self.unique:
                # `seen.add` gives nothing, hence false: a text is new once.
                own = [m for m in own if m.text not in seen and not seen.add(m.text)]  # type: ignore[func-returns-value]
            for stretch in self._stretches(str(history.chat), own):
                lines = Lines(0)
                for message in stretch:
                    lines.add(message.text.strip(), message)
                if len(lines) >= self.min_chars:
                    yield row_of(history, Document(lines.text), stretch, lines.learned)

    def _wanted(self, text: str) -> bool:
        plain = text.strip()
        return self.url_only == "keep" or not (plain.startswith("http") and len(plain.split()) == 1)

    def _stretches(self, chat: str, own: Sequence[Message]) -> Iterator[Sequence[Message]]:
        draw = random.Random(f"{self.seed}/{chat}")
        gap, stretch, size = timedelta(minutes=self.gap_minutes), list[Message](), 0
        for message in own:
            if self.group_messages:
                ends = len(stretch) == size
            else:
                ends = bool(stretch) and message.sent_at - stretch[-1].sent_at >= gap
            if ends:
                if stretch:
                    yield stretch
                stretch = []
                size = draw.randint(*self.group_messages) if self.group_messages else 0
            stretch.append(message)
        if stretch:
            yield stretch
