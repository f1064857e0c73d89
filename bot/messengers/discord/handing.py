"""Handing over: one request for each yes of the fence, begun while that yes is fresh.

discord.py waits and repeats by itself: before a request whose bucket is used up, after a 429, after a 500. Whoever
kills meanwhile would see the message come all the same. Its documented trace of requests is where that is stopped.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Final

import aiohttp

from bot.messengers.discord.troubles import Late, Refused

FRESH_SECONDS: Final = 2.0
"""How long after the fence's yes a request may begin."""


class Handing:
    """One part of a bubble on its way: whether its request has begun."""

    def __init__(self) -> None:
        self.at = time.monotonic()
        self.begun = False

    def begin(self) -> None:
        """From here on, the running task's requests are this one's."""
        _handing.set(self)


_handing: ContextVar[Handing | None] = ContextVar("discord_handing", default=None)


def trace() -> aiohttp.TraceConfig:
    """What discord.py is given as `http_trace`. Only requests of tasks that hand over are looked at."""
    config = aiohttp.TraceConfig()
    config.on_request_start.append(_start)
    config.on_request_end.append(_end)
    return config


async def _start(
    session: aiohttp.ClientSession, context: SimpleNamespace, request: aiohttp.TraceRequestStartParams
) -> None:
    handing = _handing.get()
    if handing is None:
        return
    if time.monotonic() - handing.at > FRESH_SECONDS:
        raise Late
    handing.begun = True


async def _end(
    session: aiohttp.ClientSession, context: SimpleNamespace, request: aiohttp.TraceRequestEndParams
) -> None:
    status = request.response.status
    if _handing.get() is None or not (status == 429 or status >= 500):
        return
    try:
        wait = float(request.response.headers.get("Retry-After", "0"))
    except ValueError:
        wait = 0.0
    raise Refused(status, wait)
