"""Gate rule `probability`: how often the stand-in speaks up, by whether it was addressed and heard."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from chat.message import ChatKey
from chat.transcript import bursts
from safety.addressing import Address, address_of, is_named
from safety.subject import Gate
from safety.verdict import Outcome, Verdict


def draw(chat: ChatKey, message_id: str) -> float:
    """A number in [0, 1) that follows from a chat and a message's id, so that a retry draws the same."""
    digest = hashlib.sha256(f"{chat}\0{message_id}".encode()).digest()
    # 53 bits, which a float holds exactly: more would round up to 1.0 now and then.
    return (int.from_bytes(digest[:8]) >> 11) / 2**53


@dataclass(frozen=True, slots=True)
class ProbabilitySettings:
    """The idle back-off: who talks and is not talked to, talks less.

    After `unheard` answers in a row that nobody took up (no mention, no reply), each further one multiplies the
    probability of ambient talk by `backoff`; `minutes` after an answer it is forgotten. `backoff` 1 is none.
    Raises ValueError outside these ranges.
    """

    unheard: int = 2
    backoff: float = 0.5
    minutes: float = 60.0

    def __post_init__(self) -> None:
        if self.unheard < 0 or not 0 <= self.backoff <= 1 or not self.minutes > 0:
            raise ValueError(
                "a back-off is between 0 and 1, after 0 or more answers, for more than 0 minutes"
            )


@dataclass(frozen=True, slots=True)
class ProbabilityRule:
    """Allows a turn when the draw lies below the chat's probability for talk of its kind.

    A chat has three: ambient talk, being named, being replied to. A persona that was addressed answers even where
    ambient talk is at 0, unless the owner set those lower as well. Other bots cannot address it.
    """

    settings: ProbabilitySettings = ProbabilitySettings()
    name: str = "probability"

    async def judge(self, subject: Gate) -> Verdict:
        """ALLOW or DROP, with the draw, the probability and how the persona was addressed."""
        address = address_of(subject)
        drawn = draw(subject.turn.chat.key, subject.turn.last.id)
        probability, unheard = self._probability(subject, address)
        facts: dict[str, str | float | bool] = {
            "draw": drawn,
            "probability": probability,
            "addressed": address is not Address.AMBIENT,
            "address": address.value,
        }
        if unheard:
            facts["unheard"] = unheard
        if drawn < probability:
            if address is Address.AMBIENT:
                reason = f"drawn: {drawn:.3f} is below {probability:g}"
            else:
                reason = "the persona was named or replied to"
            return Verdict(Outcome.ALLOW, self.name, reason, facts)
        return Verdict(Outcome.DROP, self.name, f"not drawn: {drawn:.3f} is not below {probability:g}", facts)

    def _probability(self, subject: Gate, address: Address) -> tuple[float, int]:
        policy = subject.policy
        if address is Address.REPLY:
            return policy.reply_probability, 0
        if address is Address.MENTION:
            return policy.mention_probability, 0
        unheard = self._unheard(subject)
        return policy.probability * self.settings.backoff ** max(0, unheard - self.settings.unheard), unheard

    def _unheard(self, subject: Gate) -> int:
        """How many answers, newest first, nobody has taken up since they were given."""
        oldest = subject.turn.last.sent_at.timestamp() - self.settings.minutes * 60
        count = 0
        for burst in reversed(list(bursts(subject.turn.transcript))):
            if burst[-1].sent_at.timestamp() < oldest:
                break
            if any(message.own and not message.stand_in for message in burst):
                break  # the owner spoke: whoever listens now listens to a person
            if burst[0].stand_in:
                count += 1
            elif any(
                message.reply_to in subject.own_ids or is_named(message.text, subject.persona_names)
                for message in burst
                if not message.author.is_bot
            ):
                break
        return count
