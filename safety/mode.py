"""A chat's mode, and what else its owner set about being answered there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
    never, 1 is always. Raises ValueError outside that range.
    """

    mode: Mode = Mode.OFF
    probability: float = 0.0

    def __post_init__(self) -> None:
        # Written so that NaN is refused, too.
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError("a probability lies between 0 and 1")
