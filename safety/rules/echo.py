"""Gate rule `echo`: the stand-in never answers itself, its owner, or other bots among themselves."""

from __future__ import annotations

from dataclasses import dataclass

from safety.subject import Gate
from safety.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class EchoRule:
    """Drops a turn in which no other person wrote.

    Messengers show an account its own messages again; to answer those is a loop. Two bots that answer
    each other are one as well, so at least one message must be by somebody who is no bot.
    """

    name: str = "echo"

    async def judge(self, subject: Gate) -> Verdict:
        """ALLOW when a person other than the owner wrote in the turn, else DROP."""
        others = subject.others
        people = sum(not message.author.is_bot for message in others)
        facts = {
            "messages": len(subject.turn.messages),
            "own": len(subject.turn.messages) - len(others),
            "by_bots": len(others) - people,
        }
        if people:
            return Verdict(Outcome.ALLOW, self.name, "somebody else wrote", facts)
        if others:
            return Verdict(Outcome.DROP, self.name, "only bots wrote", facts)
        return Verdict(Outcome.DROP, self.name, "the turn is made of own messages alone", facts)
