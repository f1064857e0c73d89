"""Ids of messages whose format has none: the same whether they are given one by one or as a column."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

from chat.exports.export import RowIds


@pytest.mark.parametrize(
    "pieces",
    [
        [[5], [7, 7]],  # on which polars panics unless they are joined first
        [[7, 7], [5]],
        [[1, 1, 2], [2, 1], [3]],
        [[1, 2, 3]],
    ],
    ids=str,
)
def test_ids_of_a_long_file_are_numbered_over_all_its_pieces(pieces: list[list[int]]) -> None:
    keys = pl.concat([pl.Series(piece, dtype=pl.UInt64) for piece in pieces], rechunk=False)
    flat = [key for piece in pieces for key in piece]
    expected = [
        f"{key}" if (nth := flat[: place + 1].count(key)) == 1 else f"{key}.{nth}"
        for place, key in enumerate(flat)
    ]
    assert RowIds.column(keys).to_list() == expected


def test_one_by_one_and_as_a_column_they_are_the_same() -> None:
    said = [(datetime(2024, 5, 1, 9, minute % 2), "Mia", "ok") for minute in range(5)]  # noqa: DTZ001 - a wall clock
    one_by_one = RowIds()
    ids = [one_by_one.of(*message) for message in said]
    keys = pl.Series([int(id_.partition(".")[0]) for id_ in ids], dtype=pl.UInt64)
    assert RowIds.column(keys).to_list() == ids
    assert len(set(ids)) == 5
