"""The edge: JSON over HTTP to a moderation server, with httpx's and HTTP's refusals made ours."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

from safety.moderation.errors import AnswerInvalid, ClassifierAway, ClassifierRefused

_LONGEST_ANSWER: Final = 1_048_576
_BACKOFF_SECONDS: Final = 0.25
_STRANGE: Final = "the moderation server does not speak the protocol: check rules.moderation.base_url"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one try may take and all tries together, in seconds, and how many there are."""

    try_seconds: float = 5.0
    seconds: float = 12.0
    attempts: int = 3


class ModerationServer:
    """Asks one server; open it with `async with` and share it among tasks. Opening reaches nobody yet."""

    def __init__(self, base_url: str, api_key: str = "", patience: Patience | None = None) -> None:
        self._base = base_url.rstrip("/").removesuffix("/v1")
        self._patience = patience or Patience()
        # Waiting is timed by us, whole tries at a time. Proxies from the environment would carry texts away.
        self._http = httpx.AsyncClient(
            timeout=None,  # noqa: S113 - each try stands in asyncio.timeout
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.aclose()

    async def ask(self, path: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever JSON a stranger sends
        """Post JSON and give the JSON that comes back. Raises ModerationError."""
        # json.dumps escapes lone surrogates, on which httpx's own encoding would raise with the text.
        content = json.dumps(body).encode()
        now = asyncio.get_running_loop().time
        deadline = now() + self._patience.seconds
        attempt = 1
        while True:
            try:
                return _json(await self._try(path, content, deadline))
            except ClassifierAway as error:
                wait = max(_BACKOFF_SECONDS * 2 ** (attempt - 1), error.retry_after_seconds)
                if attempt >= self._patience.attempts or now() + wait >= deadline:
                    raise
            await asyncio.sleep(wait)
            attempt += 1

    async def _try(self, path: str, content: bytes, deadline: float) -> bytes:
        until = min(deadline, asyncio.get_running_loop().time() + self._patience.try_seconds)
        headers = {"Content-Type": "application/json"}
        try:
            async with (
                asyncio.timeout_at(until),
                self._http.stream("POST", self._base + path, content=content, headers=headers) as response,
            ):
                if not response.is_success:
                    raise _refusal(response.status_code, response.headers)
                answer = b""
                async for chunk in response.aiter_bytes():
                    answer += chunk
                    if len(answer) > _LONGEST_ANSWER:
                        raise AnswerInvalid(_STRANGE)
                return answer
        except TimeoutError:
            raise ClassifierAway("the moderation server was too slow: see its load and log") from None
        except httpx.DecodingError:
            raise AnswerInvalid(_STRANGE) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict):
            # Not chained: a protocol error may quote the answer, a traceback with locals the key.
            problem = (
                "the moderation server cannot be reached: start it, or correct rules.moderation.base_url"
            )
            raise ClassifierAway(problem) from None


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise AnswerInvalid(_STRANGE) from None


def _refusal(status: int, headers: Mapping[str, str]) -> ClassifierAway | ClassifierRefused | AnswerInvalid:
    """Give our error for an HTTP status. The server's words are left out: they may quote the text."""
    if status == 429 or status >= 500:
        problem = "asks to slow down" if status == 429 else "failed"
        return ClassifierAway(
            f"the moderation server {problem} ({status}): see its load and log",
            retry_after_seconds=_retry_after(headers),
        )
    if status < 400:
        return AnswerInvalid(_STRANGE)
    if status in {401, 403}:
        return ClassifierRefused(
            "the moderation server refuses the API key: correct rules.moderation.api_key"
        )
    if status == 404:
        return ClassifierRefused(
            "the moderation server has no such model or route: correct rules.moderation.base_url or .model"
        )
    return ClassifierRefused(f"the moderation server refuses the request ({status}): see its log")


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds; 0 when there are none. A date is beyond every budget here, and counts as none."""
    value = headers.get("Retry-After", "")
    return float(value) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value) else 0.0
