"""The preset `contact-chunks`: as much of a conversation of two as fits, either of them to be learned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from chat.message import Message
from training.dataset.history import History
from training.dataset.recipe import Lines, Recipe, row_of
from training.dataset.row import Document, Pair, Row
from training.dataset.token_count import TokenCount, token_count


class ContactChunks(Recipe):
    """Chunks of up to so many tokens with one contact, in the order of time.

    Everybody's messages are learned, so that the model can write either side, hence also people who are
    not the owner: the only preset of which that is true.
    """

    source: ClassVar[str] = "edwarddonner.com, 'A simulation of me: fine-tuning an LLM on 240k text messages'"

    preset: Literal["contact-chunks"] = "contact-chunks"
    max_tokens: int = Field(200, ge=1, description="of a chunk, its head included")
    tokenizer: Path | None = Field(
        None, description="a tokenizer.json to count with; unset: four bytes of UTF-8 make a token"
    )
    groups: bool = Field(
        False, description="groups as well: {contact} is everybody in it, and everybody is learned, by name"
    )
    min_messages: int = Field(1, ge=1, description="chats with fewer messages are left out")
    learn: Literal["everybody", "owner"] = Field("everybody", description="whose messages are learned")
    mask_prompt: bool = Field(False, description="the head as a prompt, which does not count in the loss")
    head: str = Field(
        "<<SYS>>Write a realistic text message chat. Avoid repetition.<</SYS>>\n"
        "[INST]Write a chat between {me} and {contact}[/INST]\n\n",
        description="{me} and {contact} are the names",
    )

    def rows(self, histories: Iterable[History]) -> Iterator[Row]:
        """Make a row a chunk. A message that is too long for any chunk is left out, and ends one."""
        count = token_count(self.tokenizer)
        for history in histories:
            typed = [message for message in history.spoken if not message.forwarded]
            if (history.direct or self.groups) and len(typed) >= self.min_messages and history.others:
                contact = " and ".join(history.members)
                head = self.head.replace("{me}", history.owner).replace("{contact}", contact)
                for chunk in self._chunks(typed, count, count(head)):
                    yield from self._row(history, head, chunk)

    def _chunks(self, typed: Sequence[Message], count: TokenCount, head: int) -> Iterator[Sequence[Message]]:
        chunk, tokens = list[Message](), head
        for message in typed:
            cost = count(f"{_before(message)}{message.text.strip()}\n")
            if tokens + cost > self.max_tokens:
                if chunk:
                    yield chunk
                chunk, tokens = [], head
            if head + cost <= self.max_tokens:
                chunk.append(message)
                tokens += cost
        if chunk:
            yield chunk

    def _row(self, history: History, head: str, chunk: Sequence[Message]) -> Iterator[Row]:
        lines = Lines(1 if self.mask_prompt else 0)
        if not self.mask_prompt:
            lines.join("", head)
        for place, message in enumerate(chunk):
            learned = message if self.learn == "everybody" or message.own else None
            lines.join("\n" if place else "", message.text.strip(), learned, before=_before(message))
        if lines.learned:
            body = Pair(head, lines.text) if self.mask_prompt else Document(lines.text)
            yield row_of(history, body, chunk, lines.learned)


def _before(message: Message) -> str:
    return f"### {message.author.name}: "
