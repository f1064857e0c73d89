"""A dataset about somebody else than the owner: `dataset build --as NAME`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.bot.cli.command import CommandLine

NOBODY = {"redis_url": "redis://127.0.0.1:1"}
BUILD = ("dataset", "build", "--set", "split.held_out=0", "--as", "Mia")
YES = ("consent", "grant", "everywhere", "Mia", "--for", "imitated", "--told", "over lunch")


@pytest.fixture
async def imported(understudy: CommandLine, tmp_path: Path) -> CommandLine:
    """A group of three, and a chat in which Mia never wrote."""
    lines = [
        f"{day:02}/03/2024, 10:0{minute} - {name}: {text} {day}"
        for day in range(1, 9)
        for minute, name, text in ((1, "Leo", "never"), (2, "Sam", "number"), (3, "Mia", "what is it today"))
    ]
    exports = [tmp_path / f"WhatsApp Chat with {title}.txt" for title in ("Friday five", "Leo")]
    exports[0].write_text("\n".join(lines) + "\n", encoding="utf-8")
    exports[1].write_text(
        "\n".join(line for line in lines if "Mia" not in line).replace("number", "alone") + "\n",
        encoding="utf-8",
    )
    assert (await understudy("import", *map(str, exports), "--me", "Sam")).code == 0
    return understudy


def _dataset(understudy: CommandLine) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    folder = understudy.state_dir / "datasets" / "turns-mia"
    lines = (folder / "openai" / "train.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines], json.loads((folder / "dataset.json").read_text())["consent"]


async def test_who_agreed_to_be_imitated_is_the_one_who_is_learned(imported: CommandLine) -> None:
    assert (await imported(*YES)).out == "Mia may be imitated, in every chat of theirs.\n"
    built = await imported(*BUILD)
    assert built.code == 0, built.err
    rows, consent = _dataset(imported)
    own = [message for row in rows for message in row["messages"] if message["role"] == "assistant"]
    assert own
    assert all(message["content"].startswith(("what is it today", "<silence>")) for message in own)
    assert "Sam: number" in str(rows)  # who builds it stands in it
    assert "never" not in str(rows)  # Leo agreed to nothing
    assert "alone" not in str(rows)  # a chat without Mia
    assert consent["imitated"] is True
    assert (consent["people"], consent["agreed"]) == (2, 1)
    listed = await imported("consent", "list", "everywhere")
    assert "Mia: yes to being imitated, over lunch" in listed.out


@pytest.mark.parametrize("arguments", [(), ("--as-it-is",)])
async def test_that_somebody_may_be_trained_on_is_not_enough(
    imported: CommandLine, arguments: tuple[str, ...]
) -> None:
    trained = ("consent", "grant", "everywhere", "Mia", "--for", "trained", "--told", "over lunch")
    assert (await imported(*trained)).code == 0
    assert "Mia is not on record as having agreed to be imitated" in await imported.line(
        2, *BUILD, *arguments
    )


@pytest.mark.parametrize("purpose", ["imitated", "trained"])
async def test_whoever_takes_either_back_is_imitated_no_longer(imported: CommandLine, purpose: str) -> None:
    assert (await imported(*YES)).code == 0
    no = ("consent", "withdraw", "everywhere", "Mia", "--for", purpose, "--told", "by post")
    assert (await imported(*no)).code == 0
    assert "not on record as having agreed to be imitated" in await imported.line(2, *BUILD)


async def test_a_yes_in_a_live_chat_counts_and_a_ledger_that_is_away_is_none(imported: CommandLine) -> None:
    people = imported.state_dir / "imports" / "people.toml"
    people.write_text(people.read_text().replace('"whatsapp:Mia"', '"whatsapp:Mia", "local:mia4"'))
    assert (await imported("chats", "enable", "local/x")).code == 0
    assert (await imported("consent", "grant", "local/x", "mia4", "--for", "imitated")).code == 0
    assert (await imported(*BUILD)).code == 0
    assert (await imported(*YES)).code == 0
    refused = await imported(*BUILD, **NOBODY)
    assert refused.code == 2
    assert "not on record as having agreed to be imitated" in refused.err


async def test_with_pseudonyms_the_one_who_is_learned_keeps_the_name_and_the_owner_does_not(
    imported: CommandLine, tmp_path: Path
) -> None:
    prepare = tmp_path / "prepare.toml"
    prepare.write_text('imitated = ["Mia"]\npseudonyms = true\n', encoding="utf-8")
    assert (await imported(*BUILD, "--prepare", str(prepare))).code == 0
    rows, _ = _dataset(imported)
    assert "Mia" in str(rows)
    assert "Sam" not in str(rows)


async def test_a_file_may_say_it_and_the_owner_is_nobody_to_imitate(
    imported: CommandLine, tmp_path: Path
) -> None:
    prepare = tmp_path / "prepare.toml"
    prepare.write_text('imitated = ["Mia"]\npseudonyms = false\n', encoding="utf-8")
    assert (await imported(*BUILD, "--prepare", str(prepare))).code == 0
    assert "that is you" in await imported.line(2, "dataset", "build", "--as", "Sam")
    assert "nobody in people.toml is called Nora" in await imported.line(
        2, "dataset", "build", "--as", "Nora"
    )
