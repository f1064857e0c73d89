"""Draft rule `injection`: where somebody gives the model instructions, a person looks before it answers."""

from __future__ import annotations

from dataclasses import dataclass

from safety.injection import signs_of
from safety.subject import DraftText
from safety.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class InjectionSettings:
    """`history_messages`: how many messages before the turn count as well. ValueError below 0.

    The model is shown them too: an instruction may come first, and what sets it off after it.
    """

    history_messages: int = 5

    def __post_init__(self) -> None:
        if self.history_messages < 0:
            raise ValueError("history_messages is 0 or more")


@dataclass(frozen=True, slots=True)
class InjectionRule:
    """Holds the draft when somebody else's message shows signs of smuggled instructions.

    What a template would take for its own marks is defused in the prompt all the same (`safety.injection`).
    """

    settings: InjectionSettings = InjectionSettings()
    name: str = "injection"

    async def judge(self, subject: DraftText) -> Verdict:
        """HOLD or ALLOW; the facts name the kinds of signs and the number of messages."""
        count = self.settings.history_messages
        recent = (*(subject.turn.history[-count:] if count else ()), *subject.turn.messages)
        found = [signs for message in recent if not message.own and (signs := signs_of(message.text))]
        if found:
            kinds = ", ".join(dict.fromkeys(kind for signs in found for kind in signs))
            facts: dict[str, str | int] = {"signs": kinds, "messages": len(found)}
            return Verdict(Outcome.HOLD, self.name, f"somebody may be instructing the model ({kinds})", facts)
        return Verdict(Outcome.ALLOW, self.name, "nobody instructs the model")
