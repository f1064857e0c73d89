"""Whoever asks whether they talk to a machine is owed a true answer, also where nobody else would be answered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from chat.transcript import Turn
from safety.candour import asks_whether_bot
from safety.policy import Rule
from safety.subject import Gate
from safety.verdict import Outcome, Verdict

# Without a yes or a no: the question may be "are you a bot?" or "are you human?".
TRUE_ANSWER: Final = (
    "you're talking to {name}'s stand-in: a language model that {name} lets answer here. "
    "say so if you'd rather talk to {name} in person"
)


class CandourMode(StrEnum):
    """What happens when somebody asks whether they talk to a machine."""

    ANSWER = "answer"
    """They get the true answer, through the same rules, mode and fence as any other."""
    HOLD = "hold"
    """The true answer is put before a moderator, also in auto."""


@dataclass(frozen=True, slots=True)
class CandourSettings:
    """How "are you a bot?" is answered: never by the model. `{name}` stands for the persona's name."""

    mode: CandourMode = CandourMode.ANSWER
    answer: str = TRUE_ANSWER

    def __post_init__(self) -> None:
        if not self.answer.strip():
            raise ValueError("the true answer needs some text")


def is_owed(turn: Turn, names: Iterable[str]) -> bool:
    """Whether a person in the turn asks it, and not of somebody else whom they reply to."""
    names = tuple(names)
    ours = {message.id for message in turn.history if message.own}
    return any(
        asks_whether_bot(message.text, names)
        for message in turn.messages
        if not message.own
        and not message.author.is_bot
        and (message.reply_to is None or message.reply_to in ours)
    )


class UnlessOwed:
    """A gate rule that gives way where a true answer is owed; in its own name, and with its own description."""

    def __init__(self, rule: Rule[Gate]) -> None:
        self._rule = rule
        self.__doc__ = rule.__doc__

    @property
    def name(self) -> str:
        """The rule's own."""
        return self._rule.name

    async def judge(self, subject: Gate) -> Verdict:
        """ALLOW where it is owed, else what the rule says."""
        if is_owed(subject.turn, subject.persona_names):
            return Verdict(
                Outcome.ALLOW, self.name, "somebody asks whether this is a bot: a true answer is owed"
            )
        return await self._rule.judge(subject)
