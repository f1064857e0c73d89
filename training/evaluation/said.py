"""What the measures read of a generated answer and of the held-out case that it answers."""

from __future__ import annotations

from typing import Literal, Protocol

from inference.prompt import SILENCE
from training.dataset.row import Row


class Asked(Protocol):
    """A held-out case: the rendered prompt, and what the person wrote there, a line a bubble."""

    @property
    def prompt(self) -> str:
        """What the model was given."""
        ...

    @property
    def real(self) -> str:
        """What the person wrote; empty where they wrote nothing."""
        ...

    @property
    def chat(self) -> str:
        """Where it was said, `messenger/chat-id`."""
        ...

    @property
    def row(self) -> Row:
        """The row that it is of."""
        ...

    @property
    def silence(self) -> bool:
        """Whether the person wrote nothing."""
        ...


class Answered(Protocol):
    """A generated text, and whether it ended by itself."""

    @property
    def text(self) -> str:
        """What was written, without its end."""
        ...

    @property
    def finish(self) -> Literal["stop", "length"]:
        """`length` where it was cut."""
        ...


class Said(Protocol):
    """A generated answer and its case."""

    @property
    def case(self) -> Asked:
        """What was asked."""
        ...

    @property
    def answer(self) -> Answered:
        """What was answered."""
        ...


def is_silence(text: str) -> bool:
    """Whether a text says that nothing is said: the sign for it, and nothing else."""
    return text.strip() == SILENCE
