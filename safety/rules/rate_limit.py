"""Gate rule `rate_limit`: so many answers and no more, in a chat, to a person, on an account, and in all."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from safety.subject import Gate
from safety.verdict import Outcome, Verdict
from safety.window import Reach, WindowLimit, Windows

_WHOSE: Final = {
    Reach.CHAT: "this chat has",
    Reach.PERSON: "whoever wrote has",
    Reach.ACCOUNT: "this messenger's chats have",
    Reach.EVERYWHERE: "all chats together have",
}


@dataclass(frozen=True, slots=True)
class RateLimitSettings:
    """How many turns are answered at most in any stretch of `*_seconds`. Raises ValueError below 1.

    A person is counted over all chats of a messenger. To answer nothing at all, set a chat's mode to `off`.
    """

    chat_answers: int = 20
    chat_seconds: float = 600.0
    person_answers: int = 12
    person_seconds: float = 600.0
    account_answers: int = 120
    account_seconds: float = 3600.0
    everywhere_answers: int = 240
    everywhere_seconds: float = 3600.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_answers") and value < 1:
                raise ValueError("a rate limit lets at least 1 answer through; mode off lets none")
            if not value > 0:
                raise ValueError("a rate limit's window is longer than 0 seconds")


@dataclass(frozen=True, slots=True)
class RateLimitRule:
    """Drops when a window is full: the chat's, the account's, the one for all, or those of all who wrote.

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
        if answer.full is None:
            raise ValueError("the windows gave neither room nor the one that is full")
        facts: dict[str, str | float] = {
            "window": answer.full.value,
            "retry_after": round(answer.retry_after, 3),
        }
        reason = f"{_WHOSE[answer.full]} had as many answers as the limit allows"
        return Verdict(Outcome.DROP, self.name, reason, facts)

    def _limits(self, subject: Gate) -> tuple[WindowLimit, ...]:
        settings = self.settings
        people = sorted({message.author.id for message in subject.others})
        return (
            WindowLimit(Reach.CHAT, settings.chat_answers, settings.chat_seconds),
            *(
                WindowLimit(Reach.PERSON, settings.person_answers, settings.person_seconds, person)
                for person in people
            ),
            WindowLimit(Reach.ACCOUNT, settings.account_answers, settings.account_seconds),
            WindowLimit(Reach.EVERYWHERE, settings.everywhere_answers, settings.everywhere_seconds),
        )
