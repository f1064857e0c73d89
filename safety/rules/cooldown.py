"""Gate rule `cooldown`: after an answer the stand-in lets the others talk for a while."""

from __future__ import annotations

from dataclasses import dataclass

from safety.addressing import is_addressed
from safety.subject import Gate
from safety.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class CooldownSettings:
    """Seconds after the stand-in's last message: for ambient talk, and where it is addressed. 0 is none."""

    seconds: float = 0.0
    addressed_seconds: float = 0.0

    def __post_init__(self) -> None:
        if not (self.seconds >= 0 and self.addressed_seconds >= 0):
            raise ValueError("a cooldown is 0 seconds or longer")


@dataclass(frozen=True, slots=True)
class CooldownRule:
    """Drops a turn that comes too soon after what the stand-in said last in the chat.

    The time is that of the turn's last message, so that a retry decides the same. The owner's own messages do not
    count: after those the rule `owner_present` speaks.
    """

    settings: CooldownSettings = CooldownSettings()
    name: str = "cooldown"

    async def judge(self, subject: Gate) -> Verdict:
        """ALLOW or DROP, with the seconds that are left."""
        spoken = [message.sent_at for message in subject.turn.transcript if message.stand_in]
        addressed = is_addressed(subject)
        seconds = self.settings.addressed_seconds if addressed else self.settings.seconds
        if not spoken or seconds == 0:
            return Verdict(Outcome.ALLOW, self.name, "nothing to wait for")
        left = seconds - (subject.turn.last.sent_at - spoken[-1]).total_seconds()
        facts = {"seconds": seconds, "left": round(max(left, 0.0), 3)}
        # A message from long before is none that came too soon, whatever the clocks of two machines say.
        if 0 < left <= seconds:
            return Verdict(Outcome.DROP, self.name, "the stand-in has only just spoken", facts)
        return Verdict(Outcome.ALLOW, self.name, "the stand-in has been silent long enough", facts)
