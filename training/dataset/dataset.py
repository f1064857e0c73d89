"""Examples to learn from, and those held out to see whether it was learned."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from inference.prompt import PromptMessage


@dataclass(frozen=True, slots=True)
class Example:
    """A chat as a model is shown it, and which of its messages the model learns to write.

    `learned` are the places in `messages` of the persona's own bursts that count in the loss.
    `conversation` names where it comes from, so that one conversation is never on both sides of the split.
    """

    conversation: str
    messages: tuple[PromptMessage, ...]
    learned: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.learned or any(self.messages[place].role != "assistant" for place in self.learned):
            raise ValueError("an example learns at least one message, and only the persona's own")

    @property
    def completions(self) -> tuple[str, ...]:
        """The texts that are learned, a line a bubble."""
        return tuple(self.messages[place].content for place in self.learned)


@dataclass(frozen=True, slots=True)
class Dataset:
    """What one persona is trained and measured on, in the order of the exports."""

    train: tuple[Example, ...]
    held_out: tuple[Example, ...]

    @property
    def learned(self) -> tuple[str, ...]:
        """The texts that are trained, each burst as often as it was written."""
        return tuple(_completions(self.train))

    @property
    def fingerprint(self) -> str:
        """Sixty-four hex digits over every word of both sides."""
        digest = hashlib.sha256()
        for side in (self.train, self.held_out):
            digest.update(b"side")
            for example in side:
                row = [[m.role, m.content] for m in example.messages], example.learned
                digest.update(json.dumps(row, ensure_ascii=True).encode() + b"\n")
        return digest.hexdigest()

    @property
    def repeated(self) -> float:
        """The share of the held-out bursts that stand, letter for letter, in the training part too.

        What repeats is not held out at all: a high share makes the held-out loss too good.
        """
        known = set(_completions(self.train))
        held = list(_completions(self.held_out))
        return sum(text in known for text in held) / len(held) if held else 0.0


def _completions(side: Iterable[Example]) -> Iterable[str]:
    return (text for example in side for text in example.completions)
