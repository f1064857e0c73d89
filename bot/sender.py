"""The sender: takes bubbles from the outbox to a messenger, at a human pace, each through the fence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

import structlog

from bot.clock import Clock
from bot.consents import Consents
from bot.errors import StoreAway, StoreError
from bot.faults import Faults
from bot.kill_switch import RedisKillSwitch
from bot.messengers.base import Connector, Pause, SendError, SendImpossible, SendRefused, SendUncertain
from bot.outbox import Fence, Outbox, OutboxSettings, Outgoing
from bot.wakeup import Wakeup
from inference.persona import TypingProfile

_log = structlog.get_logger()
_IDLE_SECONDS: Final = 0.5
_YES_MS: Final = 2000
"""How long the fence's yes is good for."""
_RETRY_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True)
class _Sending:
    """A bubble in work, and the event that cuts its typing short."""

    outgoing: Outgoing
    hurry: asyncio.Event


class Sender:
    """Sends for one connector; many chats at once, one bubble a chat at a time."""

    def __init__(
        self,
        outbox: Outbox,
        connector: Connector,
        kill_switch: RedisKillSwitch,
        consents: Consents,
        typing: TypingProfile,
        clock: Clock,
        wakeup: Wakeup,
        settings: OutboxSettings,
        faults: Faults,
    ) -> None:
        self._outbox = outbox
        self._connector = connector
        self._kill_switch = kill_switch
        self._consents = consents
        self._typing = typing
        self._clock = clock
        self._wakeup = wakeup
        self._settings = settings
        self._faults = faults
        self._running: dict[asyncio.Task[None], _Sending] = {}

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hear_kills())
            while True:
                try:
                    outgoing = await self._outbox.claim(self._connector.messenger, self._connector.serves)
                except StoreError:
                    await asyncio.sleep(_RETRY_SECONDS)
                    continue
                if outgoing is None:
                    await self._wakeup.wait(_IDLE_SECONDS)
                    continue
                sending = _Sending(outgoing, asyncio.Event())
                task = group.create_task(self._guarded(sending))
                self._running[task] = sending
                task.add_done_callback(lambda done: self._running.pop(done, None) and None)

    async def _hear_kills(self) -> None:
        async for scope in self._kill_switch.heard():
            for sending in list(self._running.values()):
                outgoing = sending.outgoing
                if scope is None or scope.covers(outgoing.bubble.chat, outgoing.part_of):
                    # Straight to the fence, which says no: the draft is seen as frozen at once.
                    sending.hurry.set()

    async def _guarded(self, sending: _Sending) -> None:
        try:
            await self._send(sending)
        except StoreError:
            # The claim lapses; whoever takes it next finds the bubble in the state that was last written.
            _log.error("sender.store_away", bubble=sending.outgoing.bubble.id)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _send(self, sending: _Sending) -> None:
        outgoing = sending.outgoing
        await self._faults.reach("sender.claimed")
        seconds = 0.0 if outgoing.handed_over_before else self._typing_seconds(outgoing)
        pause = await self._connector.pause(outgoing.bubble.chat)
        # Who may write soon types meanwhile, as people do.
        if pause is not None and pause.seconds > seconds:
            pause = replace(pause, seconds=pause.seconds - seconds)
            await self._outbox.postponed(outgoing, pause, fenced=False)
            return
        await self._type(sending, seconds)
        if self._silent(outgoing):
            await self._outbox.keep(outgoing, due_ms=self._clock.now_ms() + int(_IDLE_SECONDS * 1000))
            return
        sending.hurry.clear()
        # As late as can be: who writes while this is typed makes it one answer of several.
        bubble = await self._outbox.addressed(outgoing)
        asked = self._clock.now_ms()
        try:
            answer = await self._outbox.fence(outgoing, idempotent=self._connector.idempotent)
        except StoreAway:
            # The yes may be on record with its answer lost; nothing was handed over, and that is said.
            await self._unsent(outgoing, "Redis went away at the fence")
            return
        if answer is not Fence.GO:
            _log.info("bubble.stopped", bubble=outgoing.bubble.id, answer=answer.value)
            return
        await self._faults.reach("sender.fenced")
        if self._silent(outgoing) or sending.hurry.is_set():
            await self._unsent(outgoing, "a kill or a stop was heard")
            return
        if not is_fresh(asked, self._clock):
            await self._unsent(outgoing, "this process stood still at the fence")
            return
        bubble = replace(bubble, goes_on=lambda: self._goes_on(outgoing))
        await self._hand_over(replace(outgoing, bubble=bubble))

    async def _goes_on(self, outgoing: Outgoing) -> bool:
        """Ask the fence again, before the next of the messages that one bubble takes."""
        asked = self._clock.now_ms()
        try:
            answer = await self._outbox.fence(outgoing, idempotent=self._connector.idempotent)
        except StoreAway:
            return False
        return answer is Fence.GO and is_fresh(asked, self._clock) and not self._silent(outgoing)

    def _silent(self, outgoing: Outgoing) -> bool:
        """Whether this process has heard a word that Redis does not know yet."""
        chat = outgoing.bubble.chat
        return self._kill_switch.latched(chat, outgoing.part_of) or self._consents.latched(chat)

    async def _hand_over(self, outgoing: Outgoing) -> None:
        try:
            async with asyncio.timeout(self._settings.send_timeout_seconds):
                message = await self._connector.send(outgoing.bubble)
        except SendRefused as error:
            if error.retry_after:
                await self._postponed(outgoing, error, perhaps_left=False)
            else:
                await self._unsent(outgoing, str(error), final=isinstance(error, SendImpossible))
            return
        except Exception as error:  # noqa: BLE001 - whatever else a connector raises: nobody can say
            reason = _why_uncertain(error)
            if isinstance(error, SendUncertain) and error.retry_after and self._connector.idempotent:
                await self._postponed(outgoing, error, perhaps_left=True)
                return
            # Where the messenger knows the bubble's id it is handed over again, but not for ever: behind it the
            # chat's other messages wait for their outcome.
            if not self._connector.idempotent or outgoing.tries + 1 >= self._settings.most_tries:
                await self._until_written(lambda: self._outbox.unknown(outgoing, reason))
                return
            await self._until_written(lambda: self._keep_for_later(outgoing))
            return
        await self._faults.reach("sender.handed_over")
        await self._until_written(lambda: self._outbox.sent(outgoing, message))
        _log.info("bubble.sent", bubble=outgoing.bubble.id, receipt=message.id)
        await self._faults.reach("sender.recorded")

    def _typing_seconds(self, outgoing: Outgoing) -> float:
        first = outgoing.index == 1
        return self._typing.seconds_before(outgoing.bubble.id, outgoing.bubble.text, first=first)

    async def _type(self, sending: _Sending, left: float) -> None:
        outgoing = sending.outgoing
        while left > 0 and not sending.hurry.is_set():
            step = min(left, self._settings.lease_seconds / 3)
            await self._connector.typing(outgoing.bubble.chat, left + 0.2)
            _, pending = await asyncio.wait(
                [
                    asyncio.ensure_future(self._clock.sleep(step)),
                    asyncio.ensure_future(sending.hurry.wait()),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )
            for waiter in pending:
                waiter.cancel()
            left -= step
            if left > 0:
                await self._outbox.keep(outgoing)

    async def _until_written(self, write: Callable[[], Awaitable[object]]) -> None:
        """Try to write until the store takes it: as long as this process lives, what it knows must get on record."""
        while True:
            try:
                await write()
            except StoreAway:
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    async def _unsent(self, outgoing: Outgoing, reason: str, *, final: bool = False) -> None:
        await self._until_written(lambda: self._outbox.unsent(outgoing, reason, final=final))

    async def _postponed(self, outgoing: Outgoing, error: SendError, *, perhaps_left: bool) -> None:
        pause = Pause(error.retry_after, str(error))
        _log.info("bubble.postponed", bubble=outgoing.bubble.id, seconds=round(pause.seconds))
        await self._until_written(
            lambda: self._outbox.postponed(outgoing, pause, fenced=True, perhaps_left=perhaps_left)
        )

    def _keep_for_later(self, outgoing: Outgoing) -> Awaitable[object]:
        due = self._clock.now_ms() + int(self._settings.retry_seconds * 1000)
        return self._outbox.keep(outgoing, due_ms=due)


def is_fresh(asked_ms: int, clock: Clock) -> bool:
    """Whether a yes that was asked for then is still one: it is for now, not for when a laptop's lid opens.

    By the wall clock, because that goes on while a laptop sleeps.
    """
    return 0 <= clock.now_ms() - asked_ms <= _YES_MS


def _why_uncertain(error: Exception) -> str:
    if isinstance(error, SendUncertain):
        return str(error)
    if isinstance(error, TimeoutError):
        return "the messenger did not answer in time"
    # The message of a foreign error may quote the text it failed on; its type is enough here.
    return f"the connector failed ({type(error).__name__})"
