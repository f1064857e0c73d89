"""Gate rule `owner_present`: while the real person is in the chat, the stand-in steps back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from safety.subject import Gate
from safety.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class OwnerPresentSettings:
    """For how many minutes after the owner typed or wrote in a chat they count as there; 0 switches this off."""

    minutes: float = 10.0

    def __post_init__(self) -> None:
        # Written so that NaN is refused, too.
        if not self.minutes >= 0:
            raise ValueError("minutes are 0 or more")

    @property
    def milliseconds(self) -> int:
        """The same as the scripts take it."""
        return int(self.minutes * 60_000)


@dataclass(frozen=True, slots=True)
class OwnerPresentRule:
    """Drops a turn while the owner is there: two of one person in a chat is one too many.

    A time that lies further ahead than the owner would stay was set by a clock that has since gone back; it says
    nothing.
    """

    settings: OwnerPresentSettings = OwnerPresentSettings()
    name: str = "owner_present"

    async def judge(self, subject: Gate) -> Verdict:
        """ALLOW or DROP, with the seconds since the owner was seen."""
        seen, stay = subject.owner_seen, timedelta(minutes=self.settings.minutes)
        if seen is None or abs(subject.now - seen) >= stay:
            return Verdict(Outcome.ALLOW, self.name, "the owner is not there")
        facts = {"seconds": round((subject.now - seen).total_seconds(), 1), "minutes": self.settings.minutes}
        return Verdict(Outcome.DROP, self.name, "the owner is here", facts)
