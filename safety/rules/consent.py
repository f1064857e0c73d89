"""Gate rule `consent`: only in a chat that its owner enabled, and only who did not say no."""

from __future__ import annotations

from dataclasses import dataclass

from safety.subject import Gate
from safety.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class ConsentRule:
    """Drops a turn in a chat without an enabling entry, or with a message by somebody who may not be answered.

    Such messages are not even stored, so this is the second lock on the same door: for what came in before a
    setting was changed.
    """

    name: str = "consent"

    async def judge(self, subject: Gate) -> Verdict:
        """ALLOW or DROP; who said no is not named."""
        consent = subject.consent
        if not consent.is_enabled:
            return Verdict(Outcome.DROP, self.name, "no owner has enabled this chat")
        facts = {"people": str(consent.people)}
        if all(consent.may_answer(message.author.id) for message in subject.others):
            return Verdict(Outcome.ALLOW, self.name, "everybody who wrote may be answered", facts)
        return Verdict(Outcome.DROP, self.name, "somebody who wrote may not be answered", facts)
