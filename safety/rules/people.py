"""Gate rule `people`: who is answered at all, by the owner's lists."""

from __future__ import annotations

from dataclasses import dataclass

from chat.message import Message
from safety.subject import Gate
from safety.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class PeopleSettings:
    """People as `messenger/author-id`. With `allow`, nobody else is answered; `block` wins over it.

    Raises ValueError for an entry of another form: a list that matches nobody protects nobody.
    """

    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for person in (*self.allow, *self.block):
            messenger, slash, author = person.partition("/")
            if not (messenger and slash and author):
                raise ValueError("a person is written messenger/author-id")


@dataclass(frozen=True, slots=True)
class PeopleRule:
    """Drops a turn in which nobody wrote whom the lists let through.

    What the others say still stands in the transcript: who writes in a chat is read there. To keep somebody's
    words out of it, withdraw their consent.
    """

    settings: PeopleSettings = PeopleSettings()
    name: str = "people"

    async def judge(self, subject: Gate) -> Verdict:
        """ALLOW or DROP, with how many of the turn's messages count."""
        others = subject.others
        counted = sum(self._lets_through(message) for message in others)
        facts = {"messages": len(others), "by_people_on_the_lists": counted}
        if counted:
            return Verdict(Outcome.ALLOW, self.name, "somebody wrote who may be answered", facts)
        return Verdict(Outcome.DROP, self.name, "the lists let none of those through who wrote", facts)

    def _lets_through(self, message: Message) -> bool:
        person = f"{message.chat.messenger}/{message.author.id}"
        if person in self.settings.block:
            return False
        return not self.settings.allow or person in self.settings.allow
