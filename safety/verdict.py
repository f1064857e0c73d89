"""What a rule answers: a named verdict with a reason that a person understands.

Refusal is a value, not an exception (after inspect_ai's `approval`); only an impossible state raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """The five answers, from mildest to strictest."""

    ALLOW = "allow"
    """Go on to the next rule."""
    HOLD = "hold"
    """The text may leave only if a moderator approves it, even in `auto`."""
    REWRITE = "rewrite"
    """The model may try again; the text does not leave."""
    DROP = "drop"
    """This turn is not answered, or this text does not leave."""
    STOP = "stop"
    """As drop, and nothing else may be tried: a kill is in force, or a rule failed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's answer; `facts` are figures for the journal (limits, draws), never texts."""

    outcome: Outcome
    rule: str
    reason: str
    facts: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.rule or not self.reason:
            raise ValueError("a verdict names its rule and gives a reason")


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict of a whole chain: the one that decided, and the trail that led to it."""

    verdict: Verdict
    trail: tuple[Verdict, ...]

    @property
    def outcome(self) -> Outcome:
        """What was decided."""
        return self.verdict.outcome
