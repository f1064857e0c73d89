"""How an answer is made: prompt, model, draft rules, and again if the rules ask for another try."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chat.transcript import Turn
from inference.client import ModelClient
from inference.errors import PromptTooLong
from inference.persona import Persona
from inference.prompt import build_prompt, split_bubbles
from safety.mode import ChatPolicy
from safety.policy import Rule, decide
from safety.subject import DraftText
from safety.verdict import Decision, Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sample of the model and what the rules said of it."""

    seed: int
    bubbles: tuple[str, ...]
    decision: Decision
    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking: the attempts in order; the last one decided."""

    attempts: tuple[Attempt, ...]

    @property
    def last(self) -> Attempt:
        """The attempt that decided."""
        return self.attempts[-1]


class Writer:
    """Writes answers as one persona."""

    def __init__(
        self,
        persona: Persona,
        client: ModelClient,
        rules: Sequence[Rule[DraftText]],
        names: tuple[str, ...],
        rewrites: int,
    ) -> None:
        self._persona = persona
        self._client = client
        self._rules = rules
        self._names = names
        self._rewrites = rewrites

    @property
    def persona(self) -> Persona:
        """Who writes."""
        return self._persona

    async def write(self, turn: Turn, policy: ChatPolicy) -> Answer:
        """Write an answer to a turn. Raises ModelError. The seeds follow from the turn, so a retry says the same."""
        members = {message.author.name for message in turn.transcript if not message.own}
        history = self._persona.prompt.history_messages
        attempts: list[Attempt] = []
        for number in range(self._rewrites + 1):
            seed = seed_of(turn.id, number)
            while True:
                form = replace(self._persona.prompt, history_messages=history)
                prompt = build_prompt(form, turn.transcript, members)
                try:
                    completion = await self._client.complete(prompt, self._persona.sampling, seed=seed)
                    break
                except PromptTooLong:
                    # One long paste must not silence the persona until it has scrolled out of the history.
                    if history == 1:
                        raise
                    history //= 2
            bubbles = split_bubbles(completion.text)
            if completion.finish_reason == "length":
                # The limit cut the last bubble in the middle; half a thought is worse than none.
                bubbles = bubbles[:-1]
            decision = await decide(self._rules, DraftText(turn, bubbles, policy, self._names))
            attempts.append(Attempt(seed, bubbles, decision, completion.answer_tokens, completion.seconds))
            if decision.outcome is not Outcome.REWRITE:
                break
        return Answer(tuple(attempts))


def seed_of(turn_id: str, attempt: int) -> int:
    """Derive the sampling seed, 31 bits, from the turn's id and the attempt's number."""
    return int.from_bytes(hashlib.sha256(f"{turn_id}\0{attempt}".encode()).digest()[:4]) >> 1


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
