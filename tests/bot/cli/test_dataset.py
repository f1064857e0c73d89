"""`understudy dataset`, in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from bot.cli.preparing import read_preparing
from bot.errors import SettingsInvalid
from tests.bot.cli.command import CommandLine
from tests.fakes.moderation_server import FakeModerationServer
from training.dataset.cookbook import PRESETS, read_recipe


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Forty days of talk between two, as WhatsApp writes it."""
    lines = [
        f"{day:02}/{month:02}/2024, {hour}:0{minute} - {name}: {text} {month}{day}"
        for month in (3, 4)
        for day in range(1, 21)
        for hour, minute, name, text in (
            (10, 1, "Leo", "what is it today"),
            (10, 2, "Sam", "number"),
            (10, 2, "Sam", "i think"),
        )
    ]
    path = tmp_path / "WhatsApp Chat with Leo.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


async def test_imported_chats_become_a_dataset(understudy: CommandLine, export: Path) -> None:
    assert (await understudy("import", str(export), "--me", "Sam")).code == 0
    ended = await understudy("dataset", "build", "--as-it-is")
    assert ended.code == 0, ended.err
    folder = understudy.state_dir / "datasets" / "turns"
    assert str(folder) in ended.out.replace("\n", "")
    assert "as they were typed" in " ".join(ended.out.split())
    train = [json.loads(line) for line in (folder / "openai" / "train.jsonl").read_text().splitlines()]
    assert train[0]["messages"][1:] == [
        {"role": "user", "content": "Leo: what is it today 31"},
        {"role": "assistant", "content": "number 31\ni think 31", "weight": 1},
    ]
    assert pl.read_parquet(folder / "rows" / "train.parquet").height == len(train)
    assert read_recipe(str(folder / "recipe.toml")) == read_recipe("turns")


async def test_nobody_is_put_into_a_dataset_unasked(understudy: CommandLine, export: Path) -> None:
    said = await understudy.line(2, "dataset", "build", str(export), "--me", "Sam")
    assert "--prepare" in said
    assert "--as-it-is" in said
    assert not (understudy.state_dir / "datasets").exists()


async def test_exports_and_a_recipe_of_ones_own_may_be_named(
    understudy: CommandLine, export: Path, tmp_path: Path
) -> None:
    printed = await understudy("dataset", "presets", "documents")
    recipe = tmp_path / "mine.toml"
    recipe.write_text(printed.out.replace("gap_minutes = 15.0", "gap_minutes = 3000"))
    out = tmp_path / "out"
    arguments = (
        "--recipe",
        str(recipe),
        "--out",
        str(out),
        "--set",
        "split.test=0",
        "--me",
        "Sam",
        "--as-it-is",
    )
    ended = await understudy(
        "dataset", "build", str(export), *arguments, "--format", "text", "--format", "parquet"
    )
    assert ended.code == 0, ended.err
    assert {path.name for path in (out / "text").iterdir()} == {"train.jsonl", "valid.jsonl"}
    files = {"recipe.toml", "dataset.json", "facts.json"}
    assert {path.name for path in out.iterdir()} == {"text", "parquet", "rows", *files}
    reported = await understudy("dataset", "report", str(out))
    assert reported.code == 0, reported.err
    assert "by heart" in reported.out
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    # It lies outside the state folder, and is looked through all the same.
    assert str(out) in (await understudy("forget", "Sam", "--check")).err
    assert read_recipe(str(out / "recipe.toml")).model_dump()["gap_minutes"] == 3000


async def test_all_presets_are_listed(understudy: CommandLine) -> None:
    listed = await understudy("dataset", "presets")
    assert listed.code == 0
    assert all(name in listed.out for name in PRESETS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("build",), "no chats are imported: `understudy import` takes exports"),
        (("build", "--recipe", "turnz"), "neither a file that can be read nor a preset"),
        (("build", "--set", "gap=3"), "there is no option gap in turns"),
        (("build", "--format", "csv"), "there is no format 'csv': choose one of openai"),
        (("presets", "turnz"), "there is no preset turnz"),
    ],
)
async def test_what_is_wrong_is_one_line(
    understudy: CommandLine, arguments: tuple[str, ...], said: str
) -> None:
    ended = await understudy("dataset", *arguments)
    assert ended.code != 0
    assert said in ended.err
    assert len(ended.err.strip().splitlines()) == 1


async def test_a_file_where_a_folder_must_be_is_no_fault_of_the_program(
    understudy: CommandLine, export: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    build = (
        "dataset",
        "build",
        str(export),
        "--me",
        "Sam",
        "--as-it-is",
        "--out",
        str(tmp_path / "file" / "out"),
    )
    assert "a file lies where a folder must be" in await understudy.line(1, *build)


async def test_a_dataset_is_prepared_as_a_file_says(
    understudy: CommandLine, export: Path, tmp_path: Path
) -> None:
    prepare = tmp_path / "prepare.toml"
    prepare.write_text('pseudonyms = true\n[filters]\nconsent = "elsewhere"\n')
    out = tmp_path / "out"
    arguments = ("dataset", "build", str(export), "--me", "Sam", "--out", str(out), "--prepare", str(prepare))
    ended = await understudy(*arguments)
    assert ended.code == 0, ended.err
    assert not any(b"Mia" in path.read_bytes() for path in out.rglob("*.json*"))
    facts = json.loads((out / "facts.json").read_bytes())
    assert (facts["pseudonyms"], facts["own_name"]) == (True, True)
    # The persona is told that it is who it is.
    assert json.loads((out / "dataset.json").read_bytes())["owners"] == ["Sam"]
    prepare.write_text('pseudonyms = true\nkeep_own_name = false\n[filters]\nconsent = "elsewhere"\n')
    assert (await understudy(*arguments)).code == 0
    assert not any(b"Sam" in path.read_bytes() for path in out.rglob("*.json*"))
    prepare.write_text("[filters]\nfewest_in_gruop = 3\n")
    assert "fewest_in_gruop" in await understudy.line(2, *arguments)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[moderation]\nharrasment = 0.6\n", "moderation.harrasment"),
        ("[filters.repeats]\nmots = 3\n", "filters.repeats.mots"),
        ("pseudonym = true\n", "pseudonym"),
        ("[fliters]\n", "fliters"),
    ],
)
def test_a_misspelt_key_is_refused_by_its_name(text: str, key: str, tmp_path: Path) -> None:
    file = tmp_path / "prepare.toml"
    file.write_text(text)
    with pytest.raises(SettingsInvalid, match=rf"prepare\.toml: {key}: there is no such key") as raised:
        read_preparing(file)
    assert "\n" not in str(raised.value)


def test_a_threshold_is_a_score(tmp_path: Path) -> None:
    file = tmp_path / "prepare.toml"
    file.write_text("[moderation]\nhate = 60\n")
    with pytest.raises(SettingsInvalid, match="the threshold of hate"):
        read_preparing(file)


@pytest.mark.parametrize(
    ("backend", "threshold", "left_out"),
    [("endpoint", "0.6", True), ("endpoint", "0.99", False), ("guard_model", "0.6", True)],
)
async def test_any_classifier_of_the_settings_judges_with_thresholds_of_the_dataset(
    understudy: CommandLine, export: Path, tmp_path: Path, backend: str, threshold: str, left_out: bool
) -> None:
    prepare = tmp_path / "prepare.toml"
    prepare.write_text(
        f'pseudonyms = false\n[filters]\nconsent = "elsewhere"\n[moderation]\nhate = {threshold}\n'
        f"other = {threshold}\n"
    )
    arguments = ("dataset", "build", str(export), "--me", "Sam", "--prepare", str(prepare))
    async with FakeModerationServer(api_key="sk-wombat") as server:
        server.flagged_word = "35"  # as in "number 35"
        settings = {
            "backend": backend,
            "base_url": server.base_url,
            "api_key": server.api_key,
            "model": server.model,
        }
        named = {f"rules__moderation__{name}": value for name, value in settings.items()}
        ended = await understudy(*arguments, **named)
    assert ended.code == 0, ended.err
    assert ("moderated: 3" in ended.out) is left_out
    text = (understudy.state_dir / "datasets" / "turns" / "openai" / "train.jsonl").read_text()
    assert ("number 35" in text) is not left_out


async def test_without_the_classifier_nothing_is_built(
    understudy: CommandLine, export: Path, tmp_path: Path
) -> None:
    prepare = tmp_path / "prepare.toml"
    prepare.write_text('pseudonyms = false\n[filters]\nconsent = "elsewhere"\n[moderation]\nhate = 0.6\n')
    away = {"rules__moderation__backend": "endpoint", "rules__moderation__base_url": "http://127.0.0.1:1/v1"}
    arguments = ("dataset", "build", str(export), "--me", "Sam", "--prepare", str(prepare))
    said = await understudy.line(1, *arguments, **away, rules__moderation__attempts="1")
    assert "none stays unjudged" in said
    assert not (understudy.state_dir / "datasets").exists()
