"""The chain of rules: one short loop over one visible list, which fails closed.

No rules, no verdict, a verdict of the wrong kind and a rule that raises all mean no.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from safety.verdict import Decision, Outcome, Verdict

Subject = TypeVar("Subject", contravariant=True)


class Rule(Protocol[Subject]):
    """Takes a subject (a gate's or a draft's) and gives a verdict."""

    @property
    def name(self) -> str:
        """The rule's name in settings, journal and dashboard."""

    async def judge(self, subject: Subject) -> Verdict:
        """Judge without side effects other than the counting that the rule is for."""


async def decide(
    rules: Sequence[Rule[Subject]], subject: Subject, passing: type[Exception] | tuple[()] = ()
) -> Decision:
    """Ask the rules in order until one refuses; a hold is remembered while the others are asked.

    What a rule raises means no, but for `passing`: that is raised on, and nothing is decided. It is for a store that
    is away for a moment, after which the same question may be asked again.
    """
    trail: list[Verdict] = []
    held: Verdict | None = None
    for rule in rules:
        verdict = await _ask(rule, subject, passing)
        trail.append(verdict)
        if verdict.outcome is Outcome.HOLD:
            held = held or verdict
        elif verdict.outcome is not Outcome.ALLOW:
            return Decision(verdict, tuple(trail))
    if not trail:
        trail.append(Verdict(Outcome.STOP, "policy", "no rules are set, so nothing is allowed"))
    return Decision(held or trail[-1], tuple(trail))


async def _ask(rule: Rule[Subject], subject: Subject, passing: type[Exception] | tuple[()]) -> Verdict:
    try:
        verdict: object = await rule.judge(subject)
    except passing:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a rule raises means no
        # The message of a foreign error may quote the text it failed on; its type is enough here.
        reason = f"the rule failed ({type(error).__name__}), so the answer is no"
        return Verdict(Outcome.STOP, rule.name, reason)
    if not isinstance(verdict, Verdict):
        return Verdict(Outcome.STOP, rule.name, "the rule gave no verdict, so the answer is no")
    return verdict
