"""Consent to be trained on, as a person writes it down, and as `dataset build` asks for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.bot.cli.command import CommandLine

NOBODY = {"redis_url": "redis://127.0.0.1:1"}
BUILD = ("dataset", "build", "--set", "split.held_out=0")


@pytest.fixture
async def imported(understudy: CommandLine, tmp_path: Path) -> CommandLine:
    lines = [
        f"{day:02}/03/2024, 10:0{minute} - {name}: {text} {day}"
        for day in range(1, 9)
        for minute, name, text in ((1, "Mia", "what is it today"), (2, "Leo", "never"), (3, "Sam", "number"))
    ]
    export = tmp_path / "WhatsApp Chat with Friday five.txt"
    export.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert (await understudy("import", str(export), "--me", "Sam")).code == 0
    return understudy


def _dataset(understudy: CommandLine) -> tuple[str, Mapping[str, Any]]:
    folder = understudy.state_dir / "datasets" / "turns"
    consent = json.loads((folder / "dataset.json").read_text())["consent"]
    return (folder / "openai" / "train.jsonl").read_text(), consent


async def test_only_who_is_on_record_stands_in_a_dataset(imported: CommandLine, tmp_path: Path) -> None:
    assert "consent grant everywhere" in await imported.line(2, *BUILD)
    yes = ("consent", "grant", "everywhere", "Mia", "--for", "trained", "--told", "on the phone")
    assert (await imported(*yes, "--when", "2026-05-03")).out == (
        "Mia may be trained on, in every chat of theirs.\n"
    )
    listed = await imported("consent", "list", "everywhere")
    assert "Mia: yes to being trained on, on the phone, 2026-05-0" in listed.out
    assert "Leo: nothing on record, which is a no" in listed.out
    built = await imported(*BUILD)
    assert built.code == 0, built.err
    assert "agreed to be trained on: 1 of 2 people" in built.out
    text, consent = _dataset(imported)
    assert "what is it today 3" in text
    assert "never" not in text
    assert (consent["by"], consent["people"], consent["agreed"], consent["left_out"]) == ("ledger", 2, 1, 8)
    assert (consent["words"], consent["live"]) == (1, True)
    assert consent["newest"].startswith("2026-05-0")
    assert "Mia" not in str(consent)
    no = await imported("consent", "withdraw", "everywhere", "mia", "--for", "trained", "--told", "by post")
    assert "build them again" in no.out
    assert "consent grant everywhere" in await imported.line(2, *BUILD)
    prepare = tmp_path / "prepare.toml"
    prepare.write_text('agreed = ["Mia", "Leo"]\npseudonyms = false\n')
    assert (await imported(*BUILD, "--prepare", str(prepare))).code == 0
    text, consent = _dataset(imported)
    assert "never" in text
    assert "what is it" not in text
    assert consent["agreed"] == 1


async def test_a_yes_and_a_no_in_a_live_chat_count_for_the_person_in_the_exports(
    imported: CommandLine,
) -> None:
    people = imported.state_dir / "imports" / "people.toml"
    people.write_text(people.read_text().replace('"whatsapp:Leo"', '"whatsapp:Leo", "local:leo4"'))
    assert (await imported("chats", "enable", "local/x")).code == 0
    live = ("local/x", "leo4", "--for", "trained")
    assert (await imported("consent", "grant", *live)).code == 0
    assert (await imported(*BUILD)).code == 0
    text, _ = _dataset(imported)
    assert "never" in text
    assert "what is it" not in text
    for person in ("Leo", "Mia"):
        arguments = ("consent", "grant", "everywhere", person, "--for", "trained", "--told", "over lunch")
        assert (await imported(*arguments, "--when", "2026-05-03")).code == 0
    assert (await imported("consent", "withdraw", *live)).code == 0
    # The chat's disabling erases what was said in it, and not that somebody took it back.
    assert (await imported("chats", "disable", "local/x", "--yes")).code == 0
    assert (await imported(*BUILD)).code == 0
    text, consent = _dataset(imported)
    assert "what is it" in text
    assert "never" not in text
    assert consent["words"] == 3


async def test_a_ledger_that_is_away_is_said_and_never_read_as_a_yes(imported: CommandLine) -> None:
    people = imported.state_dir / "imports" / "people.toml"
    people.write_text(people.read_text().replace('"whatsapp:Leo"', '"whatsapp:Leo", "local:leo4"'))
    refused = await imported(*BUILD, **NOBODY)
    assert refused.code == 2
    assert "the live chats' ledger could not be reached" in refused.err
    for person in ("Leo", "Mia"):
        arguments = ("consent", "grant", "everywhere", person, "--for", "trained", "--told", "over lunch")
        assert (await imported(*arguments, **NOBODY)).code == 0
    built = await imported(*BUILD, **NOBODY)
    assert built.code == 0
    assert "the live chats' ledger could not be reached" in built.err
    text, consent = _dataset(imported)
    assert "what is it" in text
    assert "never" not in text
    assert consent["live"] is False


async def test_what_cannot_be_written_down_is_said(imported: CommandLine) -> None:
    trained = ("--for", "trained")
    for arguments, said in (
        (("everywhere", "Nora", *trained, "--told", "x"), "nobody in people.toml is called Nora: there are"),
        (("everywhere", "Sam", *trained, "--told", "x"), "that is you"),
        (("everywhere", "Mia", *trained), "--told"),
        (("everywhere", "Mia", "--told", "x"), "chat by chat"),
        (("everywhere", *trained), "name the person"),
        (("everywhere", "Mia", *trained, "--told", "x", "--when", "2999-01-01"), "a day to come"),
        (("local/x", "mia", "--told", "x"), "go with everywhere"),
    ):
        assert said in await imported.line(2, "consent", "grant", *arguments)


async def test_before_anything_is_imported_nobody_is_known(understudy: CommandLine) -> None:
    assert "understudy import" in await understudy.line(
        2, "consent", "grant", "everywhere", "Mia", "--for", "trained", "--told", "x"
    )


async def test_of_two_who_are_called_alike_an_id_is_asked(imported: CommandLine) -> None:
    people = imported.state_dir / "imports" / "people.toml"
    people.write_text(people.read_text().replace('name = "Leo"', 'name = "Mia"'))
    arguments = ("--for", "trained", "--told", "x")
    said = await imported.line(2, "consent", "grant", "everywhere", "Mia", *arguments)
    assert "whatsapp:Leo" in said
    assert (await imported("consent", "grant", "everywhere", "whatsapp:Leo", *arguments)).code == 0
    assert (await imported(*BUILD)).code == 0
    text, _ = _dataset(imported)
    assert "never" in text
    assert "what is it" not in text
