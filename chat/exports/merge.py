"""Several exports of one chat, made at different times, become one.

People export a chat again and again, and WhatsApp cuts what it exports at some number of messages: the same
message stands in several files, and must be learned from once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import MappingProxyType

import polars as pl

from chat.exports.export import Clock, Export, Untyped
from chat.message import ChatKey


def merge(exports: Iterable[Export]) -> tuple[Export, ...]:
    """Join the exports of each chat; chats stay in the order in which they came first.

    A message is known by its id: the messenger's own, or the one that `RowIds` makes of time, author, text
    and which occurrence it is. What was edited replaces what was not yet.
    """
    chats: dict[tuple[ChatKey, str, Clock], list[Export]] = {}
    for export in exports:
        chats.setdefault((export.chat.key, export.format, export.clock), []).append(export)
    return tuple(found[0] if len(found) == 1 else _joined(found) for found in chats.values())


def _joined(exports: Sequence[Export]) -> Export:
    # The one that begins first leads: in a minute that several hold, its messages were the earlier ones.
    ordered = sorted(exports, key=_begin)
    together = pl.concat([export.rows for export in ordered])
    rows = (
        together.with_row_index("place")
        .sort("edited", "place", descending=[True, False])
        .unique("id", keep="first", maintain_order=True)
        .sort("at", "place")
        .drop("place")
    )
    doubled = together.height - rows.height
    other: Counter[Untyped] = Counter()
    for export in ordered:
        for kind, count in export.other.items():
            # Notices have no ids: where the files overlap, so do theirs, and the larger count is nearer.
            other[kind] = max(other[kind], count) if doubled else other[kind] + count
    other[Untyped.DUPLICATE] += doubled
    told = [export.direct for export in ordered if export.direct is not None]
    return replace(
        ordered[-1],
        dialect=", ".join(dict.fromkeys(export.dialect for export in ordered)),
        rows=rows,
        owner=frozenset().union(*(export.owner for export in ordered)),
        other=MappingProxyType({kind: count for kind, count in sorted(other.items()) if count}),
        problems=tuple(problem for export in ordered for problem in export.problems),
        direct=told[-1] if told else None,
    )


def _begin(export: Export) -> tuple[bool, object]:
    first = export.rows.get_column("at").min()
    return first is None, first
