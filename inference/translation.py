"""The edge: httpx's errors and HTTP's refusals become ours here, and nowhere else."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

import httpx

from inference.errors import (
    ModelAnswerInvalid,
    ModelError,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    PromptTooLong,
)

FOREIGN = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict)
"""The roots of what httpx may raise."""

_NOBODY = "nobody answers at the model server's address: start the server, or correct the address"
_BROKEN = "the connection to the model server broke: see the server's log"
_ADDRESS = "the model server's address cannot be used: give one like http://127.0.0.1:8000"
TOO_SLOW = "the model server was too slow: see its load and log"
STRANGE = "the model server does not speak OpenAI's protocol: check the address"

# A test walks httpx's errors and fails when one is missing here.
MEANING: Mapping[type[Exception], Callable[[], ModelError]] = {
    httpx.ConnectError: lambda: ModelUnavailable(_NOBODY, safe_to_retry=True),
    httpx.ConnectTimeout: lambda: ModelUnavailable(_NOBODY, safe_to_retry=True),
    httpx.PoolTimeout: lambda: ModelUnavailable(_NOBODY, safe_to_retry=True),
    httpx.ReadTimeout: lambda: ModelTimeout(TOO_SLOW),
    httpx.WriteTimeout: lambda: ModelTimeout(TOO_SLOW),
    httpx.ReadError: lambda: ModelUnavailable(_BROKEN),
    httpx.WriteError: lambda: ModelUnavailable(_BROKEN),
    httpx.CloseError: lambda: ModelUnavailable(_BROKEN),
    httpx.RemoteProtocolError: lambda: ModelUnavailable(_BROKEN),
    httpx.StreamConsumed: lambda: ModelUnavailable(_BROKEN),
    httpx.StreamClosed: lambda: ModelUnavailable(_BROKEN),
    httpx.ResponseNotRead: lambda: ModelUnavailable(_BROKEN),
    httpx.RequestNotRead: lambda: ModelUnavailable(_BROKEN),
    httpx.ProxyError: lambda: ModelUnavailable(_ADDRESS),
    httpx.LocalProtocolError: lambda: ModelUnavailable(_ADDRESS),
    httpx.UnsupportedProtocol: lambda: ModelUnavailable(_ADDRESS),
    httpx.InvalidURL: lambda: ModelUnavailable(_ADDRESS),
    httpx.DecodingError: lambda: ModelAnswerInvalid(STRANGE),
    httpx.TooManyRedirects: lambda: ModelAnswerInvalid(STRANGE),
    httpx.HTTPStatusError: lambda: ModelAnswerInvalid(STRANGE),
    httpx.CookieConflict: lambda: ModelAnswerInvalid(STRANGE),
}


def error_of(error: Exception) -> ModelError:
    """Give our error for one of httpx's; a class that a later httpx adds counts as a broken connection."""
    meaning = MEANING.get(type(error))
    return meaning() if meaning else ModelUnavailable(_BROKEN)


def refusal_of(status: int, content: bytes, headers: Mapping[str, str]) -> ModelError:
    """Give our error for an HTTP status. The server's words are left out: they may quote the prompt."""
    if status == 429:
        wait = retry_after(headers)
        message = "the model server asks to slow down (429): lower the number of parallel requests"
        return ModelUnavailable(message, safe_to_retry=True, retry_after_seconds=wait)
    if status == 503:
        message = "the model server is loading or overloaded (503): wait, or see its log"
        return ModelUnavailable(message, safe_to_retry=True, retry_after_seconds=retry_after(headers))
    if status >= 500:
        return ModelUnavailable(f"the model server failed ({status}): see its log")
    if status < 400:
        return ModelAnswerInvalid(STRANGE)
    if status in {401, 403}:
        what = "the model server refuses the API key: give the key that it was started with"
    elif status == 404:
        what = "the model server has no such model or route: correct the address or the model's name"
    elif (b"context" in content and b"exceed" in content) or b"maximum context length" in content:
        what = (
            "the prompt is longer than the model's context: lower history_messages or raise the context size"
        )
        return PromptTooLong(what, status=status)
    else:
        what = (
            f"the model server refuses the request ({status}): compare its version and settings with the docs"
        )
    return ModelRejected(what, status=status)


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds, from either form that HTTP knows; 0 when there is none."""
    value = headers.get("Retry-After", "")
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
