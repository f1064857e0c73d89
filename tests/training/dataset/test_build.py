"""From exports to a folder, and what fails a build."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import polars as pl
import pytest

from chat.errors import OwnerUnknown
from chat.exports.export import Export
from chat.exports.formats import read_export
from tests.training.dataset.exports import Said, chat_of
from tests.training.dataset.rows import HOUR
from training.dataset.build import make_rows, write_dataset
from training.dataset.cookbook import PRESETS, read_recipe
from training.dataset.folder import RECORD
from training.dataset.outputs import Format
from training.errors import DatasetLeaks, DatasetTooSmall, DatasetUnwritable

ROOT = Path(__file__).parents[3]
CARD = "my number for the parcel is at the back door as always"


def days(*last: str, direct: bool = True) -> Export:
    """A hundred days of two lines each, and what Sam answers on the last ones."""
    lines = [
        line
        for n in range(100)
        for line in (Said("Leo", f"day {n}?", 23 * HOUR), Said("Sam", f"it is {n}", 4))
    ]
    for text in last:
        lines += [Said("Leo", "well?", 23 * HOUR), Said("Sam", text, 4)]
    return chat_of(lines, direct=direct)


@pytest.mark.parametrize("name", PRESETS)
def test_a_dataset_is_a_folder_with_its_recipe_and_files_that_are_read_back(
    name: str, tmp_path: Path
) -> None:
    recipe = read_recipe(name)
    rows = make_rows([days()], recipe)
    counts = write_dataset(rows, recipe, tmp_path / "out")
    assert list(counts) == ["train", "valid", "test"]
    assert read_recipe(str(tmp_path / "out" / "recipe.toml")) == recipe
    record = json.loads((tmp_path / "out" / RECORD).read_text())
    assert record["rows"] == counts
    usual = {"documents": "text", "contact-chunks": "text", "pairs": "prompt-completion"}.get(name, "openai")
    assert set(record["files"]) == {"rows", usual}
    for folder, files in record["files"].items():
        for file, facts in files.items():
            path = tmp_path / "out" / folder / file
            assert hashlib.sha256(path.read_bytes()).hexdigest() == facts["sha256"]
            assert facts["rows"] == counts[path.stem]
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["out"]


def test_the_same_exports_give_the_same_files(tmp_path: Path) -> None:
    recipe = read_recipe("turns")
    for name in ("one", "two"):
        write_dataset(make_rows([days()], recipe), recipe, tmp_path / name, (Format.OPENAI, Format.SHAREGPT))
    one, two = (json.loads((tmp_path / name / RECORD).read_text()) for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("name", PRESETS)
def test_an_answer_on_both_sides_fails_the_build(name: str) -> None:
    lines = [Said("Leo", "the parcel?", 23 * HOUR), Said("Sam", CARD, 4)]
    export = days(CARD)
    before = chat_of([*lines, Said("Leo", "thanks")], "parcels", direct=True)
    with pytest.raises(DatasetLeaks, match=r"1 of .* 2024-") as raised:
        make_rows([export, before], read_recipe(name))
    assert CARD not in str(raised.value)
    rows = make_rows([export, before], read_recipe(name, ['split.leaks="drop"']))
    assert rows.leaked == 1
    held = [answer for row in (*rows.valid, *rows.test) for answer in row.answers]
    assert held
    assert not any(CARD in answer for answer in held)
    assert any(CARD in answer for row in rows.train for answer in row.answers)


TWICE = "see you at the lake on saturday"


def talk(*answers: str) -> list[Said]:
    return [line for text in answers for line in (Said("Leo", "what now?", 23 * HOUR), Said("Sam", text, 4))]


def test_what_anybody_says_twice_is_not_measured_on_and_ends_no_build() -> None:
    days_of_talk = [TWICE, *(f"now it is number {n} of all the days" for n in range(98)), TWICE]
    rows = make_rows([chat_of(talk(*days_of_talk))], read_recipe("turns"))
    assert rows.leaked == 1
    assert TWICE in {answer for row in rows.train for answer in row.answers}
    assert TWICE not in {answer for row in (*rows.valid, *rows.test) for answer in row.answers}


def test_a_chat_that_is_there_twice_ends_the_build_though_all_its_answers_are_short() -> None:
    once = [f"now it is number {n} of all" for n in range(100)]
    chat = chat_of([*talk(*once), *talk(*once[-60:])])
    with pytest.raises(
        DatasetLeaks, match=r"\d+ of the \d+ held-out answers .* as if the chats were there twice"
    ):
        make_rows([chat], read_recipe("turns"))
    with pytest.raises(DatasetTooSmall, match="nothing is left to measure on"):
        make_rows([chat], read_recipe("turns", ['split.leaks="drop"']))


@pytest.mark.parametrize("name", ["pairs", "contact-chunks"])
def test_a_recipe_of_conversations_of_two_says_how_it_takes_groups(name: str) -> None:
    chat = days(direct=False)
    with pytest.raises(DatasetTooSmall, match="--set groups=true"):
        make_rows([chat], read_recipe(name))
    assert make_rows([chat], read_recipe(name, ["groups=true"])).train


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_makes_a_dataset_of_the_sample_personas_chat(name: str, tmp_path: Path) -> None:
    groups = name in {"pairs", "contact-chunks"}
    recipe = read_recipe(name, ["groups=true"] if groups else [])
    export = read_export(ROOT / "personas/sample/sam_export.txt", "Sam")
    counts = write_dataset(make_rows([export], recipe), recipe, tmp_path / "out")
    assert min(counts[side] for side in ("train", "valid", "test")) > 0
    assert counts["train"] > 400


def test_ok_may_stand_on_both_sides() -> None:
    lines = [line for _ in range(60) for line in (Said("Leo", "?", 23 * HOUR), Said("Sam", "ok", 4))]
    assert make_rows([chat_of(lines)], read_recipe("turns")).leaked == 0


def test_a_build_that_fails_leaves_the_last_dataset_as_it_is(tmp_path: Path) -> None:
    recipe = read_recipe("turns")
    rows = make_rows([days()], recipe)
    write_dataset(rows, recipe, tmp_path / "out")
    before = (tmp_path / "out" / RECORD).read_bytes()
    with pytest.raises(DatasetUnwritable, match="no place"):
        write_dataset(rows, recipe, tmp_path / "out", (Format.TEXT,))
    assert (tmp_path / "out" / RECORD).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["out"]
    write_dataset(rows, recipe, tmp_path / "out", (Format.PARQUET,))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        RECORD,
        "parquet",
        "recipe.toml",
        "rows",
    ]
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["out"]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    recipe = read_recipe("turns")
    rows = make_rows([days()], recipe)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    for place in (tmp_path / "photos", tmp_path / "photos" / "a.jpg"):
        with pytest.raises(DatasetUnwritable, match="choose another folder"):
            write_dataset(rows, recipe, place)
    (tmp_path / "empty").mkdir()
    assert write_dataset(rows, recipe, tmp_path / "empty")


def test_an_owner_whom_nobody_knows_and_chats_without_a_row_are_said() -> None:
    with pytest.raises(OwnerUnknown, match="--me"):
        make_rows([days().owned_by(())], read_recipe("turns"))
    with pytest.raises(DatasetTooSmall, match="finds nothing"):
        make_rows([days(direct=False)], read_recipe("pairs"))


def test_every_row_in_the_parquet_files_names_who_stands_in_it(tmp_path: Path) -> None:
    # What a person is taken out by.
    recipe = read_recipe("turns")
    write_dataset(make_rows([days()], recipe), recipe, tmp_path / "out")
    table = pl.read_parquet(tmp_path / "out" / "rows" / "*.parquet")
    assert table.filter(pl.col("authors").list.contains("Leo")).height == table.height > 0
