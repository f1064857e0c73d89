"""Gate rule `mode`: a chat that is off is not answered."""

from __future__ import annotations

from dataclasses import dataclass

from safety.mode import Mode
from safety.subject import Gate
from safety.verdict import Outcome, Verdict

_WRITING = (Mode.SHADOW, Mode.MANUAL, Mode.AUTO)


@dataclass(frozen=True, slots=True)
class ModeRule:
    """Drops in `off`. In the other modes a draft is written; what may become of it is decided later."""

    name: str = "mode"

    async def judge(self, subject: Gate) -> Verdict:
        """ALLOW in a mode that writes drafts, DROP in any other."""
        mode = subject.policy.mode
        facts = {"mode": str(mode)}
        if mode in _WRITING:
            return Verdict(Outcome.ALLOW, self.name, f"the chat is in mode {mode}", facts)
        return Verdict(Outcome.DROP, self.name, "the chat is off", facts)
