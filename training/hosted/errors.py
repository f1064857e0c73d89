"""What can go wrong between a dataset and a model that somebody else hosts.

    TrainingError
    └── HostedError
        ├── NoConsent        nobody agreed to what would leave; nothing left
        ├── ShipmentUnfit    the dataset is none that a host takes, or is not what was agreed to
        ├── Flagged          moderation objects, or could not judge; nothing was uploaded
        ├── RecordUnusable   no such job on record, it is another's, or another process has it in hand
        ├── JobFailed        the host failed or cancelled the job
        └── HostError        one request that gave no usable answer
            ├── HostAway     nobody answered, it took too long, or the host is not able to (429, 5xx)
            ├── HostRefused  the host refused the request (4xx)
            │   └── NotThere there is no such thing there (404)
            └── HostStrange  an answer came, and is not as documented

Each message is one line that says what to do. None holds a message's text or the key.
"""

from __future__ import annotations

from training.errors import TrainingError


class HostedError(TrainingError):
    """The root of what hosted training adds."""


class NoConsent(HostedError):
    """Nobody agreed to what would leave. Nothing was sent."""


class ShipmentUnfit(HostedError):
    """The dataset breaks a documented rule of such hosts, or is not the one that was agreed to."""


class Flagged(HostedError):
    """Moderation objects to rows, or could not judge them. Nothing was uploaded."""


class RecordUnusable(HostedError):
    """There is no such job on record, it belongs to another host, or another process has it in hand."""


class JobFailed(HostedError):
    """The host failed or cancelled the job."""


class HostError(HostedError):
    """One request gave no usable answer."""


class HostAway(HostError):
    """Nobody answered, it took too long, or the host said that it cannot (429, 5xx).

    `maybe_taken` says that the request may have had its effect all the same; `retry_after_seconds` is how long
    the host asked to be left alone, 0 when it did not.
    """

    def __init__(self, message: str, *, maybe_taken: bool, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.maybe_taken = maybe_taken
        self.retry_after_seconds = retry_after_seconds


class HostRefused(HostError):
    """The host refused the request; sending it again will not help. `code` is its word for why, or empty."""

    def __init__(self, message: str, *, status: int, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class NotThere(HostRefused):
    """There is no such thing at the host, or not any more."""


class HostStrange(HostError):
    """An answer came, and is not as documented."""
