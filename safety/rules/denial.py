"""Draft rule `denial`: the stand-in never says that it is no machine."""

from __future__ import annotations

from dataclasses import dataclass

from safety.candour import asks_whether_bot, asks_whether_person, denies_being_bot
from safety.subject import DraftText
from safety.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class DenialRule:
    """Asks for another draft where one denies the machine; where each does, none leaves.

    A bare "no" is a denial when somebody in the turn asked "are you a bot?", a bare "yes" when they asked "is it
    really you?". There is nothing to set: people may be told late that they talked to a stand-in, never wrongly.
    """

    name: str = "denial"

    async def judge(self, subject: DraftText) -> Verdict:
        """REWRITE or ALLOW."""
        texts = [message.text for message in subject.turn.messages if not message.own]
        asked = any(asks_whether_bot(text, subject.persona_names) for text in texts)
        asked_person = any(asks_whether_person(text, subject.persona_names) for text in texts)
        facts = {"asked": asked}
        if denies_being_bot(subject.text, asked, asked_person, subject.persona_names):
            return Verdict(Outcome.REWRITE, self.name, "the draft denies being a machine", facts)
        return Verdict(Outcome.ALLOW, self.name, "the draft denies nothing", facts)
