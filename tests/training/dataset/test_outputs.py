"""Files for trainers: each is read back by another's reader and by the format's published rules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chat.exports.export import Export
from inference.prompt import SILENCE
from tests.training.dataset.exports import Said, chat_of
from tests.training.dataset.rows import rows_of
from training.dataset.cookbook import PRESETS, read_recipe
from training.dataset.inspection import inspect_file
from training.dataset.outputs import ROWS, Format, write_rows
from training.dataset.row import Pair, Talk
from training.errors import DatasetUnwritable

ODD = 'quote " and \\ and \u2028 and 😀\nline two'
CHAT = chat_of(
    [
        ("Sam", "hey"),
        ("Leo", ODD),
        ("Sam", "yes"),
        ("Sam", ODD),
        Said("Leo", "so?", 3),
        ("Sam", "ok"),
        Said("Leo", "bye", 20),
    ],
    direct=True,
)
FITTING = [
    (name, form)
    for name, forms in {
        "turns": ("openai", "sharegpt", "parquet"),
        "conversations": ("openai", "sharegpt", "parquet"),
        "weclone": ("openai", "sharegpt", "parquet"),
        "pairs": ("prompt-completion", "text", "openai", "sharegpt", "parquet"),
        "documents": ("text", "parquet"),
        "contact-chunks": ("text", "parquet"),
    }.items()
    for form in map(Format, forms)
]


def written(name: str, form: Format, folder: Path, export: Export = CHAT) -> tuple[Path, int]:
    path = folder / f"train{form.suffix}"
    return path, write_rows(form, rows_of(read_recipe(name), export), path)


@pytest.mark.parametrize(("name", "form"), FITTING)
def test_what_is_written_is_read_by_polars_and_by_the_formats_rules(
    name: str, form: Format, tmp_path: Path
) -> None:
    path, count = written(name, form, tmp_path)
    table = pl.read_parquet(path) if form is Format.PARQUET else pl.read_ndjson(path)
    assert table.height == count == inspect_file(form, path) > 0
    keys = {
        Format.OPENAI: {"messages"},
        Format.TEXT: {"text"},
        Format.PROMPT_COMPLETION: {"prompt", "completion"},
        Format.SHAREGPT: {"conversations"} if name == "pairs" else {"conversations", "system"},
        Format.PARQUET: set(ROWS),
    }
    assert set(table.columns) == keys[form]


@pytest.mark.parametrize("name", PRESETS)
def test_other_formats_are_refused_with_those_that_fit(name: str, tmp_path: Path) -> None:
    for form in set(Format) - {fitting for other, fitting in FITTING if other == name}:
        with pytest.raises(DatasetUnwritable, match=r"choose one of .*parquet"):
            written(name, form, tmp_path)


def lines(path: Path) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def test_own_turns_that_are_only_shown_have_no_weight(tmp_path: Path) -> None:
    records = lines(written("turns", Format.OPENAI, tmp_path)[0])
    assert records[0]["messages"][-1]["content"] == f"yes\n{' '.join(ODD.split())}"
    last = records[1]["messages"]
    assert [message.get("weight") for message in last] == [None, 0, None, 0, None, 1]
    assert records[2]["messages"][-1] == {"role": "assistant", "content": SILENCE, "weight": 1}


def test_sharegpt_begins_with_the_others(tmp_path: Path) -> None:
    records = lines(written("conversations", Format.SHAREGPT, tmp_path)[0])
    assert [message["from"] for message in records[0]["conversations"]] == ["human", "gpt", "human", "gpt"]
    path, count = written("conversations", Format.SHAREGPT, tmp_path, chat_of([("Sam", "anyone?")]))
    assert (count, path.read_text()) == (0, "")


def test_parquet_holds_all_of_a_row(tmp_path: Path) -> None:
    for name in PRESETS:
        rows = rows_of(read_recipe(name), CHAT)
        table = pl.read_parquet(written(name, Format.PARQUET, tmp_path)[0])
        for row, cells in zip(rows, table.iter_rows(named=True), strict=True):
            assert (cells["chat"], cells["first"], cells["last"]) == (row.chat, row.first, row.last)
            assert (tuple(cells["sources"]), tuple(cells["authors"])) == (row.sources, row.authors)
            assert [tuple(span.values()) for span in cells["learned"]] == list(row.learned)
            if isinstance(row.body, Talk):
                assert [m["content"] for m in cells["messages"]] == list(row.body.parts)
            elif isinstance(row.body, Pair):
                assert (cells["prompt"], cells["completion"]) == row.body.parts
            else:
                assert cells["text"] == row.body.text


U, A = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "hey", "weight": 1}


@pytest.mark.parametrize(
    ("form", "record"),
    [
        ("openai", {"messages": []}),
        ("openai", {"messages": [U]}),
        ("openai", {"messages": [A, U]}),
        ("openai", {"messages": [U, {**A, "weight": 0}]}),
        ("openai", {"messages": [U, {**A, "weight": 2}]}),
        ("openai", {"messages": [{**U, "weight": 1}, A]}),
        ("openai", {"messages": [U, {**A, "content": ""}]}),
        ("openai", {"messages": [{**U, "role": "human"}, A]}),
        ("openai", {"messages": [{**U, "chat": "x"}, A]}),
        ("openai", {"messages": [{"role": "user"}, A]}),
        ("openai", {"messages": "hi"}),
        ("text", {"text": " "}),
        ("text", {"texts": "hi"}),
        ("text", {"text": "hi", "more": 1}),
        ("prompt-completion", {"prompt": "hi"}),
        ("prompt-completion", {"prompt": "hi", "completion": 3}),
        ("sharegpt", {"conversations": []}),
        ("sharegpt", {"conversations": [{"from": "gpt", "value": "a"}, {"from": "human", "value": "b"}]}),
        ("sharegpt", {"conversations": [{"from": "human", "value": "a"}]}),
        ("sharegpt", {"conversations": [{"from": "human", "value": ""}, {"from": "gpt", "value": "b"}]}),
        (
            "sharegpt",
            {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "system": 1},
        ),
        ("openai", ["messages"]),
    ],
)
def test_what_breaks_a_formats_rules_is_found(form: str, record: object, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(record) + "\n")
    with pytest.raises(DatasetUnwritable, match="line 1"):
        inspect_file(Format(form), path)


def test_completions_without_a_common_end_and_broken_lines_are_found(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"prompt": "a", "completion": " b"}\n{"prompt": "a", "completion": " c"}\n')
    with pytest.raises(DatasetUnwritable, match="common end"):
        inspect_file(Format.PROMPT_COMPLETION, path)
    path.write_text('{"text": "a"}\n{"text": ')
    with pytest.raises(DatasetUnwritable, match="line 2: this is no JSON"):
        inspect_file(Format.TEXT, path)


def test_a_parquet_file_that_is_not_whole_is_found(tmp_path: Path) -> None:
    path, _ = written("documents", Format.PARQUET, tmp_path)
    table = pl.read_parquet(path)
    for broken in (
        table.drop("chat"),
        table.with_columns(text=pl.lit(None, pl.String)),
        table.with_columns(prompt=pl.lit("x")),
        table.with_columns(first=pl.col("last") + pl.duration(days=1)),
        table.with_columns(silence=pl.lit(value=True)),
    ):
        broken.write_parquet(path)
        with pytest.raises(DatasetUnwritable):
            inspect_file(Format.PARQUET, path)
