"""Datasets for tests, made as people make them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chat.exports.export import Export
from tests.training.conftest import talk
from training.dataset.build import make_rows, write_dataset
from training.dataset.cookbook import read_recipe
from training.dataset.folder import DatasetFolder, open_dataset

GROUPS = ("groups = true",)
OPTIONS = {"pairs": GROUPS, "contact-chunks": GROUPS}
"""What recipes for conversations of two need in order to take a group."""


def build(
    folder: Path, recipe: str = "turns", changes: Sequence[str] = (), exports: Sequence[Export] = ()
) -> DatasetFolder:
    """Build a dataset of the small talk, or of other exports, in a folder, and open it."""
    options = ("split.held_out = 0.2", 'split.leaks = "drop"', "split.embargo_hours = 0")
    meant = read_recipe(recipe, (*options, *OPTIONS.get(recipe, ()), *changes))
    write_dataset(make_rows(exports or [talk(60)], meant), meant, folder)
    return open_dataset(folder)
