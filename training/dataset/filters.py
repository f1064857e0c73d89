"""What does not belong in a dataset is taken out of the exports, and counted by kind and chat.

Short messages are never thinned out: how often somebody says "ok" or "lol" is how they talk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import ClassVar

import polars as pl
from pydantic import ConfigDict

from chat.exports.export import Export
from chat.message import ChatKey
from training.dataset.repeats import RepeatSettings, repeats


class Taken(StrEnum):
    """Why messages were taken out."""

    CHAT = "chat"
    """Of a chat that was not asked for."""
    TIME = "time"
    """From before or after the time asked for."""
    CONSENT = "consent"
    """By people who never agreed, or answers to them."""
    FORWARD = "forward"
    """Somebody else's words, passed on."""
    PASTED = "pasted"
    """A long block that stands there more often than the cap, letter for letter."""
    NEAR_DUPLICATE = "near_duplicate"
    """A long text that is nearly one of those."""
    MODERATED = "moderated"
    """A category of moderation scored its threshold or more."""
    SITUATIONAL = "situational"
    """By the owner, and holds for one moment only."""
    MASKED = "masked"
    """Not taken out: a fact that holds for one moment only gave way to a mark."""
    FEW = "few"
    """Of a chat or a contact with too few messages."""


class Consent(StrEnum):
    """Whose messages may stand in the dataset beside the owner's."""

    LEDGER = "ledger"
    """Of those on record as having agreed to be trained on. Silence is a no."""
    ELSEWHERE = "elsewhere"
    """Everybody's: the owner answers for having asked."""


@dataclass(frozen=True, slots=True)
class FilterSettings:
    """What is taken out. Raises ValueError for what cannot be meant.

    `chats` and `without_chats` are titles or keys (`whatsapp/…`), `*` and `?` stand for letters, and upper and
    lower case are one; empty `chats` means all. `since` is the first day, `until` the last, by the export's clock.
    """

    # A key that is misspelt must not switch a filter off.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", hide_input_in_errors=True)

    chats: tuple[str, ...] = ()
    without_chats: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    consent: Consent = Consent.LEDGER
    most_forwards: int = 0
    """Forwarded messages that stay, a chat; the earliest."""
    repeats: RepeatSettings = field(default_factory=RepeatSettings)
    fewest_in_group: int = 0
    """Messages below which a group is left out."""
    fewest_with_contact: int = 0
    """Messages below which a conversation of two is left out."""

    def __post_init__(self) -> None:
        if min(self.most_forwards, self.fewest_in_group, self.fewest_with_contact) < 0:
            raise ValueError("a number of messages is 0 or more")
        if self.since and self.until and self.since > self.until:
            raise ValueError("since is a day before until")


@dataclass(frozen=True, slots=True)
class Cut:
    """How many messages of a chat were taken out, and why."""

    chat: ChatKey
    kind: Taken
    messages: int


@dataclass(frozen=True, slots=True)
class Filtered:
    """What is left, and what was taken. A chat of which nothing is left is not in `exports`.

    `pseudonyms` says that names and values in it stand for others, `own_name` that the owner's name does not.
    """

    exports: tuple[Export, ...]
    cuts: tuple[Cut, ...] = ()
    pseudonyms: bool = False
    own_name: bool = False

    def after(self, before: Filtered) -> Filtered:
        """Join what an earlier filter took to what this one did."""
        return Filtered(self.exports, before.cuts + self.cuts)

    @property
    def taken(self) -> Mapping[Taken, int]:
        """How many messages each filter took, or masked."""
        counts: Counter[Taken] = Counter()
        for cut in self.cuts:
            counts[cut.kind] += cut.messages
        return counts


Agreed = Mapping[ChatKey | None, Collection[str]]
"""Who agreed to be trained on: author ids, by chat; under None names or ids of those who agreed for every chat."""


def filtered(exports: Sequence[Export], settings: FilterSettings, agreed: Agreed | None = None) -> Filtered:
    """Apply all filters that need nobody's judgement, cheapest first; those of few messages see what is left."""
    state = kept_where(exports, Taken.CHAT, [_asked(export, settings) for export in exports])
    state = kept_where(state.exports, Taken.TIME, [_in_time(settings)] * len(state.exports)).after(state)
    if settings.consent is Consent.LEDGER:
        who = agreed or {}
        masks = [_agreed(export, who) for export in state.exports]
        state = kept_where(state.exports, Taken.CONSENT, masks).after(state)
    forwards = ~pl.col("forwarded") | (pl.col("forwarded").cum_sum() <= settings.most_forwards)
    state = kept_where(state.exports, Taken.FORWARD, [forwards] * len(state.exports)).after(state)
    for kind, near in ((Taken.PASTED, False), (Taken.NEAR_DUPLICATE, True)):
        masks = [~found for found in repeats(state.exports, settings.repeats, near=near)]
        state = kept_where(state.exports, kind, masks).after(state)
    masks = [pl.lit(value=_enough(export, settings)) for export in state.exports]
    return kept_where(state.exports, Taken.FEW, masks).after(state)


def kept_where(exports: Sequence[Export], kind: Taken, masks: Iterable[pl.Expr | pl.Series]) -> Filtered:
    """Keep the rows for which the masks are true, one mask an export, and count the others."""
    left: list[Export] = []
    cuts: list[Cut] = []
    for export, mask in zip(exports, masks, strict=True):
        rows = export.rows.filter(mask)
        if gone := export.rows.height - rows.height:
            cuts.append(Cut(export.chat.key, kind, gone))
        if rows.height:
            left.append(replace(export, rows=rows) if gone else export)
    return Filtered(tuple(left), tuple(cuts))


def is_direct(export: Export) -> bool:
    """Whether it is a conversation of two; where the format does not tell, by who wrote."""
    if export.direct is not None:
        return export.direct
    return export.rows.get_column("author").n_unique() <= 2


def _asked(export: Export, settings: FilterSettings) -> pl.Expr:
    names = (export.chat.title.casefold(), str(export.chat.key).casefold())

    def any_of(patterns: Iterable[str]) -> bool:
        return any(fnmatchcase(name, pattern.casefold()) for pattern in patterns for name in names)

    wanted = (not settings.chats or any_of(settings.chats)) and not any_of(settings.without_chats)
    return pl.lit(value=wanted)


def _in_time(settings: FilterSettings) -> pl.Expr:
    mask = pl.lit(value=True)
    if settings.since:
        mask &= pl.col("at") >= datetime.combine(settings.since, time.min)
    if settings.until:
        mask &= pl.col("at") < datetime.combine(settings.until + timedelta(days=1), time.min)
    return mask


def _agreed(export: Export, agreed: Agreed) -> pl.Expr | pl.Series:
    everywhere = sorted({*agreed.get(None, ())})
    ids = sorted({*agreed.get(export.chat.key, ()), *everywhere, *export.owner})
    may = pl.col("author").is_in(ids) | pl.col("name").is_in(everywhere)
    without = export.rows.filter(~may)
    if without.height and is_direct(export):
        # What the owner wrote to somebody alone is half of a conversation that they never agreed to.
        return pl.lit(value=False)
    answers = pl.col("reply_to").is_in(without.get_column("id").implode()).fill_null(value=False)
    return may & ~answers


def _enough(export: Export, settings: FilterSettings) -> bool:
    fewest = settings.fewest_with_contact if is_direct(export) else settings.fewest_in_group
    return export.rows.height >= fewest
