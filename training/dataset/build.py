"""From exports to a dataset: recipe, split, leak check, and the folder that holds it all."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from chat.exports.export import Export
from inference.pace import StyleProfile
from training.dataset.cookbook import recipe_to_toml
from training.dataset.folder import RECIPE, RECORD, ROWS, SIDES, lineage
from training.dataset.history import histories
from training.dataset.inspection import inspect_file
from training.dataset.leaks import Leaks, leaks
from training.dataset.ledger import ConsentSummary
from training.dataset.outputs import Format, usual_format, write_rows
from training.dataset.pace import FACT as PACE
from training.dataset.recipe import Recipe
from training.dataset.row import Row
from training.dataset.split import OnLeak, Split, split_histories
from training.errors import DatasetLeaks, DatasetTooSmall, DatasetUnwritable

_TELLING: Final = 10
"""Leaks below which their share says nothing: two of three are chance."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of each side, by MLX-LM's names, and what became of the rest.

    `until` is where training ends, `since` where what is held out begins. `leaked` counts the held-out rows
    that were left out because training holds their answer. `owners` are the names by which the chats know the owner.
    """

    train: tuple[Row, ...]
    valid: tuple[Row, ...]
    test: tuple[Row, ...]
    until: datetime | None
    since: datetime | None
    leaked: int
    owners: tuple[str, ...] = ()

    @property
    def sides(self) -> Mapping[str, tuple[Row, ...]]:
        """The sides that have rows, by name."""
        return {side: rows for side in SIDES if (rows := getattr(self, side))}


def make_rows(exports: Sequence[Export], recipe: Recipe) -> Rows:
    """Make the rows of these chats. Raises ChatError (OwnerUnknown), DatasetTooSmall and DatasetLeaks."""
    chats = histories(exports)
    sides = split_histories(chats, recipe.split)
    train, valid, test = (tuple(recipe.rows(side)) for side in (sides.train, sides.valid, sides.test))
    if not train:
        passed_over = recipe.wants_direct and not all(chat.direct for chat in chats)
        what = (
            "it takes conversations of two alone; --set groups=true takes groups as well"
            if passed_over
            else "try another, or import more chats"
        )
        raise DatasetTooSmall(f"this recipe finds nothing to learn here: {what}")
    valid_leaks, test_leaks = (leaks(train, held, recipe.split) for held in (valid, test))
    if recipe.split.leaks is OnLeak.FAIL:
        _refuse_copies(((valid, valid_leaks), (test, test_leaks)), recipe.split)
    count = len(valid_leaks.rows) + len(test_leaks.rows)
    valid, test = _without(valid, valid_leaks.rows), _without(test, test_leaks.rows)
    if recipe.split.held_out and not valid and not test:
        raise DatasetTooSmall("nothing is left to measure on: raise split.held_out, or import more chats")
    owners = tuple(sorted({chat.owner for chat in chats if chat.owner}))
    return Rows(train, valid, test, sides.until, sides.since, count, owners)


def write_dataset(
    rows: Rows,
    recipe: Recipe,
    folder: Path,
    formats: Sequence[Format] = (),
    consent: ConsentSummary | None = None,
    pace: StyleProfile | None = None,
) -> Mapping[str, int]:
    """Write the recipe, the rows with all that is known of them, and a folder a format; give rows a side.

    `formats` is by default what most trainers expect of such rows. Each file is read back by its format's rules.
    `consent` and `pace` go on record with the rest. A folder that held a dataset is replaced once the new one is whole.
    Raises DatasetUnwritable.
    """
    if folder.exists() and not (folder / RECORD).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatasetUnwritable(f"{folder} holds something that is no dataset: choose another folder")
    formats = tuple(dict.fromkeys(formats)) or (usual_format(type(rows.train[0].body)),)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place, so that it can be moved there in one step; nobody else may read it.
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        files = {ROWS: Format.PARQUET, **{form.value: form for form in formats}}
        record = {name: _write(rows, form, new / name) for name, form in files.items()}
        (new / RECIPE).write_text(recipe_to_toml(recipe), encoding="utf-8")
        facts = {
            **lineage(recipe, rows.sides),
            "owners": rows.owners,
            "rows": {side: len(found) for side, found in rows.sides.items()},
            "silences": {side: sum(row.silence for row in found) for side, found in rows.sides.items()},
            "leaked": rows.leaked,
            "until": None if rows.until is None else rows.until.isoformat(),
            "since": None if rows.since is None else rows.since.isoformat(),
            "chats": sorted({row.chat for found in rows.sides.values() for row in found}),
            "consent": None if consent is None else consent.facts(),
            PACE: None if pace is None else pace.model_dump(mode="json", exclude_none=True),
            "files": record,
        }
        (new / RECORD).write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
            folder.rename(old / "old")
            new.rename(folder)
            shutil.rmtree(old)
        else:
            new.rename(folder)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return {side: len(found) for side, found in rows.sides.items()}


def _write(rows: Rows, form: Format, folder: Path) -> dict[str, dict[str, object]]:
    folder.mkdir()
    record: dict[str, dict[str, object]] = {}
    for side, found in rows.sides.items():
        path = folder / f"{side}{form.suffix}"
        written = write_rows(form, found, path)
        if inspect_file(form, path) != written:
            raise DatasetUnwritable(
                f"{path.name} does not hold as many rows as were written: is the disk full?"
            )
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        record[path.name] = {"rows": written, "left_out": len(found) - written, "sha256": digest}
    return record


def _refuse_copies(sides: Sequence[tuple[Sequence[Row], Leaks]], options: Split) -> None:
    """End the build where training holds copies of what is held out, and not only what somebody says twice."""
    what = 'set split.leaks = "drop" to hold them out of measuring, or take copies out of the chats'
    if rows := [held[place] for held, found in sides for place in found.copies]:
        count = sum(len(held) for held, _ in sides)
        raise DatasetLeaks(
            f"{len(rows)} of {count} held-out rows have an answer of {options.copy_chars} characters or more that "
            f"stands in training letter for letter, such as one of {_when(rows[0])}; {what}"
        )
    known = sum(found.known for _, found in sides)
    compared = sum(found.compared for _, found in sides)
    if known >= _TELLING and known > options.copy_share * compared:
        first = next(held[place] for held, found in sides for place in found.rows)
        raise DatasetLeaks(
            f"{known} of the {compared} held-out answers that are long enough to tell stand in training, as if the "
            f"chats were there twice, such as one of {_when(first)}; {what}"
        )


def _when(row: Row) -> str:
    return f"{row.last:%Y-%m-%d} in {row.chat}"


def _without(rows: tuple[Row, ...], places: Sequence[int]) -> tuple[Row, ...]:
    gone = set(places)
    return tuple(row for place, row in enumerate(rows) if place not in gone)
