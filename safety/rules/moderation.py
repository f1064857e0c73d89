"""Draft rule `moderation`: a classifier judges the draft, and the settings say what follows from its scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chat.message import Message
from safety.moderation.classifier import Category, Classifier, Sample, Scores
from safety.moderation.errors import ModerationError
from safety.moderation.settings import ModerationSettings
from safety.subject import DraftText
from safety.verdict import Outcome, Verdict

_STRICTNESS: Final = (Outcome.ALLOW, Outcome.HOLD, Outcome.REWRITE, Outcome.DROP)
_CONTEXT_MESSAGES: Final = 6


@dataclass(frozen=True, slots=True)
class ModerationRule:
    """Asks the classifier once about the draft and, where the settings say so, once about what it answers.

    Where several categories count, the strictest outcome decides. What the others said is no fault of the
    draft, so it holds at most. A draft that nobody could judge is held or dropped, never allowed.
    """

    classifier: Classifier
    settings: ModerationSettings = ModerationSettings()  # noqa: RUF009 - frozen
    name: str = "moderation"

    async def judge(self, subject: DraftText) -> Verdict:
        """ALLOW, HOLD, REWRITE or DROP, with the category that decided, its score and its threshold."""
        said = [message for message in subject.turn.messages if not message.own]
        try:
            of_draft = self._verdict(
                await self.classifier.classify(Sample(subject.bubbles, _context(subject.turn.transcript)))
            )
            if not self.settings.turns or not said or of_draft.outcome in {Outcome.REWRITE, Outcome.DROP}:
                return of_draft
            texts = tuple(message.text for message in said)
            of_turn = self._verdict(
                await self.classifier.classify(Sample(texts, incoming=True)), incoming=True
            )
        except ModerationError as error:
            return self._unjudged(error)
        return of_draft if of_turn.outcome is Outcome.ALLOW else of_turn

    def _verdict(self, scores: Scores, *, incoming: bool = False) -> Verdict:
        thresholds, outcomes = self.settings.thresholds, self.settings.outcomes
        over = [category for category in Category if scores.of(category) >= thresholds.of(category)]
        # The strictest decides, and of several as strict the surest.
        top = max(
            over or Category,
            key=lambda category: (
                category in over and _STRICTNESS.index(outcomes.of(category)),
                scores.of(category),
            ),
        )
        score, threshold = scores.of(top), thresholds.of(top)
        outcome = outcomes.of(top) if over else Outcome.ALLOW
        if incoming and outcome is not Outcome.ALLOW:
            outcome = Outcome.HOLD
        facts = {
            "category": top.value if score else "none",
            "score": round(score, 4),
            "threshold": threshold,
            "backend": scores.backend,
            "model": scores.model,
        }
        if outcome is Outcome.ALLOW:
            return Verdict(outcome, self.name, "the classifier objects to nothing that counts", facts)
        what = top.value.replace("_", " ")
        where = "what the others said" if incoming else "the draft"
        reason = f"the classifier sees {what} in {where} ({score:.2f}, counted from {threshold:.2f} on)"
        return Verdict(outcome, self.name, reason, facts)

    def _unjudged(self, error: ModerationError) -> Verdict:
        outcome = Outcome.HOLD if self.settings.away == "hold" else Outcome.DROP
        facts = {
            "error": type(error).__name__,
            "backend": self.settings.backend,
            "model": self.settings.model or "default",
        }
        return Verdict(outcome, self.name, f"the draft was not moderated: {error}", facts)


def _context(said: Sequence[Message]) -> tuple[str, ...]:
    """What was said lately, own words as well, for classifiers that understand a conversation."""
    return tuple(f"{message.author.name}: {message.text}" for message in said[-_CONTEXT_MESSAGES:])
