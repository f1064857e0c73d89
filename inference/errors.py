"""What can go wrong between a prompt and an answer.

    InferenceError
    ├── PersonaError            a persona folder that cannot be used
    │   ├── FingerprintMismatch its parts are not the ones that were packaged together
    │   └── AdapterMismatch     its adapter was trained on another base
    ├── EngineError             a model server that does not start, died, or answers as somebody else
    └── ModelError              one request that gave no usable answer
        ├── SamplingUnsupported the server cannot draw as the persona asks
        ├── ModelTimeout        it took too long
        ├── ModelUnavailable    nobody answered, or the server is not able to (5xx)
        ├── ModelRejected       the server refused the request (4xx)
        │   └── PromptTooLong   because the prompt does not fit the context
        └── ModelAnswerInvalid  an answer came, and cannot be trusted

Each message is one line that says what to do. None holds a prompt, an answer or a key.
"""

from __future__ import annotations


class InferenceError(Exception):
    """The root: catch this to catch all of them."""


class PersonaError(InferenceError):
    """A persona folder that cannot be used: a file is missing, truncated, changed or unreadable."""


class FingerprintMismatch(PersonaError):
    """The parts of a persona are not the ones that were packaged and evaluated together."""


class AdapterMismatch(PersonaError):
    """The adapter was trained on another base than the one beside it."""


class EngineError(InferenceError):
    """A model server does not start, has died for good, or does not answer as the persona."""


class ModelError(InferenceError):
    """One request gave no usable answer."""


class SamplingUnsupported(ModelError):
    """The server has no such way to draw; nothing was asked of it."""


class ModelTimeout(ModelError):
    """The answer did not begin, or did not end, in the time allowed."""


class ModelUnavailable(ModelError):
    """Nobody answered, the connection broke, or the server said that it cannot (5xx, 429).

    `safe_to_retry` is true when the server certainly did not start on the request;
    `retry_after_seconds` is how long it asked to be left alone, 0 when it did not.
    """

    def __init__(
        self, message: str, *, safe_to_retry: bool = False, retry_after_seconds: float = 0.0
    ) -> None:
        super().__init__(message)
        self.safe_to_retry = safe_to_retry
        self.retry_after_seconds = retry_after_seconds


class ModelRejected(ModelError):
    """The server refused the request; sending it again will not help. `status` is the HTTP status."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class PromptTooLong(ModelRejected):
    """The prompt does not fit the model's context; a shorter one may."""


class ModelAnswerInvalid(ModelError):
    """What came back is no answer: not the protocol, cut off, or far too long."""
