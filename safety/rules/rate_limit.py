"""Gate rule `rate_limit`: so many answers and no more, in a chat and to a person."""

from __future__ import annotations

from dataclasses import dataclass

from safety.subject import Gate
from safety.verdict import Outcome, Verdict
from safety.window import WindowLimit, Windows


@dataclass(frozen=True, slots=True)
class RateLimitSettings:
    """How many turns are answered at most in any stretch of `*_seconds`. Raises ValueError below 1.

    A person is counted in each chat apart. To answer nothing at all, set the chat's mode to `off`.
    """

    chat_answers: int = 20
    chat_seconds: float = 600.0
    person_answers: int = 12
    person_seconds: float = 600.0

    def __post_init__(self) -> None:
        if min(self.chat_answers, self.person_answers) < 1:
            raise ValueError("a rate limit lets at least 1 answer through; mode off lets none")
        if not (self.chat_seconds > 0 and self.person_seconds > 0):
            raise ValueError("a rate limit's window is longer than 0 seconds")


@dataclass(frozen=True, slots=True)
class RateLimitRule:
    """Drops when the chat's window, or that of any person the turn is by, is full.

    Asked last: only a turn that would be answered may count. The turn's id is what is counted, so a
    retry of the same turn counts once.
    """

    windows: Windows
    settings: RateLimitSettings = RateLimitSettings()
    name: str = "rate_limit"

    async def judge(self, subject: Gate) -> Verdict:
        """ALLOW and count the turn, or DROP with the full window and the seconds until it has room."""
        answer = await self.windows.take(
            subject.turn.chat.key, self._limits(subject), subject.turn.id, subject.now
        )
        if answer.taken:
            return Verdict(Outcome.ALLOW, self.name, "there is room for an answer")
        full = answer.full or "unknown"
        whose = "this person" if full.startswith("person:") else "this chat"
        facts: dict[str, str | float] = {"window": full, "retry_after": round(answer.retry_after, 3)}
        return Verdict(Outcome.DROP, self.name, f"{whose} has had as many answers as the limit allows", facts)

    def _limits(self, subject: Gate) -> tuple[WindowLimit, ...]:
        settings = self.settings
        people = sorted({message.author.id for message in subject.others})
        return (
            WindowLimit("chat", settings.chat_answers, settings.chat_seconds),
            *(
                WindowLimit(f"person:{person}", settings.person_answers, settings.person_seconds)
                for person in people
            ),
        )
