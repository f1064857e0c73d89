"""What tests read of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chat.exports.export import Export
from training.dataset.history import histories
from training.dataset.recipe import Recipe
from training.dataset.row import Pair, Row, Talk

HOUR = 60


def rows_of(recipe: Recipe, *exports: Export) -> list[Row]:
    """The rows of whole exports, without a split."""
    return list(recipe.rows(histories(exports)))


def said(row: Row) -> list[tuple[str, str]]:
    """A talk's messages without the system's, the roles by one letter."""
    assert isinstance(row.body, Talk)
    return [(message.role[0], message.content) for message in row.body.messages if message.role != "system"]


def pair(row: Row) -> tuple[str, str]:
    assert isinstance(row.body, Pair)
    return row.body.prompt, row.body.completion


def learned(rows: Iterable[Row]) -> list[str]:
    """The texts that count in the loss, message by message."""
    return [text for row in rows for text in spans(row)]


def spans(row: Row) -> Sequence[str]:
    return [row.body.parts[span.part][span.begin : span.end] for span in row.learned]
