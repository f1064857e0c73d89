"""Several exports of one chat, made at different times, become one.

People export a chat again and again, and WhatsApp cuts what it exports at some number of messages: the same
message stands in several files, and must be learned from once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import polars as pl

from chat.exports.export import Export, Untyped

_FAMILIES: Final = {"discord_exporter": "discord", "discord_package": "discord"}
"""Formats whose ids are the messenger's own, so that they know a message under one id. The first of a family leads:
a file of a whole channel says more of each message than the package of one person."""


def family(export: Export) -> str:
    """A name that all exports have which may hold the same messages as this one, and no others."""
    return f"{_FAMILIES.get(export.format, export.format)}\0{export.clock}\0{export.chat.key}"


def merge(exports: Iterable[Export]) -> tuple[Export, ...]:
    """Join the exports of each chat; chats stay in the order in which they came first.

    A message is known by its id: the messenger's own, or the one that `RowIds` makes of time, author, text
    and which occurrence it is. What was edited replaces what was not yet. Some phones write no seconds: their
    messages are known again by the minute.
    """
    chats: dict[str, list[Export]] = {}
    for export in exports:
        chats.setdefault(family(export), []).append(export)
    return tuple(found[0] if len(found) == 1 else _joined(found) for found in chats.values())


def _joined(exports: Sequence[Export]) -> Export:
    # The one that begins first leads: in a minute that several hold, its messages were the earlier ones.
    ordered = sorted(_under_one_name(exports), key=lambda export: (_rank(export), _begin(export)))
    together = pl.concat([export.rows for export in ordered])
    rows = (
        together.with_row_index("place")
        .sort("edited", "place", descending=[True, False])
        .unique("id", keep="first", maintain_order=True)
        .sort("at", "place")
        .drop("place")
    )
    if len({_by_the_minute(export.rows) for export in ordered}) > 1:
        rows = _known_by_the_minute(rows, [export.rows for export in ordered])
    doubled = together.height - rows.height
    other: Counter[Untyped] = Counter()
    for export in ordered:
        for kind, count in export.other.items():
            # Notices have no ids: where the files overlap, so do theirs, and the larger count is nearer.
            other[kind] = max(other[kind], count) if doubled else other[kind] + count
    other[Untyped.DUPLICATE] += doubled
    told = [export.direct for export in ordered if export.direct is not None]
    return replace(
        [export for export in ordered if export.format == ordered[0].format][-1],
        dialect=", ".join(dict.fromkeys(export.dialect for export in ordered)),
        rows=rows,
        owner=frozenset().union(*(export.owner for export in ordered)),
        other=MappingProxyType({kind: count for kind, count in sorted(other.items()) if count}),
        problems=tuple(problem for export in ordered for problem in export.problems),
        direct=told[-1] if told else None,
        span=None,
    )


def _under_one_name(exports: Sequence[Export]) -> Sequence[Export]:
    """Exports of two formats, the owner under one id: who wrote what the other format says is the owner's."""
    lead = min(exports, key=_rank).format
    leading = [export for export in exports if export.format == lead]
    if len(leading) == len(exports):
        return exports
    owned = pl.concat(
        [export.rows.filter(pl.col("author").is_in(sorted(export.owner))) for export in exports]
    )
    theirs = pl.concat([export.rows for export in leading])
    known = theirs.filter(pl.col("id").is_in(owned.get_column("id").implode())).tail(1)
    if known.is_empty():
        return exports
    author, name = known.select("author", "name").row(0)
    result = []
    for export in exports:
        if export.format == lead:
            result.append(export)
            continue
        own = pl.col("author").is_in(sorted(export.owner))
        renamed = [
            pl.when(own).then(pl.lit(value)).otherwise(column).alias(column)
            for column, value in (("author", author), ("name", name))
        ]
        result.append(replace(export, rows=export.rows.with_columns(renamed), owner=frozenset({author})))
    return result


def _by_the_minute(rows: pl.DataFrame) -> bool:
    """Whether no time has seconds."""
    return not rows.select((pl.col("at").dt.truncate("1m") != pl.col("at")).any()).item()


def _known_by_the_minute(rows: pl.DataFrame, parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Leave out what a file without seconds has and a file with seconds has in the same minute."""
    moment = ["minute", "author", "text"]

    def numbered(table: pl.DataFrame) -> pl.DataFrame:
        return table.with_columns(minute=pl.col("at").dt.truncate("1m")).with_columns(
            nth=pl.int_range(pl.len()).over(moment)
        )

    coarse, fine = (
        pl.concat([part for part in parts if _by_the_minute(part) is whole]).unique("id", maintain_order=True)
        for whole in (True, False)
    )
    doubled = numbered(coarse).join(numbered(fine), on=[*moment, "nth"], how="semi")
    gone = doubled.filter(~pl.col("id").is_in(fine.get_column("id").implode())).get_column("id")
    return rows.filter(~pl.col("id").is_in(gone.implode()))


def _rank(export: Export) -> int:
    return list(_FAMILIES).index(export.format) if export.format in _FAMILIES else 0


def _begin(export: Export) -> tuple[bool, Any]:
    first = export.rows.get_column("at").min()
    return first is None, first
