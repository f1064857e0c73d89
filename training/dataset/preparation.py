"""What happens to exports before any recipe sees them: filters, moderation, situational facts, pseudonyms.

In this order: consent and choice go by real names, and nothing is written before they are replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from pydantic import ConfigDict

from chat.exports.export import Export
from safety.moderation.classifier import Classifier
from safety.moderation.settings import Thresholds
from training.dataset.filters import Agreed, Filtered, FilterSettings, filtered
from training.dataset.moderation import moderated
from training.dataset.pseudonym_key import PseudonymKey
from training.dataset.pseudonym_table import PseudonymTable
from training.dataset.pseudonyms import Pseudonyms
from training.dataset.situational import Situational, without_situations


@dataclass(frozen=True, slots=True)
class PreparationSettings:
    """What is done. `moderation` are the thresholds; without any, nothing is judged.

    `keep_own_name`: pseudonyms replace the names of everybody but whom the dataset is about, or a persona would be told
    that it is somebody whom no chat knows.
    """

    # A key that is misspelt must not switch a filter off.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", hide_input_in_errors=True)

    filters: FilterSettings = field(default_factory=FilterSettings)
    moderation: Thresholds | None = None
    situational: Situational = Situational.KEEP
    pseudonyms: bool = True
    keep_own_name: bool = True


@dataclass(frozen=True, slots=True)
class Seal:
    """The owner's key, the table of earlier datasets, which grows, and names beyond those of who wrote."""

    key: PseudonymKey
    table: PseudonymTable
    names: tuple[str, ...] = ()


async def prepared(
    exports: Sequence[Export],
    settings: PreparationSettings,
    *,
    agreed: Agreed | None = None,
    classifier: Classifier | None = None,
    seal: Seal | None = None,
) -> Filtered:
    """Prepare exports. Raises ModerationAway, and ValueError where a setting needs what was not given."""
    if settings.moderation is not None and classifier is None:
        raise ValueError("moderation needs a classifier")
    if settings.pseudonyms and seal is None:
        raise ValueError("pseudonyms need a key")
    state = filtered(exports, settings.filters, agreed)
    if settings.moderation is not None and classifier is not None:
        state = (await moderated(state.exports, classifier, settings.moderation)).after(state)
    state = without_situations(state.exports, settings.situational).after(state)
    if not settings.pseudonyms or seal is None:
        return state
    everybody = {name for export in exports for name in export.rows.get_column("name").unique()}
    own = _own_names(exports) if settings.keep_own_name else frozenset[str]()
    made = Pseudonyms(seal.key, state.exports, everybody.union(seal.names), seal.table, own)
    cuts = tuple(replace(cut, chat=made.chat(cut.chat)) for cut in state.cuts)
    return Filtered(made.exports(state.exports), cuts, pseudonyms=True, own_name=settings.keep_own_name)


def _own_names(exports: Sequence[Export]) -> frozenset[str]:
    """The names under which whoever the exports belong to wrote."""
    return frozenset(
        name
        for export in exports
        for author, name in export.rows.select("author", "name").unique().iter_rows()
        if author in export.owner
    )
