"""Gate rule `echo`: the stand-in never answers itself, its owner, or other bots among themselves."""

from __future__ import annotations

from dataclasses import dataclass

from chat.message import Message
from safety.subject import Gate
from safety.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class EchoSettings:
    """With whom the stand-in may talk while no person does. Raises ValueError for what cannot be meant.

    `partners` are bots' accounts as `messenger/author-id`, such as another persona's; `turns` is how many turns it
    answers at most since a person last wrote in the chat, and what one of them wrote in.
    """

    partners: tuple[str, ...] = ()
    turns: int = 4

    def __post_init__(self) -> None:
        for partner in self.partners:
            messenger, slash, author = partner.partition("/")
            if not (messenger and slash and author):
                raise ValueError("a partner is written messenger/author-id")
        if self.turns < 1:
            raise ValueError("turns is 1 or more; without partners there are none")


@dataclass(frozen=True, slots=True)
class EchoRule:
    """Drops a turn in which no other person wrote, but for a few with a partner that an owner named.

    Messengers show an account its own messages again; to answer those is a loop. Two bots that answer
    each other are one as well, so at least one message must be by somebody who is no bot, or their number is bounded.
    """

    settings: EchoSettings = EchoSettings()
    name: str = "echo"

    async def judge(self, subject: Gate) -> Verdict:
        """ALLOW when a person other than the owner wrote in the turn, or a partner whose turns are not used up."""
        others = subject.others
        people = sum(not message.author.is_bot for message in others)
        facts = {
            "messages": len(subject.turn.messages),
            "own": len(subject.turn.messages) - len(others),
            "by_bots": len(others) - people,
        }
        if people:
            return Verdict(Outcome.ALLOW, self.name, "somebody else wrote", facts)
        if not others:
            return Verdict(Outcome.DROP, self.name, "the turn is made of own messages alone", facts)
        if not any(self._is_partner(message) for message in others):
            return Verdict(Outcome.DROP, self.name, "only bots wrote", facts)
        facts["turns_alone"] = subject.turns_alone
        turns = self.settings.turns
        if subject.turns_alone >= turns:
            reason = (
                f"only bots wrote, and the {turns} turns with a partner are used up until a person writes"
            )
            return Verdict(Outcome.DROP, self.name, reason, facts)
        reason = f"a partner wrote: turn {subject.turns_alone + 1} of {turns} since a person last wrote"
        return Verdict(Outcome.ALLOW, self.name, reason, facts)

    def _is_partner(self, message: Message) -> bool:
        return f"{message.chat.messenger}/{message.author.id}" in self.settings.partners
