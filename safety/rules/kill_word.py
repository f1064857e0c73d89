"""Draft rule `kill_word`: the stand-in never says the kill word itself."""

from __future__ import annotations

from dataclasses import dataclass

from safety.kill_word import KillWords
from safety.subject import DraftText
from safety.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class KillWordRule:
    """Drops a draft with a kill word in it, in any disguise, also one that only the bubbles together spell.

    The chat's own words count as well as those of all chats.

    Sent, it would kill the sender's own chat, and teach the others that the word means nothing.
    """

    kill_words: KillWords
    name: str = "kill_word"

    async def judge(self, subject: DraftText) -> Verdict:
        """DROP or ALLOW. The word is not named: the journal's readers know it."""
        if self.kill_words.beside(subject.policy.kill_words).found_in(subject.text) is None:
            return Verdict(Outcome.ALLOW, self.name, "no kill word in the draft")
        return Verdict(Outcome.DROP, self.name, "the draft contains a kill word")
