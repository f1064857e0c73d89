"""A chat's mode, and what else its owner set about being answered there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from safety.disclosure import DEFAULT, Disclosure


class Mode(StrEnum):
    """What happens with a draft in a chat. A new chat is `off`; an enabled one starts `manual`."""

    OFF = "off"
    """Nothing is written."""
    SHADOW = "shadow"
    """Drafts are written and scored, never sent."""
    MANUAL = "manual"
    """A moderator approves each draft."""
    AUTO = "auto"
    """Drafts that every rule allows are sent."""


@dataclass(frozen=True, slots=True)
class ChatPolicy:
    """What the owner set for one chat. The default is the one for a chat that nobody enabled.

    `probability` is the share of turns that are answered when nobody addressed the persona: 0 is
    never, 1 is always; `mention_probability` where it was named, `reply_probability` where somebody replied
    to it. `kill_words` are the chat's own, beside those that hold everywhere. Raises ValueError for a
    probability outside 0 to 1.
    """

    mode: Mode = Mode.OFF
    probability: float = 0.0
    mention_probability: float = 1.0
    reply_probability: float = 1.0
    kill_words: tuple[str, ...] = ()
    disclosure: frozenset[Disclosure] = DEFAULT
    """How the people in the chat are told; never nothing."""

    def __post_init__(self) -> None:
        if not self.disclosure:
            raise ValueError("a chat is told somehow: announced, marked or revealed")
        for probability in (self.probability, self.mention_probability, self.reply_probability):
            # Written so that NaN is refused, too.
            if not 0.0 <= probability <= 1.0:
                raise ValueError("a probability lies between 0 and 1")
