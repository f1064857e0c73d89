"""The edge: httpx's errors and HTTP's refusals become ours here, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import httpx
from pydantic import ValidationError

from inference.translation import retry_after
from training.hosted.errors import HostAway, HostError, HostRefused, HostStrange, NotThere
from training.hosted.protocol import Refusal

STRANGE: Final = "the host does not speak OpenAI's fine-tuning protocol: check hosted.base_url"
TOO_SLOW: Final = "the host was too slow: try again later"
_NOBODY: Final = "nobody answers at the host's address: check the network and hosted.base_url"
_BROKEN: Final = "the connection to the host broke: try again"

_REFUSALS: Final[Mapping[int, str]] = {
    401: "the host refuses the API key: set UNDERSTUDY_HOSTED__API_KEY to the right one",
    403: "the host does not allow this with the API key: ask for the right in the account",
    404: "there is no such thing at the host: check ids and hosted.base_url",
}

# With these the request certainly did not reach the host; after any other it may have had its effect.
NEVER_ARRIVED: Final[tuple[type[Exception], ...]] = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
)
UNUSABLE: Final[tuple[type[Exception], ...]] = (
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
    httpx.DecodingError,
    httpx.TooManyRedirects,
    httpx.CookieConflict,
    httpx.HTTPStatusError,
)


def error_of(error: Exception) -> HostError:
    """Give our error for one of httpx's; a class that a later httpx adds counts as a broken connection."""
    if isinstance(error, NEVER_ARRIVED):
        return HostAway(_NOBODY, maybe_taken=False)
    if isinstance(error, UNUSABLE):
        return HostStrange(STRANGE)
    if isinstance(error, httpx.TimeoutException):
        return HostAway(TOO_SLOW, maybe_taken=True)
    return HostAway(_BROKEN, maybe_taken=True)


def refusal_of(status: int, content: bytes, headers: Mapping[str, str]) -> HostError:
    """Give our error for an HTTP status. The host's sentence is left out: it may quote a row, or the key."""
    try:
        error = Refusal.model_validate_json(content).error
    except ValidationError:
        error = Refusal().error
    code, param = _word(error.code), _word(error.param)
    if status == 429 and code == "insufficient_quota":
        # No waiting helps against an empty purse.
        return HostRefused(
            "the host says that the account's quota is used up: top it up there", status=status, code=code
        )
    if status == 429:
        return HostAway(
            "the host asks to slow down (429): try again later",
            maybe_taken=False,
            retry_after_seconds=retry_after(headers),
        )
    if status in {408, 409} or status >= 500:
        return HostAway(
            f"the host failed ({status}): try again later",
            maybe_taken=True,
            retry_after_seconds=retry_after(headers),
        )
    if status < 400:
        return HostStrange(STRANGE)
    why = ", ".join(filter(None, (str(status), code, param)))
    what = _REFUSALS.get(
        status, f"the host refuses the request ({why}): compare what you asked with its docs"
    )
    return (NotThere if status == 404 else HostRefused)(what, status=status, code=code)


def _word(text: str) -> str:
    """Give one of the documented words, never a sentence that could quote something."""
    return text if re.fullmatch(r"[a-z][a-z0-9_.]{0,60}", text) else ""
