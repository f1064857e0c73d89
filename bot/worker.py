"""The worker: takes turns, asks the gate, has an answer written, and settles each turn in one step."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from bot.answer import Answer, Writer, trail_of
from bot.clock import Clock, as_datetime
from bot.errors import StoreAway, StoreError
from bot.faults import Faults
from bot.kill_switch import RedisKillSwitch
from bot.turn_queue import Claim, DraftPlan, TurnQueue
from bot.wakeup import Wakeup
from bot.watch import Cancelled, Claimed, ClaimLost, Watch
from inference.errors import ModelError, ModelRejected
from safety.policy import Rule, decide
from safety.subject import Gate
from safety.verdict import Outcome

_log = structlog.get_logger()
_IDLE_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How turns are worked on."""

    lease_seconds: float = 10.0
    """A worker that has died is followed by another after that long."""
    concurrency: int = 4
    """Turns of different chats at once."""
    most_messages: int = 20
    """Messages that make one turn at most; the rest is the next turn's."""
    overload_messages: int = 60
    """When more than that many wait in a chat, only the newest turn is answered; the others are ignored, on record."""
    most_attempts: int = 5
    """Tries, crashes included, before a turn is given up as failed."""
    retry_seconds: float = 2.0
    """Wait after the model failed, times the number of tries so far."""
    rewrites: int = 2
    """Samples beyond the first, when a rule asks for another."""
    draft_minutes: float = 60.0
    """How long a held draft waits for a moderator."""


class Worker:
    """Works on turns until cancelled; any number of workers may run, in one process or many."""

    def __init__(
        self,
        name: str,
        queue: TurnQueue,
        gate: Sequence[Rule[Gate]],
        writer: Writer,
        names: tuple[str, ...],
        kill_switch: RedisKillSwitch,
        clock: Clock,
        wakeup: Wakeup,
        settings: WorkerSettings,
        faults: Faults,
    ) -> None:
        self._name = name
        self._queue = queue
        self._gate = gate
        self._writer = writer
        self._names = names
        self._watch = Watch(kill_switch, settings.lease_seconds)
        self._clock = clock
        self._wakeup = wakeup
        self._settings = settings
        self._faults = faults

    @property
    def generating(self) -> int:
        """How many turns are in work."""
        return self._watch.running

    async def run(self) -> None:
        """Work until cancelled."""
        slots = asyncio.Semaphore(self._settings.concurrency)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch.hear_kills())
            group.create_task(self._watch.hear_losses(self._wakeup.taken_back()))
            while True:
                await slots.acquire()
                claim = await self._next()
                task = group.create_task(self._guarded(claim))
                task.add_done_callback(lambda _: slots.release())

    async def _next(self) -> Claim:
        while True:
            try:
                if (claim := await self._queue.claim(self._name)) is not None:
                    return claim
                due = await self._queue.next_due_ms()
            except StoreError:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            wait = _IDLE_SECONDS if due is None else (due - self._clock.now_ms()) / 1000
            # A new message may make a chat ready sooner than the one that is due next.
            await self._wakeup.wait(min(_IDLE_SECONDS, max(wait, 0.005)))

    async def _guarded(self, claim: Claim) -> None:
        try:
            await self._work(claim)
        except StoreAway:
            # The claim lapses, and the pinned turn is decided again, the same way, by whoever is there.
            _log.error("worker.store_away", turn=claim.turn.id)
            await asyncio.sleep(_RETRY_SECONDS)
        except Exception as error:  # noqa: BLE001 - one turn that cannot be worked on must not end all chats
            # The message of a foreign error may quote the text it failed on; its type is enough here.
            kind = type(error).__name__
            _log.error("worker.turn_failed", turn=claim.turn.id, error=kind)
            try:
                await self._try_again(claim, f"the service failed on it ({kind})", self._facts(claim))
            except StoreError:
                # The claim lapses, and after too many of those the turn is given up.
                _log.error("worker.turn_not_settled", turn=claim.turn.id)

    async def _work(self, claim: Claim) -> None:
        await self._faults.reach("worker.claimed")
        if claim.attempts > self._settings.most_attempts:
            await self._settle(claim, "failed", "given up after too many tries", self._facts(claim))
            return
        gate = Gate(
            turn=claim.turn,
            policy=claim.policy,
            now=as_datetime(self._clock.now_ms()),
            kill=claim.kill,
            persona_names=self._names,
            own_ids=frozenset(message.id for message in claim.turn.history if message.own),
            consent=claim.consent,
            owner_seen=claim.owner_seen,
            turns_alone=claim.turns_alone,
            host=self._writer.host,
        )
        # With Redis away nothing is decided: the claim lapses, and the same turn is asked about again.
        decision = await decide(self._gate, gate, passing=StoreAway)
        facts = self._facts(claim) | {"gate": trail_of(decision), "rule": decision.verdict.rule}
        await self._faults.reach("worker.gated")
        if decision.outcome is not Outcome.ALLOW:
            await self._settle(claim, "ignored", decision.verdict.reason, facts)
            return
        try:
            answer = await self._write(claim)
        except ClaimLost:
            return  # somebody else has the turn
        except Cancelled as cancelled:
            await self._settle(claim, "ignored", str(cancelled), facts | {"cancelled": True, "rule": "kill"})
            return
        except ModelError as error:
            await self._model_failed(claim, error, facts)
            return
        await self._faults.reach("worker.drafted")
        await self._settle_answer(claim, answer, facts)

    async def _write(self, claim: Claim) -> Answer:
        chat = claim.turn.chat
        claimed = Claimed(chat.key, chat.part_of, claim.epoch, lambda: self._queue.renew(claim))
        return await self._watch.over(claimed, self._writer.write(claim.turn, claim.policy))

    async def _model_failed(self, claim: Claim, error: ModelError, facts: dict[str, Any]) -> None:
        _log.warning("worker.model_failed", turn=claim.turn.id, error=type(error).__name__)
        reason = f"the model gave no answer: {error}"
        if isinstance(error, ModelRejected):
            await self._settle(claim, "failed", reason, facts)
            return
        await self._try_again(claim, reason, facts)

    async def _try_again(self, claim: Claim, reason: str, facts: dict[str, Any]) -> None:
        if claim.attempts >= self._settings.most_attempts:
            await self._settle(claim, "failed", reason, facts)
            return
        wait = self._settings.retry_seconds * claim.attempts
        await self._queue.postpone(claim, wait, reason)

    async def _settle_answer(self, claim: Claim, answer: Answer, facts: dict[str, Any]) -> None:
        facts = facts | self._writer.facts_of(answer)
        verdict = answer.chosen.decision.verdict
        # Which rule decided is worth a word only where one had an objection.
        facts.pop("rule", None)
        if verdict.outcome is not Outcome.ALLOW:
            facts["rule"] = verdict.rule
        if verdict.outcome not in {Outcome.ALLOW, Outcome.HOLD}:
            tries = len(answer.attempts)
            tried = f" ({tries} tries)" if tries > 1 else ""
            await self._settle(claim, "ignored", verdict.reason + tried, facts)
            return
        hold = verdict.outcome is Outcome.HOLD
        draft = DraftPlan(
            id=claim.turn.id,
            bubbles=answer.chosen.bubbles,
            hold=hold,
            expires_at_ms=self._clock.now_ms() + int(self._settings.draft_minutes * 60_000),
            fields=self._writer.fields_of(answer, claim.turn),
        )
        reason = verdict.reason
        await self._settle(claim, "draft", reason, facts, draft)

    async def _settle(
        self, claim: Claim, kind: str, reason: str, facts: dict[str, Any], draft: DraftPlan | None = None
    ) -> None:
        came_to = await self._queue.settle(claim, kind, reason, facts, draft)
        _log.info("turn.settled", turn=claim.turn.id, chat=str(claim.turn.chat.key), outcome=came_to)
        await self._faults.reach("worker.settled")

    def _facts(self, claim: Claim) -> dict[str, Any]:
        """What a person needs to replay the decision, beside what was said."""
        return {
            "mode": claim.policy.mode.value,
            "attempts": claim.attempts,
            "worker": self._name,
        }
