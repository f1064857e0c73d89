"""The rewriter: takes drafts for which another text was ordered, has it written, and puts it before the moderators."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import structlog

from bot.answer import Answer, Writer
from bot.clock import Clock
from bot.errors import StoreAway, StoreError
from bot.faults import Faults
from bot.kill_switch import RedisKillSwitch
from bot.rewrites import NewText, Rewrite, Rewrites
from bot.wakeup import Wakeup
from bot.watch import Cancelled, Claimed, ClaimLost, Watch
from bot.worker import WorkerSettings
from chat.transcript import Turn
from inference.errors import ModelError, ModelRejected
from safety.verdict import Outcome

_log = structlog.get_logger()
_IDLE_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 0.3


class Rewriter:
    """Rewrites drafts until cancelled; any number may run, in one process or many."""

    def __init__(
        self,
        rewrites: Rewrites,
        writer: Writer,
        kill_switch: RedisKillSwitch,
        clock: Clock,
        wakeup: Wakeup,
        settings: WorkerSettings,
        faults: Faults,
    ) -> None:
        self._rewrites = rewrites
        self._writer = writer
        self._watch = Watch(kill_switch, settings.lease_seconds)
        self._clock = clock
        self._wakeup = wakeup
        self._settings = settings
        self._faults = faults

    @property
    def generating(self) -> int:
        """How many drafts are in work."""
        return self._watch.running

    async def run(self) -> None:
        """Work until cancelled."""
        slots = asyncio.Semaphore(self._settings.concurrency)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch.hear_kills())
            group.create_task(self._watch.hear_losses(self._wakeup.taken_back()))
            while True:
                await slots.acquire()
                rewrite = await self._next()
                task = group.create_task(self._guarded(rewrite))
                task.add_done_callback(lambda _: slots.release())

    async def _next(self) -> Rewrite:
        while True:
            try:
                if (rewrite := await self._rewrites.claim()) is not None:
                    return rewrite
            except StoreError:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            await self._wakeup.wait(_IDLE_SECONDS)

    async def _guarded(self, rewrite: Rewrite) -> None:
        try:
            await self._work(rewrite)
        except StoreAway:
            # The claim lapses, and whoever takes it next asks for the same samples.
            _log.error("rewriter.store_away", draft=rewrite.draft.id)
            await asyncio.sleep(_RETRY_SECONDS)
        except Exception as error:  # noqa: BLE001 - one draft that cannot be rewritten must not end all
            # The message of a foreign error may quote the text it failed on; its type is enough here.
            kind = type(error).__name__
            _log.error("rewriter.failed", draft=rewrite.draft.id, error=kind)
            try:
                await self._try_again(rewrite, f"the service failed on it ({kind})")
            except StoreError:
                _log.error("rewriter.not_settled", draft=rewrite.draft.id)

    async def _work(self, rewrite: Rewrite) -> None:
        await self._faults.reach("rewriter.claimed")
        if rewrite.turn is None:
            await self._keep(rewrite, "what it answers is out of the transcript")
            return
        if rewrite.tries > self._settings.most_attempts:
            await self._keep(rewrite, "given up after too many tries")
            return
        draft = rewrite.draft
        texts = {draft.bubbles, draft.original or draft.bubbles}
        texts |= {one.bubbles for one in draft.candidates} | {one.bubbles for one in draft.versions}
        claimed = Claimed(
            draft.chat, rewrite.turn.chat.part_of, rewrite.epoch, lambda: self._rewrites.renew(rewrite)
        )
        writing = self._writer.write(rewrite.turn, rewrite.policy, f"{draft.id}:{rewrite.order}", texts)
        try:
            answer = await self._watch.over(claimed, writing)
        except ClaimLost:
            return  # decided meanwhile, or in somebody else's hand
        except Cancelled:
            await self._rewrites.cancelled(rewrite)
            return
        except ModelRejected as error:
            await self._keep(rewrite, f"the model gave none: {error}")
            return
        except ModelError as error:
            _log.warning("rewriter.model_failed", draft=draft.id, error=type(error).__name__)
            await self._try_again(rewrite, f"the model gave none: {error}")
            return
        await self._faults.reach("rewriter.written")
        await self._settle(rewrite, rewrite.turn, answer)

    async def _settle(self, rewrite: Rewrite, turn: Turn, answer: Answer) -> None:
        facts = self._writer.facts_of(answer)
        verdict = answer.chosen.decision.verdict
        if not answer.chosen.usable:
            tries = len(answer.attempts)
            await self._keep(rewrite, f"{verdict.reason} ({tries} {'tries' if tries > 1 else 'try'})", facts)
            return
        reason = "another text was written"
        if verdict.outcome is Outcome.HOLD:
            reason += f": {verdict.reason}"
        text = NewText(answer.chosen.bubbles, self._writer.fields_of(answer, turn))
        came_to = await self._rewrites.written(rewrite, text, reason, facts)
        _log.info("draft.rewritten", draft=rewrite.draft.id, outcome=came_to)

    async def _keep(self, rewrite: Rewrite, reason: str, facts: dict[str, Any] | None = None) -> None:
        came_to = await self._rewrites.kept(rewrite, f"no other text: {reason}", facts or {})
        _log.info("draft.rewritten", draft=rewrite.draft.id, outcome=came_to)

    async def _try_again(self, rewrite: Rewrite, reason: str) -> None:
        if rewrite.tries >= self._settings.most_attempts:
            await self._keep(rewrite, reason)
            return
        await self._rewrites.renew(rewrite, self._settings.retry_seconds * rewrite.tries)
