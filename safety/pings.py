"""Pings: what makes everybody's phone ring at once, on any messenger."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from safety.folding import fold, fold_character, fold_with_origins

# Discord pings for these two wherever they stand, also inside a longer word; Zulip has stars after the at sign.
_ANYWHERE: Final = r"(?<!@)@+[*_]{0,3}(?P<word>everyone|here)"
# A Discord role, and Slack's way of writing groups and the same pings.
_MARKUP: Final = (
    r"<@&\d+>?|<!subteam(?:\^[^<>\s]{0,100}>?)?|<!(?P<marked>everyone|here|channel)(?:\|[^<>\s]{0,100})?>?"
)
# One person each: Discord, Slack, WhatsApp (a number), and a name. Not a mail address.
_MENTION: Final = re.compile(r"<@!?\w+>|(?<![\w.@<])@[\w.]+")
_PASSES: Final = 3


@dataclass(frozen=True, slots=True)
class Pings:
    """Finds and disarms pings of everybody.

    `names` are those that, after an @, address everybody somewhere (Slack, Matrix, WhatsApp, Telegram, Mattermost).
    Invisible characters, accents and full-width forms inside a ping do not hide it.
    """

    names: tuple[str, ...] = ("channel", "room", "all", "group", "alle", "todos", "tous")
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = "|".join(re.escape(fold(name)) for name in self.names if fold(name))
        named = rf"|(?<!@)@+[*_]{{0,3}}(?P<named>{names})(?!\w)" if names else "|(?P<named>(?!))"
        object.__setattr__(self, "_pattern", re.compile(f"{_MARKUP}|{_ANYWHERE}{named}"))

    def found_in(self, text: str) -> bool:
        """Whether a text pings everybody."""
        return self._pattern.search(fold(text)) is not None

    def disarmed(self, text: str) -> tuple[str, int]:
        """The text without pings of everybody, and how many there were: "@everyone" becomes "everyone"."""
        count = 0
        # What is left of one ping may make another with what stood around it.
        for _ in range(_PASSES):
            text, found = self._without(text)
            count += found
            if not found:
                return text, count
        if self.found_in(text):
            text = "".join(character for character in text if fold_character(character) not in {"@", "<"})
        return text, count

    def _without(self, text: str) -> tuple[str, int]:
        folded, origins = fold_with_origins(text)
        parts: list[str] = []
        done = count = 0
        for ping in self._pattern.finditer(folded):
            kept = next((name for name in ("word", "marked", "named") if ping[name]), None)
            parts.append(text[done : origins[ping.start()]])
            done = origins[ping.end() - 1] + 1
            if kept is not None:
                parts.append(text[origins[ping.start(kept)] : origins[ping.end(kept) - 1] + 1])
            count += 1
        return "".join(parts) + text[done:], count


def mentions_in(text: str) -> int:
    """How many people a text addresses with an @, each once."""
    return len(set(_MENTION.findall(fold(text))))
