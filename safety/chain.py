"""The two lists of rules, in the order in which they are asked.

The gate's list: who stands above all else first, then who and when, then chance, and the rate limit last, for
only a turn that would be answered may count. The draft's list: what no other sample mends before what one may
mend, save for length: a draft that is too long because it loops deserves the second sample that a loop gets.
Moderation last, for asking a classifier may take time and money, and shows the text to another machine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from safety.kill_word import KillWords
from safety.moderation.classifier import Classifier
from safety.moderation.lexicon import Lexicon
from safety.moderation.settings import ModerationSettings
from safety.owed import UnlessOwed
from safety.policy import Rule
from safety.rules.broadcast import BroadcastRule, BroadcastSettings
from safety.rules.commitment import CommitmentRule, CommitmentSettings
from safety.rules.consent import ConsentRule
from safety.rules.cooldown import CooldownRule, CooldownSettings
from safety.rules.crisis import CrisisRule
from safety.rules.denial import DenialRule
from safety.rules.echo import EchoRule, EchoSettings
from safety.rules.injection import InjectionRule, InjectionSettings
from safety.rules.kill import KillRule
from safety.rules.kill_word import KillWordRule
from safety.rules.leak import LeakRule, LeakSettings, Secrets
from safety.rules.length import LengthRule, LengthSettings
from safety.rules.loop import LoopRule, LoopSettings
from safety.rules.mode import ModeRule
from safety.rules.moderation import ModerationRule
from safety.rules.owner_present import OwnerPresentRule, OwnerPresentSettings
from safety.rules.people import PeopleRule, PeopleSettings
from safety.rules.personal_data import PersonalDataRule, PersonalDataSettings
from safety.rules.probability import ProbabilityRule, ProbabilitySettings
from safety.rules.quiet_hours import QuietHoursRule, QuietHoursSettings
from safety.rules.rate_limit import RateLimitRule, RateLimitSettings
from safety.rules.repetition import RepetitionRule, RepetitionSettings
from safety.rules.speaker import SpeakerRule
from safety.subject import DraftText, Gate
from safety.window import Windows

GATE_RULES: Final = (
    *("kill", "mode", "consent", "owner_present", "echo", "loop", "people", "quiet_hours"),
    *("cooldown", "probability", "rate_limit"),
)
DRAFT_RULES: Final = (
    *("kill_word", "crisis", "commitment", "injection", "broadcast", "personal_data"),
    *("speaker", "denial", "leak", "repetition", "length", "moderation"),
)
ESSENTIAL_RULES: Final = frozenset({"kill", "mode", "consent", "echo", "kill_word", "denial"})
"""Those that cannot be switched off: the promises hang on them."""

Subject = TypeVar("Subject")


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What can be set of the gate's rules. Mode and probabilities are set for each chat, in its policy."""

    echo: EchoSettings = EchoSettings()  # noqa: RUF009 - frozen
    loop: LoopSettings = LoopSettings()  # noqa: RUF009 - frozen
    people: PeopleSettings = PeopleSettings()  # noqa: RUF009 - frozen
    quiet_hours: QuietHoursSettings = QuietHoursSettings()  # noqa: RUF009 - frozen
    cooldown: CooldownSettings = CooldownSettings()  # noqa: RUF009 - frozen
    probability: ProbabilitySettings = ProbabilitySettings()  # noqa: RUF009 - frozen
    rate_limit: RateLimitSettings = RateLimitSettings()  # noqa: RUF009 - frozen
    owner_present: OwnerPresentSettings = OwnerPresentSettings()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class DraftSettings:
    """What can be set of the draft's rules."""

    broadcast: BroadcastSettings = BroadcastSettings()  # noqa: RUF009 - frozen
    commitment: CommitmentSettings = CommitmentSettings()  # noqa: RUF009 - frozen
    injection: InjectionSettings = InjectionSettings()  # noqa: RUF009 - frozen
    personal_data: PersonalDataSettings = PersonalDataSettings()  # noqa: RUF009 - frozen
    repetition: RepetitionSettings = RepetitionSettings()  # noqa: RUF009 - frozen
    leak: LeakSettings = LeakSettings()  # noqa: RUF009 - frozen
    length: LengthSettings = LengthSettings()  # noqa: RUF009 - frozen
    moderation: ModerationSettings = ModerationSettings()  # noqa: RUF009 - frozen


def gate_rules(
    windows: Windows, settings: GateSettings | None = None, off: Collection[str] = ()
) -> tuple[Rule[Gate], ...]:
    """May this turn be answered? `off` names rules that are not asked; see `check_off`."""
    settings = settings or GateSettings()
    rules: tuple[Rule[Gate], ...] = (
        KillRule(),
        ModeRule(),
        ConsentRule(),
        OwnerPresentRule(settings.owner_present),
        EchoRule(settings.echo),
        LoopRule(settings.loop),
        PeopleRule(settings.people),
        UnlessOwed(QuietHoursRule(settings.quiet_hours)),
        UnlessOwed(CooldownRule(settings.cooldown)),
        UnlessOwed(ProbabilityRule(settings.probability)),
        RateLimitRule(windows, settings.rate_limit),
    )
    return _without(rules, off)


def draft_rules(
    kill_words: KillWords,
    settings: DraftSettings | None = None,
    classifier: Classifier | None = None,
    off: Collection[str] = (),
    secrets: Callable[[], Secrets] = Secrets,
) -> tuple[Rule[DraftText], ...]:
    """May this text leave? Without a classifier, the built-in lexicon moderates. For `off` see `check_off`.

    `secrets` reads what the persona must not recite; see `safety.rules.leak`.
    """
    settings = settings or DraftSettings()
    rules: tuple[Rule[DraftText], ...] = (
        KillWordRule(kill_words),
        CrisisRule(),
        CommitmentRule(settings.commitment),
        InjectionRule(settings.injection),
        BroadcastRule(settings.broadcast),
        PersonalDataRule(settings.personal_data),
        SpeakerRule(),
        DenialRule(),
        LeakRule(secrets, settings.leak),
        RepetitionRule(settings.repetition),
        LengthRule(settings.length),
        ModerationRule(classifier or Lexicon(), settings.moderation),
    )
    return _without(rules, off)


def check_off(names: Collection[str]) -> None:
    """Raise ValueError for the name of no rule, and for a rule that cannot be switched off."""
    for name in names:
        if name in ESSENTIAL_RULES:
            raise ValueError(f"the rule {name} cannot be switched off")
        if name not in (*GATE_RULES, *DRAFT_RULES):
            raise ValueError(f"there is no rule {name}: `understudy rules` lists them")


def _without(rules: Sequence[Rule[Subject]], off: Collection[str]) -> tuple[Rule[Subject], ...]:
    check_off(off)
    return tuple(rule for rule in rules if rule.name not in off)
