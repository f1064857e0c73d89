"""`understudy import`: exports in, and what a person or a program is told."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import zipfile
from datetime import datetime
from pathlib import Path

import pytest

from chat.exports.imports import Imports
from tests.bot.cli.command import ROOT, CommandLine
from tests.chat.exports.expected import FIXTURES

LINES = [
    f"23/03/2022, 13:{minute:02} - {'Sam' if minute % 3 else 'Mia'}: line {minute}\n" for minute in range(30)
]
NOTICE = "23/03/2022, 13:30 - Messages and calls are end-to-end encrypted.\n"


@pytest.fixture
def dropped(tmp_path: Path) -> Path:
    folder = tmp_path / "dropped"
    folder.mkdir()
    (folder / "WhatsApp Chat with Mia.txt").write_text("".join(LINES[:20]) + NOTICE)
    (folder / "photo.jpg").write_bytes(b"\xff\xd8")
    return folder


async def test_a_dry_run_describes_each_file_for_a_program(understudy: CommandLine, dropped: Path) -> None:
    ended = await understudy("import", str(dropped), "--dry-run", "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.json() == {
        "files": [
            {
                "path": str(dropped / "WhatsApp Chat with Mia.txt"),
                "format": "whatsapp",
                "dialect": "android d/m/yyyy, h:mm",
                "messages": 20,
                "authors": [{"name": "Sam", "messages": 13}, {"name": "Mia", "messages": 7}],
                "first": "2022-03-23T13:00:00",
                "last": "2022-03-23T13:19:00",
                "other": {"notice": 1},
            }
        ]
    }
    assert not (understudy.state_dir / "imports").exists()


async def test_the_files_of_a_zip_are_described_one_by_one(understudy: CommandLine, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name in ("Mia", "Leo"):
            archive.writestr(f"WhatsApp Chat with {name}.txt", LINES[0])
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.writestr("WhatsApp Chat with Mia.txt", LINES[0])
    ended = await understudy("import", str(tmp_path), "--dry-run", "--json")
    assert [(file["path"], file["messages"]) for file in ended.json()["files"]] == [
        (str(tmp_path / "all.zip" / "WhatsApp Chat with Mia.txt"), 1),
        (str(tmp_path / "all.zip" / "WhatsApp Chat with Leo.txt"), 1),
        (str(tmp_path / "one.zip"), 1),
    ]


async def test_times_are_given_as_written_and_what_was_passed_on_is_counted_apart(
    understudy: CommandLine, tmp_path: Path
) -> None:
    for name in ("discord_exporter/channel", "telegram/one_chat"):
        shutil.copytree(FIXTURES / name, tmp_path / "dropped" / name)
    with zipfile.ZipFile(tmp_path / "dropped" / "result.zip", "w") as archive:
        archive.write(FIXTURES / "telegram" / "one_chat" / "result.json", "result.json")
    ended = await understudy("import", str(tmp_path / "dropped"), "--dry-run", "--json")
    discord = [file for file in ended.json()["files"] if file["format"] == "discord_exporter"]
    telegram = [file for file in ended.json()["files"] if file["format"] == "telegram"]
    assert min(file["first"] for file in discord) == "2023-05-01T10:00:01.500000"
    assert sum(file["other"].get("forward", 0) for file in discord) == 1
    assert [(file["messages"], file["other"]["forward"]) for file in telegram] == [(17, 3), (17, 3)]
    # A file in a zip is kept like any other.
    assert (await understudy("import", str(tmp_path / "dropped" / "result.zip"))).code == 0


async def test_who_the_owner_is_is_asked_and_nothing_is_kept_before(
    understudy: CommandLine, dropped: Path
) -> None:
    ended = await understudy("import", str(dropped))
    assert (ended.code, ended.out) == (1, "")
    assert "--me with one of: Mia, Sam" in ended.err
    assert not (understudy.state_dir / "imports").exists()


async def test_the_table_says_what_was_understood(understudy: CommandLine, dropped: Path) -> None:
    ended = await understudy("import", str(dropped), "--me", "sam")
    assert ended.code == 0
    # A narrow table breaks its words.
    for word in ("Mia", "android", " 13 ", " 20 ", "2022-03", "notice", "no chats: 1 .jpg"):
        assert word in ended.out
    kept = Imports(understudy.state_dir / "imports")
    (chat,) = kept.resolved()
    assert [(m.text, m.own) for m in chat.messages][:2] == [("line 0", False), ("line 1", True)]
    assert kept.folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in kept.folder.iterdir()} == {0o600}
    # A file's name says nothing about the chat.
    assert not any("Mia" in file.name for file in kept.folder.iterdir())


async def test_the_same_again_changes_nothing_and_an_overlap_adds_what_is_new(
    understudy: CommandLine, dropped: Path
) -> None:
    folder = understudy.state_dir / "imports"
    assert (await understudy("import", str(dropped), "--me", "Sam")).code == 0
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert (await understudy("import", str(dropped))).code == 0
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    with zipfile.ZipFile(dropped / "later.zip", "w") as archive:
        archive.writestr("WhatsApp Chat with Mia.txt", "".join(LINES[10:]))
    assert (await understudy("import", str(dropped / "later.zip"))).code == 0
    (chat,) = Imports(folder).resolved()
    assert [message.text for message in chat.messages] == [f"line {minute}" for minute in range(30)]
    assert chat.owner == {"Sam"}
    document = json.loads((folder / "manifest.json").read_text())
    assert [source["name"] for source in document["chats"][0]["sources"]] == [
        "WhatsApp Chat with Mia.txt",
        "later.zip",
    ]


async def test_one_bad_file_is_one_line_and_the_others_are_kept(
    understudy: CommandLine, dropped: Path
) -> None:
    (dropped / "broken.zip").write_bytes(b"PK\x03\x04 no")
    ended = await understudy("import", str(dropped), str(dropped / "none.txt"), "--me", "Sam")
    assert ended.code == 1
    assert len(ended.err.strip().splitlines()) == 2
    assert "broken.zip: the zip is broken" in ended.err
    assert "none.txt: there is no such file" in ended.err
    assert len(Imports(understudy.state_dir / "imports").exports()) == 1


async def test_a_date_that_may_be_two_is_asked_for(understudy: CommandLine, dropped: Path) -> None:
    path = dropped / "notes.txt"
    path.write_text("3/4/22, 10:00 - Sam: x\n")
    asked = await understudy("import", str(path), "--dry-run", "--json")
    assert (asked.code, asked.json()) == (1, {"files": []})
    assert "--date-order" in asked.err
    told = await understudy("import", str(path), "--dry-run", "--json", "--date-order", "mdy")
    assert datetime.fromisoformat(told.json()["files"][0]["first"]).month == 3


async def test_nothing_to_read_and_a_wrong_people_file_are_said(
    understudy: CommandLine, dropped: Path
) -> None:
    ended = await understudy("import", str(dropped / "photo.jpg"))
    assert (ended.code, "no chat export" in ended.err) == (1, True)
    into = dropped.parent / "into"
    into.mkdir()
    (into / "people.toml").write_text("[[person]]\nage = 3\n")
    ended = await understudy("import", str(dropped), "--into", str(into), "--me", "Sam")
    assert (ended.code, "no key 'age'" in ended.err) == (1, True)
    assert [file.name for file in into.iterdir()] == ["people.toml"]


async def test_a_full_disk_is_one_line_and_what_was_kept_stays(
    understudy: CommandLine, dropped: Path, tmp_path: Path
) -> None:
    assert (await understudy("import", str(dropped), "--me", "Sam")).code == 0
    kept = sorted((path.name, path.stat().st_size) for path in (understudy.state_dir / "imports").iterdir())
    (tmp_path / "WhatsApp Chat with Leo.txt").write_text("".join(LINES).replace("Mia", "Leo") * 60)
    # Files of more than a kilobyte fail as on a full disk; the chats to read are there already.
    full = (
        "import resource as r, runpy, sys; r.setrlimit(r.RLIMIT_FSIZE, (1024, 1024)); sys.argv[0] = 'understudy'; "
        "runpy.run_module('bot', run_name='__main__')"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", full, "--state-dir", str(understudy.state_dir)),
        *("import", str(tmp_path / "WhatsApp Chat with Leo.txt"), "--me", "Sam"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert said.decode().startswith("understudy: the disk is full")
    assert kept == sorted(
        (path.name, path.stat().st_size) for path in (understudy.state_dir / "imports").iterdir()
    )
    assert [chat.chat.title for chat in Imports(understudy.state_dir / "imports").exports()] == ["Mia"]


async def test_where_nothing_was_read_nobody_is_looked_for(understudy: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04")
    said = await understudy.line(1, "import", str(tmp_path / "broken.zip"), "--me", "Sam")
    assert said.endswith("the zip is broken; export the chat again")
