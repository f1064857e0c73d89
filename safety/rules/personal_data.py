"""Draft rule `personal_data`: nobody's number, address, account or code slips out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from safety.folding import fold
from safety.personal_data import Found, Kind, Recognisers, asks_for_code, domain_of
from safety.subject import DraftText
from safety.verdict import Outcome, Verdict

_WORDS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.LINK: "a link",
        Kind.MAIL: "a mail address",
        Kind.PHONE: "a phone number",
        Kind.ADDRESS: "a postal address",
        Kind.CODE: "a code or password",
        Kind.CARD: "a credit card",
        Kind.IBAN: "a bank account",
        Kind.WALLET: "a crypto wallet",
        Kind.IP: "an IP address",
        Kind.NATIONAL_ID: "a national identity number",
    }
)
_OUTCOMES: Final[Mapping[Kind, Outcome]] = MappingProxyType(
    dict.fromkeys(Kind, Outcome.HOLD) | dict.fromkeys((Kind.CARD, Kind.IBAN, Kind.NATIONAL_ID), Outcome.DROP)
)
_THRESHOLDS: Final[Mapping[Kind, float]] = MappingProxyType(dict.fromkeys(Kind, 0.5) | {Kind.PHONE: 0.4})
_STRICTNESS: Final = tuple(Outcome)


@dataclass(frozen=True, slots=True)
class PersonalDataSettings:
    """What is done about which kind of personal data. Raises ValueError for what makes no sense.

    `outcomes` by kind: `allow`, `hold`, `rewrite` or `drop`. Those not named are held, but for cards, IBANs and
    national ids, which are dropped. `thresholds` by kind: how sure a recogniser must be, above 0 and at most 1 (0.5;
    phone numbers 0.4, all that their recogniser ever is). `domains` are those to which links are allowed, with all
    below them. `echoes` are the kinds that may be said again when somebody in this very turn wrote the same.
    `longest` is how many characters are searched; a longer draft is dropped.
    """

    outcomes: Mapping[Kind, Outcome] = field(default_factory=dict)
    thresholds: Mapping[Kind, float] = field(default_factory=dict)
    domains: tuple[str, ...] = ()
    echoes: tuple[Kind, ...] = ()
    longest: int = 4000

    def __post_init__(self) -> None:
        if Outcome.STOP in self.outcomes.values():
            raise ValueError("an outcome of personal data is allow, hold, rewrite or drop")
        if not all(0 < threshold <= 1 for threshold in self.thresholds.values()):
            raise ValueError("a threshold lies above 0 and is at most 1")
        if self.longest < 1:
            raise ValueError("longest is at least 1")


@dataclass(frozen=True, slots=True)
class PersonalDataRule:
    """Holds or drops a draft with personal data in it, found by Presidio's pattern recognisers and our own.

    They are loaded when the first draft is judged; where they cannot be, nothing leaves.
    """

    settings: PersonalDataSettings = PersonalDataSettings()
    name: str = "personal_data"

    async def judge(self, subject: DraftText) -> Verdict:
        """ALLOW, HOLD, REWRITE or DROP: the strictest that one of the kinds asks for; the facts count them."""
        text = subject.text
        if len(text) > self.settings.longest:
            reason = "the draft is too long to be searched for personal data"
            return Verdict(Outcome.DROP, self.name, reason, {"characters": len(text)})
        said = [message.text for message in subject.turn.messages if not message.own]
        # Off the event loop: the first time files are read, and a text may take a tenth of a second.
        found = await asyncio.to_thread(_find, text, any(map(asks_for_code, said)))
        heard = fold("\n".join(said))
        kinds = Counter(one.kind for one in _without_overlaps(found) if self._counts(one, heard))
        outcomes = {kind: self.settings.outcomes.get(kind, _OUTCOMES[kind]) for kind in kinds}
        facts = {kind.value: count for kind, count in sorted(kinds.items())}
        outcome = max(outcomes.values(), key=_STRICTNESS.index, default=Outcome.ALLOW)
        if outcome is Outcome.ALLOW:
            return Verdict(outcome, self.name, "the draft holds no personal data that is kept back", facts)
        what = ", ".join(_WORDS[kind] for kind in Kind if outcomes.get(kind) is outcome)
        return Verdict(outcome, self.name, f"the draft may hold personal data ({what})", facts)

    def _counts(self, found: Found, heard: str) -> bool:
        if found.score < self.settings.thresholds.get(found.kind, _THRESHOLDS[found.kind]):
            return False
        if found.kind in self.settings.echoes and fold(found.text) in heard:
            return False
        return found.kind is not Kind.LINK or not self._known(domain_of(found.text))

    def _known(self, domain: str) -> bool:
        return any(
            domain == known or domain.endswith(f".{known}")
            for known in map(str.casefold, self.settings.domains)
        )


def _find(text: str, code_asked: bool) -> tuple[Found, ...]:
    return Recognisers.open().find(text, code_asked=code_asked)


def _without_overlaps(found: tuple[Found, ...]) -> set[Found]:
    """Each piece once: several patterns may find the same one, or a part of it."""
    return {
        one
        for one in set(found)
        if not any(
            one.kind is more.kind and one.text != more.text and one.text in more.text for more in found
        )
    }
