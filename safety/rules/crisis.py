"""Draft rule `crisis`: somebody who speaks of dying or of hurting themselves is answered by a person."""

from __future__ import annotations

import re
from dataclasses import dataclass

from safety.folding import fold
from safety.subject import DraftText
from safety.verdict import Outcome, Verdict

_SIGNS = (
    r"kill(?:ing)? myself",
    r"end(?:ing)? (?:my life|it all)",
    r"tak(?:e|ing) my (?:own )?life",
    r"(?:want|going|ready) to die",
    r"wanna die",
    r"suicid(?:e|al)",
    r"hurt(?:ing)? myself",
    r"cut(?:ting)? myself",
    r"self[ -]?harm(?:ing)?",
    r"(?:dont|don't|do not) want to (?:live|be alive)",
    r"better off without me",
)


@dataclass(frozen=True, slots=True)
class CrisisRule:
    """Holds the draft for a moderator, in auto mode too, when the turn holds such words.

    A short list of English phrases: the floor under the classifiers, not one of them. It holds once too often rather
    than once too seldom; "this queue makes me want to die" waits for a person as well.
    """

    name: str = "crisis"

    async def judge(self, subject: DraftText) -> Verdict:
        """HOLD or ALLOW, by what the others wrote in the turn."""
        pattern = rf"(?<!\w)(?:{'|'.join(_SIGNS)})(?!\w)"
        if any(
            re.search(pattern, " ".join(fold(message.text).replace("’", "'").split()))
            for message in subject.turn.messages
            if not message.own
        ):
            return Verdict(Outcome.HOLD, self.name, "somebody may be in distress: a person should answer")
        return Verdict(Outcome.ALLOW, self.name, "nobody speaks of dying")
