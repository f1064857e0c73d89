"""Draft rule `broadcast`: nobody pings a whole chat through the stand-in."""

from __future__ import annotations

from dataclasses import dataclass, field

from safety.pings import Pings, mentions_in
from safety.subject import DraftText
from safety.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class BroadcastSettings:
    """What pings too many.

    `names` are those that, after an @, address everybody somewhere (Slack, Matrix, WhatsApp, Telegram). `mentions` is
    how many people one draft may address with an @. ValueError below 0.
    """

    names: tuple[str, ...] = ("channel", "room", "all", "group", "alle", "todos", "tous")
    mentions: int = 3

    def __post_init__(self) -> None:
        if self.mentions < 0:
            raise ValueError("mentions is 0 or more")


@dataclass(frozen=True, slots=True)
class BroadcastRule:
    """Drops a draft that would ping everyone, or more people than are allowed at once.

    The writer disarms pings in what the model wrote, so this is the net behind it, and the rule for what moderators
    edit. The messenger's connector disarms them once more.
    """

    settings: BroadcastSettings = BroadcastSettings()
    name: str = "broadcast"
    _pings: Pings = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pings", Pings(self.settings.names))

    async def judge(self, subject: DraftText) -> Verdict:
        """DROP or ALLOW, with the count of mentions."""
        if self._pings.found_in(subject.text):
            return Verdict(Outcome.DROP, self.name, "the draft pings everybody")
        mentions, most = mentions_in(subject.text), self.settings.mentions
        if mentions > most:
            reason = f"the draft pings {mentions} people, at most {most} are allowed"
            return Verdict(Outcome.DROP, self.name, reason, {"mentions": mentions})
        return Verdict(Outcome.ALLOW, self.name, "the draft pings nobody at large")
