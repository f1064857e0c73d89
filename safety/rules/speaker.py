"""Draft rule `speaker`: the stand-in speaks for nobody else, and writes no prompt markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from safety.folding import fold
from safety.subject import DraftText
from safety.verdict import Outcome, Verdict

# Tokens that open or close roles, turns and thoughts in the chat templates of the models in use.
_CONTROL = re.compile(
    r"<\|[^\n]{0,40}?\|>|\[/?inst\]|<</?sys>>|</?s>|<(?:bos|eos|pad)>"
    r"|<(?:start|end)_of_turn>|</?think>"
)
_ROLES = ("user", "assistant", "system")
# What may stand before a speaker's name: quote marks, list marks, emphasis, a time. No @: that is a mention.
_LEAD = r"[^\w@]*(?:\d[\d:.,/\-\s]*(?:[ap]m)?[^\w@]+)?"


@dataclass(frozen=True, slots=True)
class SpeakerRule:
    """Asks for another sample when a line begins with a speaker's label, or a control token stands in it.

    Labels are the names of all who wrote in the transcript, their first names, the persona's own names
    and the roles of a prompt, followed by a colon or in brackets. `@Mia: look` is a mention, no label.
    """

    name: str = "speaker"

    async def judge(self, subject: DraftText) -> Verdict:
        """REWRITE or ALLOW; who was spoken for is not named."""
        if _CONTROL.search(fold(subject.text)):
            return Verdict(Outcome.REWRITE, self.name, "the draft contains a control token")
        labels = "|".join(sorted({re.escape(label) for label in _labels(subject)}))
        # Emphasis and brackets may close before the colon; :// is an address, no label.
        pattern = re.compile(rf"{_LEAD}(?:{labels})(?!\w)[^\w:]*:(?!//)|\s*[<\[](?:{labels})[>\]]")
        for line in subject.text.splitlines():
            if pattern.match(fold(line)):
                return Verdict(Outcome.REWRITE, self.name, "a line begins with a speaker's label")
        return Verdict(Outcome.ALLOW, self.name, "the draft speaks for the persona alone")


def _labels(subject: DraftText) -> Iterator[str]:
    yield from _ROLES
    names = (*(message.author.name for message in subject.turn.transcript), *subject.persona_names)
    for name in names:
        words = re.findall(r"\w+", fold(name))
        if words:
            yield words[0]
            yield fold(name).strip()
