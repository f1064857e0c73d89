"""How an answer is made: prompt, model, draft rules, and again if the rules ask for another try."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bot.drafts import Candidate, candidates_to_json
from chat.transcript import Turn
from inference.client import Completion, ModelClient
from inference.errors import PromptTooLong
from inference.host import host_name
from inference.persona import Persona
from inference.prompt import build_prompt, split_bubbles
from safety.addressing import answered_in
from safety.consent import ChatConsent, Ledger
from safety.injection import neutralised, signs_of
from safety.mode import ChatPolicy, Mode
from safety.owed import CandourMode, CandourSettings, is_owed
from safety.pings import Pings
from safety.policy import Rule, decide
from safety.rules.consent import unsent
from safety.subject import DraftText
from safety.verdict import Decision, Outcome, Verdict

NOVELTY: Final = "novelty"
_BANNED: Final = "banned_words"
_CONSENT: Final = "consent"
_CANDOUR: Final = "candour"
"""Stands as a rule's name in the trail of an attempt that said again what is already there."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sample of the model and what the rules said of it."""

    seed: int
    bubbles: tuple[str, ...]
    decision: Decision
    tokens: int
    seconds: float
    candidate: int = 1
    """Which candidate it was a try at, from 1."""
    disarmed: int = 0
    """Pings of everybody that were taken out of the bubbles."""

    @property
    def usable(self) -> bool:
        """Whether it may leave, at least when a moderator approves it."""
        return refusal_of(self.decision) is None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking: the attempts in order, one or more of them for each candidate.

    `injected` are the ids of the turn's messages that show signs of smuggled instructions, `unsent` those that a host
    was not shown.
    """

    attempts: tuple[Attempt, ...]
    injected: tuple[str, ...] = ()
    unsent: frozenset[str] = frozenset()

    @property
    def candidates(self) -> tuple[Attempt, ...]:
        """The attempt that decided each candidate."""
        return tuple({attempt.candidate: attempt for attempt in self.attempts}.values())

    @property
    def chosen(self) -> Attempt:
        """The first candidate that may leave; where none may, the last attempt."""
        return next((candidate for candidate in self.candidates if candidate.usable), self.attempts[-1])


class Writer:
    """Writes answers as one persona.

    Where its model is at a `host`, that is shown only what people wrote who agreed to it by the `ledger`.
    """

    def __init__(
        self,
        persona: Persona,
        client: ModelClient,
        rules: Sequence[Rule[DraftText]],
        names: tuple[str, ...],
        rewrites: int,
        candidates: int = 1,
        pings: Pings = Pings(),  # noqa: B008 - frozen
        candour: CandourSettings = CandourSettings(),  # noqa: B008 - frozen
        ledger: Ledger | None = None,
    ) -> None:
        self._persona = persona
        self._client = client
        self._rules = rules
        self._names = names
        self._rewrites = rewrites
        self._candidates = candidates
        self._pings = pings
        self._candour = candour
        self._ledger = ledger
        hosted = persona.base.hosted
        self.host: Final = host_name(hosted.base_url) if hosted else ""

    @property
    def persona(self) -> Persona:
        """Who writes."""
        return self._persona

    async def write(
        self, turn: Turn, policy: ChatPolicy, key: str | None = None, unlike: Collection[tuple[str, ...]] = ()
    ) -> Answer:
        """Write an answer to a turn, in as many candidates as somebody will choose from. Raises ModelError.

        The seeds follow from `key`, by default the turn's id, so a retry says the same. A text that stands in
        `unlike`, or that another candidate has, is no further candidate. Who asks whether this is a bot is not
        answered by the model at all.
        """
        if is_owed(turn, self._names):
            return Answer((await self._true_answer(turn, policy),))
        shown, injected = self._shown(turn)
        sent = await self._sendable(shown)
        if sent is None:
            verdict = Verdict(Outcome.DROP, _CONSENT, unsent(self.host))
            return Answer((Attempt(0, (), Decision(verdict, (verdict,)), 0, 0.0),))
        left_out = frozenset({one.id for one in shown.messages} - {one.id for one in sent.messages})
        shown = sent
        known = set(unlike)
        attempts: list[Attempt] = []
        for candidate in range(1, self._candidates + 1):
            for _ in range(self._rewrites + 1):
                seed = seed_of(key or turn.id, len(attempts))
                attempts.append(await self._attempt(turn, shown, policy, seed, candidate, known))
                if attempts[-1].decision.outcome is not Outcome.REWRITE:
                    break
            known.add(attempts[-1].bubbles)
            outcome = attempts[-1].decision.outcome
            asked = policy.mode is Mode.MANUAL or (policy.mode is Mode.AUTO and outcome is Outcome.HOLD)
            # Where nobody is asked there is nobody to choose; and a stop is a stop.
            if outcome is Outcome.STOP or (candidate == 1 and not asked):
                break
        return Answer(tuple(attempts), injected, left_out)

    def fields_of(self, answer: Answer, turn: Turn) -> dict[str, str]:
        """What a draft keeps of how it was made, and which of the turn's messages it is an answer to."""
        candidates = [
            Candidate(number, attempt.bubbles, attempt.seed, refusal_of(attempt.decision))
            for number, attempt in enumerate(_different(answer.candidates), 1)
        ]
        return {
            "persona": self._persona.name,
            "fingerprint": self._persona.fingerprint,
            "names": json.dumps(self._names),
            "refers_to": answered_in(_without(turn, answer.unsent), self._names).id,
            "seed": str(answer.chosen.seed),
            "candidates": candidates_to_json(candidates),
            "chosen": next(str(one.number) for one in candidates if one.seed == answer.chosen.seed),
        }

    def facts_of(self, answer: Answer) -> dict[str, Any]:
        """What the journal keeps of how it was made: each attempt, with what each rule said of it."""
        marked = {"injected": list(answer.injected)} if answer.injected else {}
        if self.host:
            marked |= {"host": [self.host], "unsent": sorted(answer.unsent)}
        return marked | {
            "persona": self._persona.name,
            "fingerprint": self._persona.fingerprint,
            "sampling": self._persona.sampling.model_dump(mode="json"),
            "answers": [
                {
                    "candidate": attempt.candidate,
                    "seed": attempt.seed,
                    "bubbles": list(attempt.bubbles),
                    "rules": trail_of(attempt.decision),
                    "tokens": attempt.tokens,
                    "seconds": round(attempt.seconds, 3),
                    **({"disarmed": attempt.disarmed} if attempt.disarmed else {}),
                }
                for attempt in answer.attempts
            ],
        }

    async def _true_answer(self, turn: Turn, policy: ChatPolicy) -> Attempt:
        bubbles = split_bubbles(self._candour.answer.replace("{name}", self._persona.prompt.name))
        # Without the history: the truth may be repeated.
        asked = Turn(turn.chat, turn.messages)
        decision = await decide(self._rules, DraftText(asked, bubbles, policy, self._names))
        verdict = decision.verdict
        if verdict.outcome in {Outcome.REWRITE, Outcome.DROP}:
            # No other sample is to be had, and silence is no answer.
            verdict = Verdict(Outcome.HOLD, _CANDOUR, f"a true answer is owed, but {verdict.reason}")
        elif verdict.outcome is Outcome.ALLOW and self._candour.mode is CandourMode.HOLD:
            verdict = Verdict(Outcome.HOLD, _CANDOUR, "somebody asks whether this is a bot: a person answers")
        return Attempt(0, bubbles, Decision(verdict, (*decision.trail, verdict)), 0, 0.0)

    async def _attempt(
        self,
        turn: Turn,
        shown: Turn,
        policy: ChatPolicy,
        seed: int,
        candidate: int,
        known: Collection[tuple[str, ...]],
    ) -> Attempt:
        completion = await self._complete(shown, seed)
        bubbles = split_bubbles(completion.text)
        if completion.finish_reason == "length":
            # The limit cut the last bubble in the middle; half a thought is worse than none.
            bubbles = bubbles[:-1]
        bubbles, disarmed = self._disarmed(bubbles)
        if bubbles in known:
            verdict = Verdict(Outcome.REWRITE, NOVELTY, "the model wrote the same text again")
            decision = Decision(verdict, (verdict,))
        elif any(self._persona.sampling.banned_in(bubble) for bubble in bubbles):
            # vLLM's own ban leaks, and llama.cpp has none. The word stays out of the journal.
            verdict = Verdict(Outcome.REWRITE, _BANNED, "the model wrote a word that its persona bans")
            decision = Decision(verdict, (verdict,))
        else:
            decision = await decide(self._rules, DraftText(turn, bubbles, policy, self._names))
        return Attempt(
            seed, bubbles, decision, completion.answer_tokens, completion.seconds, candidate, disarmed
        )

    def _shown(self, turn: Turn) -> tuple[Turn, tuple[str, ...]]:
        """The turn as the model is shown it, others' marks defused, and which of its messages show signs."""
        tokens = self._persona.prompt.control_tokens
        injected = tuple(
            message.id for message in turn.messages if not message.own and signs_of(message.text, tokens)
        )
        history, messages = (
            tuple(message if message.own else neutralised(message, tokens) for message in said)
            for said in (turn.history, turn.messages)
        )
        return replace(turn, messages=messages, history=history), injected

    async def _sendable(self, turn: Turn) -> Turn | None:
        """What of a turn a host may be shown: own messages, and those of people who agreed; None where that is none.

        Asked anew each time: a word may have been taken back since the turn was claimed. Raises what the ledger does.
        """
        if not self.host:
            return turn
        consent = ChatConsent() if self._ledger is None else await self._ledger.of(turn.chat.key)
        messages, history = (
            tuple(one for one in said if one.own or consent.may_host(one.author.id))
            for said in (turn.messages, turn.history)
        )
        if all(message.own for message in messages):
            return None
        return replace(turn, messages=messages, history=history)

    def _disarmed(self, bubbles: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
        """The bubbles without pings of everybody, and how many there were; one that was nothing else goes."""
        freed = [self._pings.disarmed(bubble) for bubble in bubbles]
        left = tuple(text.strip() for text, count in freed if text.strip() or not count)
        return left, sum(count for _, count in freed)

    async def _complete(self, turn: Turn, seed: int) -> Completion:
        members = {message.author.name for message in turn.transcript if not message.own}
        history = self._persona.prompt.history_messages
        while True:
            form = replace(self._persona.prompt, history_messages=history)
            prompt = build_prompt(form, turn.transcript, members)
            try:
                return await self._client.complete(prompt, self._persona.sampling, seed=seed)
            except PromptTooLong:
                # One long paste must not silence the persona until it has scrolled out of the history.
                if history == 1:
                    raise
                history //= 2


def _without(turn: Turn, ids: Collection[str]) -> Turn:
    left = tuple(message for message in turn.messages if message.id not in ids)
    return replace(turn, messages=left) if left else turn


def _different(candidates: Sequence[Attempt]) -> list[Attempt]:
    """Leave out what only says again what is already there."""
    return [attempt for attempt in candidates if attempt.decision.verdict.rule != NOVELTY]


def seed_of(turn_id: str, attempt: int) -> int:
    """Derive the sampling seed, 31 bits, from the turn's id and the attempt's number."""
    return int.from_bytes(hashlib.sha256(f"{turn_id}\0{attempt}".encode()).digest()[:4]) >> 1


def refusal_of(decision: Decision) -> str | None:
    """Why a text may not leave even though a person wants it to; None when it may."""
    if decision.outcome in {Outcome.ALLOW, Outcome.HOLD}:
        return None
    return f"{decision.verdict.rule}: {decision.verdict.reason}"


def trail_of(decision: Decision) -> list[Mapping[str, Any]]:
    """Write a decision's trail for the journal."""
    return [_verdict(verdict) for verdict in decision.trail]


def _verdict(verdict: Verdict) -> dict[str, Any]:
    line: dict[str, Any] = {
        "rule": verdict.rule,
        "outcome": verdict.outcome.value,
        "reason": verdict.reason,
    }
    if verdict.facts:
        line["facts"] = dict(verdict.facts)
    return line
