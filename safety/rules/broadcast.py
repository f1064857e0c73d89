"""Draft rule `broadcast`: nobody pings a whole chat through the stand-in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from safety.folding import fold
from safety.subject import DraftText
from safety.verdict import Outcome, Verdict

# Discord pings for these two wherever they stand, also inside a longer word.
_ANYWHERE = r"@(?:everyone|here)"
# A Discord role, and Slack's way of writing the same pings.
_MARKUP = r"<@&\d+>|<!(?:everyone|here|channel|subteam)\b"


@dataclass(frozen=True, slots=True)
class BroadcastSettings:
    """`names` that, after an @, address everybody somewhere (Slack, Matrix, WhatsApp, Telegram)."""

    names: tuple[str, ...] = ("channel", "room", "all", "group", "alle", "todos", "tous")


@dataclass(frozen=True, slots=True)
class BroadcastRule:
    """Drops a draft that would ping everyone.

    The messenger's connector disarms such pings too; a model that writes them has left the persona.
    """

    settings: BroadcastSettings = BroadcastSettings()
    name: str = "broadcast"

    async def judge(self, subject: DraftText) -> Verdict:
        """DROP or ALLOW. Invisible characters and full-width forms inside a ping do not hide it."""
        names = "|".join(re.escape(fold(name)) for name in self.settings.names if fold(name))
        pattern = f"{_ANYWHERE}|{_MARKUP}" + (rf"|@(?:{names})(?!\w)" if names else "")
        if re.search(pattern, fold(subject.text)):
            return Verdict(Outcome.DROP, self.name, "the draft pings everybody")
        return Verdict(Outcome.ALLOW, self.name, "the draft pings nobody at large")
