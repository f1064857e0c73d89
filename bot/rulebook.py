"""The rulebook: the two chains as they are asked, what each rule does, and how often it said what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.clock import Clock
from bot.store.store import Store
from safety.chain import ESSENTIAL_RULES
from safety.policy import Rule
from safety.verdict import Outcome

KEPT_DAYS: Final = 31
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class RulebookEntry:
    """One rule: `chain` is `gate` or `draft`, `does` says in a sentence what it is for."""

    chain: str
    name: str
    does: str
    on: bool
    optional: bool
    """Whether it may be switched off."""
    verdicts: Mapping[Outcome, int]
    """How often it said what. A rule behind one that refused is not asked."""


class Rulebook:
    """Reads what settling turns counts. The counts are of nobody in particular; days are those of UTC."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        gate: Sequence[Rule[Any]],
        draft: Sequence[Rule[Any]],
        off: Collection[str],
    ) -> None:
        self._store = store
        self._clock = clock
        self._chains = {"gate": gate, "draft": draft}
        self._off = off

    async def read(self, days: int = KEPT_DAYS) -> tuple[RulebookEntry, ...]:
        """Give all rules in their order, with the verdicts of so many days, today included. Raises StoreAway."""
        counts: Counter[tuple[str, str, Outcome]] = Counter()
        for key in self._keys(min(days, KEPT_DAYS)):
            for field, count in (await self._store.hash(key)).items():
                chain, name, outcome = field.split("|")
                counts[chain, name, Outcome(outcome)] += int(count)
        return tuple(
            RulebookEntry(
                chain,
                rule.name,
                _sentence(rule),
                rule.name not in self._off,
                rule.name not in ESSENTIAL_RULES,
                {outcome: counts[chain, rule.name, outcome] for outcome in Outcome},
            )
            for chain, rules in self._chains.items()
            for rule in rules
        )

    def _keys(self, days: int) -> Iterator[str]:
        today = self._clock.now_ms() // _DAY_MS
        for partition in self._store.partitions.all():
            for day in range(today - days + 1, today + 1):
                yield f"{self._store.partitions.prefix(partition)}verdicts:{day}"


def _sentence(rule: Rule[Any]) -> str:
    """The first line of a rule's docstring: the one place in which it is said what it does."""
    return (rule.__doc__ or "").strip().partition("\n")[0]
