"""Does it fall silent when the person did, and speak when the person spoke?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inference.prompt import split_bubbles
from training.evaluation.estimate import Estimate
from training.evaluation.said import Said


@dataclass(frozen=True, slots=True)
class Silences:
    """`kept` is the share of the person's silences that it kept, `spoken` that of their answers where it spoke, too."""

    kept: Estimate
    spoken: Estimate

    @property
    def balanced(self) -> float:
        """The mean of both: 0.5 is what tossing a coin gives, or always speaking."""
        return (self.kept.value + self.spoken.value) / 2


def silences(said: Sequence[Said]) -> Silences | None:
    """Compare; None where the held-out part has no silence, or nothing but silences.

    An answer without a bubble is a silence, whatever made it empty: nothing would be sent.
    """
    quiet = [not split_bubbles(one.answer.text) for one in said if one.case.silence]
    loud = [bool(split_bubbles(one.answer.text)) for one in said if not one.case.silence]
    if not quiet or not loud:
        return None
    return Silences(Estimate.share(sum(quiet), len(quiet)), Estimate.share(sum(loud), len(loud)))
