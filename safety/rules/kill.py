"""Gate rule `kill`: while a kill is in force, nothing is answered."""

from __future__ import annotations

from dataclasses import dataclass

from safety.subject import Gate
from safety.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class KillRule:
    """Stops while a kill stands, even one whose scope names another chat: who handed it over had a reason.

    This saves the model's time. What keeps bubbles from leaving is the fence, which asks again.
    """

    name: str = "kill"

    async def judge(self, subject: Gate) -> Verdict:
        """STOP with the kill's scope, author and time, or ALLOW."""
        kill = subject.kill
        if kill is None:
            return Verdict(Outcome.ALLOW, self.name, "no kill is in force")
        facts = {"scope": str(kill.scope), "by": kill.by, "at": kill.at.isoformat()}
        return Verdict(Outcome.STOP, self.name, f"a kill is in force ({kill.scope})", facts)
