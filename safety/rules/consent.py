"""Gate rule `consent`: only in a chat that its owner enabled, only who did not say no, to a host only who said yes."""

from __future__ import annotations

from dataclasses import dataclass

from safety.owed import is_owed
from safety.subject import Gate
from safety.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class ConsentRule:
    """Drops a turn in a chat without an enabling entry, or with a message by somebody who may not be answered.

    Such messages are not even stored, so this is the second lock on the same door: for what came in before a
    setting was changed. Where the model is at a host, somebody who wrote must have agreed that the host reads it; the
    others' messages are left out of what it is sent. Whoever asks whether this is a bot is answered without a model.
    """

    name: str = "consent"

    async def judge(self, subject: Gate) -> Verdict:
        """ALLOW or DROP; who said no is not named."""
        consent = subject.consent
        if not consent.is_enabled:
            return Verdict(Outcome.DROP, self.name, "no owner has enabled this chat")
        facts = {"people": str(consent.people)}
        if not all(consent.may_answer(message.author.id) for message in subject.others):
            return Verdict(Outcome.DROP, self.name, "somebody who wrote may not be answered", facts)
        if subject.host and not _may_be_sent(subject):
            return Verdict(Outcome.DROP, self.name, unsent(subject.host), facts | {"host": subject.host})
        return Verdict(Outcome.ALLOW, self.name, "everybody who wrote may be answered", facts)


def _may_be_sent(subject: Gate) -> bool:
    if is_owed(subject.turn, subject.persona_names):
        return True
    return any(subject.consent.may_host(message.author.id) for message in subject.others)


def unsent(host: str) -> str:
    """Why a turn is not answered where nobody who wrote agreed to its host."""
    return (
        f"nobody who wrote agreed that {host} reads it (`understudy consent grant CHAT PERSON --for hosted`)"
    )
