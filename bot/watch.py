"""The watch over answers in the making: it keeps their claims, hears kills, and cancels what is not wanted any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.errors import StoreError
from bot.kill_switch import RedisKillSwitch
from chat.message import ChatKey

Answer = TypeVar("Answer")


class Cancelled(Exception):
    """The answer in the making is not wanted any more; its text says why."""


class ClaimLost(Exception):
    """Somebody else has the claim; nothing may be written down."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What an answer is written under."""

    chat: ChatKey
    part_of: ChatKey | None
    """The chat that this one is a part of."""
    epoch: int
    """The kill epoch at the claim."""
    renew: Callable[[], Awaitable[int | None]]
    """Keep the claim; gives the chat's kill epoch, or None when the claim is lost. Raises StoreError."""


class Watch:
    """Watches over any number of answers at once."""

    def __init__(self, kill_switch: RedisKillSwitch, lease_seconds: float) -> None:
        self._kill_switch = kill_switch
        self._lease_seconds = lease_seconds
        self._running: dict[asyncio.Future[Exception], Claimed] = {}

    @property
    def running(self) -> int:
        """How many answers are being written."""
        return len(self._running)

    async def over(self, claimed: Claimed, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Have an answer written while its claim is kept. Raises Cancelled, ClaimLost, and what the work raises."""
        writing = asyncio.ensure_future(work)
        unwanted: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        keeping = asyncio.ensure_future(self._keep(claimed, unwanted))
        self._running[unwanted] = claimed
        if self._kill_switch.latched(claimed.chat, claimed.part_of):
            unwanted.set_result(Cancelled("killed before the answer was written"))
        try:
            waiters: set[asyncio.Future[Any]] = {writing, unwanted}
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
            if unwanted.done():
                raise unwanted.result()
            return writing.result()
        finally:
            self._running.pop(unwanted, None)
            # Closing the stream is what stops the generation at the model server.
            writing.cancel()
            keeping.cancel()
            await asyncio.gather(writing, keeping, return_exceptions=True)

    async def hear_kills(self) -> None:
        """Cancel what a kill covers, until cancelled."""
        async with asyncio.TaskGroup() as group:
            async for scope in self._kill_switch.heard():
                for unwanted, claimed in list(self._running.items()):
                    if scope is None:
                        # Beside each other: while Redis hangs, a kill that this process hears must not wait for them.
                        group.create_task(self._check(claimed, unwanted))
                    elif scope.covers(claimed.chat, claimed.part_of) and not unwanted.done():
                        unwanted.set_result(Cancelled("killed while the answer was being written"))

    async def hear_losses(self, losses: AsyncIterator[None]) -> None:
        """Look at every claim whenever one may have been taken away, until cancelled."""
        async with asyncio.TaskGroup() as group:
            async for _ in losses:
                for unwanted, claimed in list(self._running.items()):
                    group.create_task(self._check(claimed, unwanted))

    async def _keep(self, claimed: Claimed, unwanted: asyncio.Future[Exception]) -> None:
        while not unwanted.done():
            # At once, too: a kill that came between the claim and the first word was told to nobody who listens.
            await self._check(claimed, unwanted)
            await asyncio.sleep(self._lease_seconds / 3)

    async def _check(self, claimed: Claimed, unwanted: asyncio.Future[Exception]) -> None:
        try:
            epoch = await claimed.renew()
        except StoreError:
            return
        if unwanted.done():
            return
        if epoch is None:
            unwanted.set_result(ClaimLost("the claim is lost"))
        elif epoch != claimed.epoch:
            unwanted.set_result(Cancelled("killed while the answer was being written"))
