"""The two lists of rules, in the order in which they are asked.

The gate's list: cheap refusals first, and the rate limit last, for only a turn that would be answered
may count. The draft's list: what no other sample mends before what one may mend, save for length: a
draft that is too long because it loops deserves the second sample that a loop gets. Moderation last, for
asking a classifier may take time and money, and shows the text to another machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from safety.kill_word import KillWords
from safety.moderation.classifier import Classifier
from safety.moderation.lexicon import Lexicon
from safety.moderation.settings import ModerationSettings
from safety.policy import Rule
from safety.rules.broadcast import BroadcastRule, BroadcastSettings
from safety.rules.crisis import CrisisRule
from safety.rules.echo import EchoRule
from safety.rules.kill import KillRule
from safety.rules.kill_word import KillWordRule
from safety.rules.length import LengthRule, LengthSettings
from safety.rules.mode import ModeRule
from safety.rules.moderation import ModerationRule
from safety.rules.probability import ProbabilityRule
from safety.rules.rate_limit import RateLimitRule, RateLimitSettings
from safety.rules.repetition import RepetitionRule, RepetitionSettings
from safety.rules.speaker import SpeakerRule
from safety.subject import DraftText, Gate
from safety.window import Windows


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What can be set of the gate's rules. Mode and probability are set for each chat, in its policy."""

    rate_limit: RateLimitSettings = RateLimitSettings()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class DraftSettings:
    """What can be set of the draft's rules."""

    broadcast: BroadcastSettings = BroadcastSettings()  # noqa: RUF009 - frozen
    repetition: RepetitionSettings = RepetitionSettings()  # noqa: RUF009 - frozen
    length: LengthSettings = LengthSettings()  # noqa: RUF009 - frozen
    moderation: ModerationSettings = ModerationSettings()  # noqa: RUF009 - frozen


def gate_rules(windows: Windows, settings: GateSettings | None = None) -> tuple[Rule[Gate], ...]:
    """May this turn be answered?"""
    settings = settings or GateSettings()
    return (
        KillRule(),
        ModeRule(),
        EchoRule(),
        ProbabilityRule(),
        RateLimitRule(windows, settings.rate_limit),
    )


def draft_rules(
    kill_words: KillWords, settings: DraftSettings | None = None, classifier: Classifier | None = None
) -> tuple[Rule[DraftText], ...]:
    """May this text leave? Without a classifier, the built-in lexicon moderates."""
    settings = settings or DraftSettings()
    return (
        KillWordRule(kill_words),
        CrisisRule(),
        BroadcastRule(settings.broadcast),
        SpeakerRule(),
        RepetitionRule(settings.repetition),
        LengthRule(settings.length),
        ModerationRule(classifier or Lexicon(), settings.moderation),
    )
