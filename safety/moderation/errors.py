"""What can go wrong between a draft and its scores.

    ModerationError
    ├── ClassifierAway     nobody answered, it took too long, or the server is not able to (429, 5xx)
    ├── ClassifierRefused  the server refused the request (4xx): the key, the model's name, the address
    └── AnswerInvalid      an answer came, and cannot be trusted

Each message is one line that says what to do. None holds a text, an answer or a key.
"""

from __future__ import annotations


class ModerationError(Exception):
    """The root: a text that meets it has no scores, and does not leave by itself."""


class ClassifierAway(ModerationError):
    """Nobody answered, or not in time; `retry_after_seconds` is how long the server asked to be left alone."""

    def __init__(self, message: str, *, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ClassifierRefused(ModerationError):
    """The server refused the request; sending it again will not help."""


class AnswerInvalid(ModerationError):
    """What came back is no judgement: not the protocol, cut off, incomplete, or out of range."""
