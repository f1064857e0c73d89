"""Handing over: one request for each yes of the fence, begun while it is fresh; and what Discord says of limits.

discord.py waits and repeats by itself: before a request whose bucket is used up, after a 429, after a 500. Whoever
kills meanwhile would see the message come all the same. Its documented trace of requests is where that is stopped, and
where each answer says how many more requests are welcome.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any, Final

import aiohttp

from bot.messengers.base import Pause
from bot.messengers.discord.troubles import Late, Refused, send_error
from chat.message import ChatKey
from inference.translation import retry_after

FRESH_SECONDS: Final = 2.0
"""How long after the fence's yes a request may begin."""
_BODY_SECONDS: Final = 2.0


Told = Callable[[Pause, ChatKey | None], None]
"""Hears of a limit: of a chat, or of the whole account."""


class Handing:
    """One part of a bubble on its way to a chat: whether its request has begun.

    `at` is when the fence was asked for it at the latest, by the monotonic clock: what is looked up before it takes of
    the same time.
    """

    def __init__(self, chat: ChatKey, at: float | None = None) -> None:
        self.chat = chat
        self.at = time.monotonic() if at is None else at
        self.begun = False

    @property
    def seconds_left(self) -> float:
        """For how long its request may still begin."""
        return max(0.0, self.at + FRESH_SECONDS - time.monotonic())

    def begin(self) -> None:
        """From here on, the running task's requests are this one's."""
        _handing.set(self)


_handing: ContextVar[Handing | None] = ContextVar("discord_handing", default=None)


def trace(told: Told) -> aiohttp.TraceConfig:
    """What discord.py is given as `http_trace`. Only requests of tasks that hand over are stopped.

    `told` hears of limits of the channel that was handed to, and of those of the account, whichever request met them.
    """
    config = aiohttp.TraceConfig()

    async def end(
        session: aiohttp.ClientSession, context: SimpleNamespace, request: aiohttp.TraceRequestEndParams
    ) -> None:
        await _end(request.response, told)

    config.on_request_start.append(_start)
    config.on_request_end.append(end)
    return config


async def _start(
    session: aiohttp.ClientSession, context: SimpleNamespace, request: aiohttp.TraceRequestStartParams
) -> None:
    handing = _handing.get()
    if handing is None:
        return
    if not handing.seconds_left:
        raise Late
    handing.begun = True


async def _end(response: aiohttp.ClientResponse, told: Told) -> None:
    handing, status = _handing.get(), response.status
    wait = retry_after(response.headers)
    everywhere = status == 429 and _of_everything(response)
    if everywhere:
        told(Pause(wait, "Discord asks to wait in all channels (rate limit)"), None)
    if handing is None:
        return
    if status == 429 or status >= 500:
        refused = Refused(status, wait, await _code(response) if status == 429 else 0)
        if status == 429 and not everywhere:
            told(Pause(wait, str(send_error(refused))), handing.chat)
        raise refused
    if response.headers.get("X-RateLimit-Remaining") == "0":
        # The library would hold the next one back; so it is not handed over before.
        left = _seconds(response.headers.get("X-RateLimit-Reset-After", ""))
        told(Pause(left, "Discord asks to wait with this channel (rate limit)"), handing.chat)


def _of_everything(response: aiohttp.ClientResponse) -> bool:
    """Whether a 429 is for all requests of the account; without Via it comes from the guard before Discord."""
    scope = response.headers.get("X-RateLimit-Scope")
    return scope == "global" or "X-RateLimit-Global" in response.headers or "Via" not in response.headers


async def _code(response: aiohttp.ClientResponse) -> int:
    """Discord's own number for a refusal; 0 where there is none."""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            said: Any = json.loads(await response.read())
            return int(said["code"])
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError, TypeError):
        return 0


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0
