"""A dataset is read back from its folder as it was made, or refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.training.dataset.test_build import days
from training.dataset.build import Rows, make_rows, write_dataset
from training.dataset.cookbook import PRESETS, read_recipe
from training.dataset.folder import RECIPE, RECORD, SIDES, open_dataset
from training.errors import DatasetUnreadable


def build(folder: Path, name: str = "turns", *changes: str, last: str = "see you") -> Rows:
    recipe = read_recipe(name, changes)
    rows = make_rows([days(last)], recipe)
    write_dataset(rows, recipe, folder)
    return rows


@pytest.mark.parametrize("name", PRESETS)
def test_rows_come_back_as_they_were_made(name: str, tmp_path: Path) -> None:
    rows = build(tmp_path / "out", name)
    dataset = open_dataset(tmp_path / "out")
    assert dataset.recipe == read_recipe(name)
    assert {side: dataset.rows(side) for side in SIDES} == rows.sides
    assert dataset.facts["recipe"] == name
    assert dataset.facts["owners"] == ["Sam"]
    assert dataset.facts["rows"] == {side: len(found) for side, found in rows.sides.items()}


def test_a_side_without_rows_is_empty(tmp_path: Path) -> None:
    build(tmp_path / "out", "turns", "split.held_out=0")
    assert open_dataset(tmp_path / "out").rows("valid") == ()


def test_the_fingerprint_names_rows_and_recipe(tmp_path: Path) -> None:
    build(tmp_path / "one")
    build(tmp_path / "two")
    build(tmp_path / "text", last="see us")
    build(tmp_path / "recipe", "turns", "split.near=91")
    one, two, *others = (
        open_dataset(tmp_path / name).fingerprint for name in ("one", "two", "text", "recipe")
    )
    assert one == two
    assert len({one, *others}) == 3


def test_the_split_is_in_the_fingerprint(tmp_path: Path) -> None:
    rows = build(tmp_path / "one")
    swapped = Rows(rows.train, rows.test, rows.valid, rows.until, rows.since, rows.leaked, rows.owners)
    write_dataset(swapped, read_recipe("turns"), tmp_path / "two")
    assert open_dataset(tmp_path / "one").fingerprint != open_dataset(tmp_path / "two").fingerprint


def _cut_rows(folder: Path) -> None:
    path = folder / "rows" / "train.parquet"
    path.write_bytes(path.read_bytes()[:-9])


def _swap_rows(folder: Path) -> None:
    shutil.copyfile(folder / "rows" / "test.parquet", folder / "rows" / "train.parquet")


def _other_recipe(folder: Path) -> None:
    path = folder / RECIPE
    path.write_text(path.read_text().replace("near = 90", "near = 91"))


def _older(folder: Path) -> None:
    record = json.loads((folder / RECORD).read_text())
    del record["fingerprint"]
    (folder / RECORD).write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_cut_rows, "not the file that was written"),
        (_swap_rows, "not the file that was written"),
        (_other_recipe, "not the recipe"),
        (_older, "an older version"),
        (lambda folder: (folder / RECORD).write_text("[]"), "build the dataset again"),
        (lambda folder: (folder / RECIPE).write_text("preset ="), "RecipeInvalid"),
        (lambda folder: (folder / RECORD).unlink(), "is no dataset"),
        (lambda folder: shutil.rmtree(folder / "rows"), "is no dataset"),
    ],
)
def test_what_is_not_as_it_was_written_is_refused(
    spoil: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    build(tmp_path / "out")
    spoil(tmp_path / "out")
    with pytest.raises(DatasetUnreadable, match=said):
        open_dataset(tmp_path / "out")


def test_a_folder_that_holds_no_dataset_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetUnreadable, match="dataset build"):
        open_dataset(tmp_path)
