"""A dataset as it lies in its folder: what made it, what is on record of it, and its rows.

The folder:

    recipe.toml         the recipe, with all its options
    dataset.json        the record: fingerprint, owner, counts, and size and hash of each file
    rows/               train.parquet, valid.parquet, test.parquet: everything that is known of each row
    openai/, text/ …    the same rows as others' trainers read them

A side without rows has no files.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

import polars as pl

from training.dataset.cookbook import read_recipe, recipe_to_toml
from training.dataset.outputs import row_cells, rows_of_table
from training.dataset.recipe import Recipe
from training.dataset.row import Row
from training.errors import DatasetUnreadable, RecipeInvalid

RECIPE: Final = "recipe.toml"
RECORD: Final = "dataset.json"
ROWS: Final = "rows"

Side = Literal["train", "valid", "test"]
SIDES: Final[tuple[Side, ...]] = ("train", "valid", "test")


@dataclass(frozen=True, slots=True)
class DatasetFolder:
    """A dataset that was opened. `facts` is its record, and `fingerprint` names exactly these rows."""

    path: Path
    recipe: Recipe
    fingerprint: str
    facts: Mapping[str, Any]

    def rows(self, side: Side) -> tuple[Row, ...]:
        """Read one side's rows, in their order; none where it has none. Raises DatasetUnreadable."""
        path = self.path / ROWS / f"{side}.parquet"
        if path.name not in self.facts["files"][ROWS]:
            return ()
        try:
            return rows_of_table(pl.read_parquet(path, memory_map=False))
        except (OSError, ValueError, pl.exceptions.PolarsError) as error:
            raise _damaged(path, type(error).__name__) from None


def open_dataset(folder: Path) -> DatasetFolder:
    """Open a dataset's folder.

    Raises DatasetUnreadable when it is none, or when its recipe or rows are not those that are on record.
    """
    try:
        record = json.loads((folder / RECORD).read_bytes())
        fingerprint, content, files = record["fingerprint"], record["content"], record["files"][ROWS]
        recipe = read_recipe(str(folder / RECIPE))
        table = tomllib.loads((folder / RECIPE).read_text(encoding="utf-8"))
        for name, facts in files.items():
            with (folder / ROWS / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != facts["sha256"]:
                    raise _damaged(folder / ROWS / name, "it is not the file that was written")
    except FileNotFoundError:
        raise DatasetUnreadable(
            f"{folder} is no dataset: give the folder that `understudy dataset build` made"
        ) from None
    except KeyError:
        raise _damaged(folder / RECORD, "an older version wrote it") from None
    except (OSError, ValueError, AttributeError, TypeError, RecipeInvalid) as error:
        raise _damaged(folder, type(error).__name__) from None
    if _joined(table, content) != fingerprint:
        raise _damaged(folder / RECIPE, "it is not the recipe that made these rows")
    return DatasetFolder(folder, recipe, fingerprint, MappingProxyType(record))


def lineage(recipe: Recipe, sides: Mapping[str, Iterable[Row]]) -> dict[str, Any]:
    """Give what a record says of where rows come from.

    `content` has a SHA-256 a side over everything that is known of each row; `fingerprint` is one over those and the
    recipe with all its options: the same exports and recipe give the same, on any machine.
    """
    content = {side: _digest(rows) for side, rows in sides.items()}
    return {
        "recipe": recipe.preset,
        "fingerprint": _joined(tomllib.loads(recipe_to_toml(recipe)), content),
        "content": content,
    }


def refingerprinted(folder: Path) -> dict[str, Any]:
    """Give the same of the rows that are in a folder now. Raises OSError, ValueError and RecipeInvalid."""
    tables = {path.stem: path for path in (folder / ROWS).glob("*.parquet")}
    return lineage(
        read_recipe(str(folder / RECIPE)),
        {
            side: rows_of_table(pl.read_parquet(tables[side], memory_map=False))
            for side in SIDES
            if side in tables
        },
    )


def _digest(rows: Iterable[Row]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row_cells(row), default=str, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()


def _joined(recipe: Mapping[str, Any], content: Mapping[str, str]) -> str:
    text = json.dumps([recipe, content], sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _damaged(path: Path, why: str) -> DatasetUnreadable:
    return DatasetUnreadable(f"{path} cannot be used ({why}): build the dataset again")
