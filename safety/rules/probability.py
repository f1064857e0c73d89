"""Gate rule `probability`: always when addressed, else as often as the chat's owner set."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from chat.message import ChatKey
from safety.folding import fold, is_spaceless
from safety.subject import Gate
from safety.verdict import Outcome, Verdict


def draw(chat: ChatKey, message_id: str) -> float:
    """A number in [0, 1) that follows from a chat and a message's id, so that a retry draws the same."""
    digest = hashlib.sha256(f"{chat}\0{message_id}".encode()).digest()
    # 53 bits, which a float holds exactly: more would round up to 1.0 now and then.
    return (int.from_bytes(digest[:8]) >> 11) / 2**53


def is_named(text: str, names: Sequence[str]) -> bool:
    """Whether one of the names stands in the text as a word of its own.

    Letter case, accents and width do not matter; `@sam`, `Sam's` and `sam!` count, `same` does not.
    In scripts written without spaces a name counts wherever it stands.
    """
    patterns = [_pattern(words) for name in names if (words := fold(name).split())]
    return bool(patterns) and re.search("|".join(patterns), fold(text)) is not None


def _pattern(words: Sequence[str]) -> str:
    """The words of one name, guarded only at ends where a longer word could go on."""
    name = r"\s+".join(re.escape(word) for word in words)
    before, after = words[0][0], words[-1][-1]
    head = r"(?<!\w)" if before.isalnum() and not is_spaceless(before) else ""
    tail = r"(?!\w)" if after.isalnum() and not is_spaceless(after) else ""
    return f"(?:{head}{name}{tail})"


@dataclass(frozen=True, slots=True)
class ProbabilityRule:
    """Allows a turn in which a person named the persona or replied to it; else the draw decides.

    A persona that was addressed answers even where the probability is 0: a chat that is to be left
    alone altogether is `off`. Other bots cannot address it.
    """

    name: str = "probability"

    async def judge(self, subject: Gate) -> Verdict:
        """ALLOW or DROP, with the draw, the probability and whether the persona was addressed."""
        probability = subject.policy.probability
        drawn = draw(subject.turn.chat.key, subject.turn.last.id)
        addressed = _addressed(subject)
        facts = {"draw": drawn, "probability": probability, "addressed": addressed}
        if addressed:
            return Verdict(Outcome.ALLOW, self.name, "the persona was named or replied to", facts)
        if drawn < probability:
            return Verdict(Outcome.ALLOW, self.name, f"drawn: {drawn:.3f} is below {probability:g}", facts)
        return Verdict(Outcome.DROP, self.name, f"not drawn: {drawn:.3f} is not below {probability:g}", facts)


def _addressed(subject: Gate) -> bool:
    return any(
        message.reply_to in subject.own_ids or is_named(message.text, subject.persona_names)
        for message in subject.others
        if not message.author.is_bot
    )
