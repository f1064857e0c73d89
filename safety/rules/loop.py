"""Gate rule `loop`: the stand-in leaves a conversation that only a machine could be having with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from chat.message import Message
from chat.transcript import bursts
from safety.folding import fold
from safety.subject import Gate
from safety.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """When a to-and-fro with one account looks like two bots. Raises ValueError below 2 exchanges.

    `exchanges` is how many times in a row the stand-in and that one account have answered each other, nobody else
    having written; `reply_seconds` the median of its replies below which no person types; `texts` how many different
    texts it may say at most in all of them and still be taken for a machine that repeats itself.
    `minutes` after the stand-in's last message the conversation counts as a new one.
    """

    exchanges: int = 5
    reply_seconds: float = 2.0
    texts: int = 2
    minutes: float = 30.0

    def __post_init__(self) -> None:
        if self.exchanges < 2 or self.texts < 0 or not self.minutes > 0 or not self.reply_seconds >= 0:
            raise ValueError("a loop takes at least 2 exchanges; the other figures are not negative")


@dataclass(frozen=True, slots=True)
class _Exchange:
    """What the stand-in said last, and what one account answered."""

    seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class LoopRule:
    """Drops a turn that goes on a loop with an account which no messenger has marked as a bot.

    Marked bots among themselves are the rule `echo`'s business, which counts their turns. The way out is a person: as
    soon as anybody else writes, the owner included, it is a conversation again.
    """

    settings: LoopSettings = LoopSettings()
    name: str = "loop"

    async def judge(self, subject: Gate) -> Verdict:
        """ALLOW or DROP, with how many exchanges there were."""
        if subject.turn.last.author.is_bot:
            return Verdict(Outcome.ALLOW, self.name, "a marked bot: the rule echo counts its turns")
        exchanges = _exchanges(subject.turn.transcript, subject.now, self.settings.minutes * 60)
        count = len(exchanges)
        facts: dict[str, int | float] = {"exchanges": count}
        if count < self.settings.exchanges:
            return Verdict(Outcome.ALLOW, self.name, "no loop", facts)
        pace = median(exchange.seconds for exchange in exchanges)
        texts = len({exchange.text for exchange in exchanges})
        facts |= {"median_seconds": round(pace, 3), "different_texts": texts}
        if texts <= self.settings.texts:
            reason = f"{count} exchanges with one account that keeps saying the same"
        elif pace < self.settings.reply_seconds:
            reason = f"{count} exchanges with one account that answers faster than people type"
        else:
            return Verdict(Outcome.ALLOW, self.name, "a lively conversation, and no loop", facts)
        return Verdict(Outcome.DROP, self.name, f"{reason}: another bot?", facts)


def _exchanges(transcript: Sequence[Message], now: datetime, seconds: float) -> list[_Exchange]:
    """The newest exchanges between the stand-in and one account alone, newest first."""
    runs = list(bursts(transcript))
    found: list[_Exchange] = []
    for mine, theirs in zip(reversed(runs[:-1]), reversed(runs[1:]), strict=True):
        if theirs[0].own:
            continue
        # The owner among them makes it a person's conversation.
        alone = all(message.stand_in for message in mine)
        if not alone or theirs[0].author.id != runs[-1][0].author.id:
            break
        if not found and (now - mine[-1].sent_at).total_seconds() > seconds:
            break
        waited = (theirs[0].sent_at - mine[-1].sent_at).total_seconds()
        if waited > seconds:
            break
        found.append(_Exchange(waited, fold(" ".join(message.text for message in theirs))))
    return found
