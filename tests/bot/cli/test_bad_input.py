"""What is wrong gets one clear line and an exit code of its own, and `--debug` adds the trace."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.store.server import server_binary
from tests.bot.cli.command import CommandLine
from tests.fakes.old_redis import VERSION, old_redis
from tests.fakes.openai_server import FakeOpenAIServer


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def test_a_taken_port_is_named_with_the_setting_that_changes_it(
    served: CommandLine, taken_port: int
) -> None:
    said = await served.refused(5, "run", dashboard__port=str(taken_port))
    assert str(taken_port) in said
    assert "UNDERSTUDY_DASHBOARD__PORT" in said


async def test_a_redis_that_is_away_is_said_for_every_verb_that_needs_it(
    understudy: CommandLine, closed_port: int
) -> None:
    for verb in ("kill", "status"):
        said = await understudy.refused(4, verb, redis_url=f"redis://:hunter2@127.0.0.1:{closed_port}/0")
        assert "UNDERSTUDY_REDIS_URL cannot be reached" in said
        assert "hunter2" not in said


async def test_a_redis_that_is_too_old_is_named_with_its_version(understudy: CommandLine) -> None:
    async with old_redis() as url:
        said = await understudy.refused(4, "status", redis_url=url)
    assert VERSION in said
    assert "version 7 or later is needed" in said


@pytest.mark.parametrize("given", ["", ":wrong@"])
async def test_a_redis_that_asks_for_a_password_says_so(
    understudy: CommandLine, state_dir: Path, closed_port: int, given: str
) -> None:
    server = subprocess.Popen(  # noqa: ASYNC220 - returns at once
        [
            *(server_binary(), "--port", str(closed_port), "--bind", "127.0.0.1"),
            *("--save", "", "--dir", str(state_dir), "--requirepass", "right"),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", closed_port), 1).close()
                break
            except OSError:
                await asyncio.sleep(0.02)
        said = await understudy.refused(4, "status", redis_url=f"redis://{given}127.0.0.1:{closed_port}/0")
    finally:
        server.terminate()
        await asyncio.to_thread(server.wait)
    assert "refuses the password" in said
    assert "wrong" not in said


async def test_a_file_in_the_place_of_the_state_folder_stays_as_it_is(
    understudy: CommandLine, state_dir: Path
) -> None:
    in_the_way = state_dir / "file"
    in_the_way.write_text("mine")
    for folder in (in_the_way, in_the_way / "below"):
        said = await understudy.refused(3, "status", state_dir=str(folder))
        assert "UNDERSTUDY_STATE_DIR" in said
    assert in_the_way.read_text() == "mine"


async def test_a_state_folder_with_a_file_in_the_place_of_the_data_folder_is_refused(
    understudy: CommandLine, state_dir: Path
) -> None:
    (state_dir / "redis").write_text("mine")
    assert "UNDERSTUDY_STATE_DIR" in await understudy.refused(3, "kill")
    assert (state_dir / "redis").read_text() == "mine"


async def test_a_state_folder_whose_path_is_too_long_for_a_socket_is_refused(
    understudy: CommandLine, state_dir: Path
) -> None:
    said = await understudy.refused(3, "status", state_dir=str(state_dir / ("long" * 25)))
    assert "too long for a socket" in said
    assert "UNDERSTUDY_STATE_DIR" in said
    said = await understudy.refused(3, "status", state_dir=str(state_dir / ("long" * 100)))
    assert "UNDERSTUDY_STATE_DIR" in said


async def test_a_persona_folder_that_does_not_exist_is_named(served: CommandLine, state_dir: Path) -> None:
    nowhere = state_dir / "nowhere"
    said = await served.refused(9, "run", persona=str(nowhere))
    assert str(nowhere) in said


async def test_a_persona_folder_without_one_of_its_files_is_refused(
    served: CommandLine, persona: Path
) -> None:
    (persona / "gguf" / "adapter.gguf").unlink()
    assert "adapter.gguf is missing" in await served.refused(9, "run")


async def test_a_truncated_persona_file_is_named_with_its_size(served: CommandLine, persona: Path) -> None:
    (persona / "gguf" / "base.gguf").write_bytes(b"ba")
    assert "base.gguf is truncated (2 of 4 bytes)" in await served.refused(9, "run")


async def test_an_empty_and_a_cut_persona_toml_are_refused(served: CommandLine, persona: Path) -> None:
    whole = (persona / "persona.toml").read_bytes()
    for part in (b"", whole[: len(whole) // 2]):
        (persona / "persona.toml").write_bytes(part)
        assert "persona.toml" in await served.refused(9, "run")


async def test_an_adapter_for_another_base_is_refused(served: CommandLine, persona: Path) -> None:
    manifest = persona / "persona.toml"
    manifest.write_text(re.sub(r'base_sha256 = "\w+"', f'base_sha256 = "{"0" * 64}"', manifest.read_text()))
    assert "the adapter was trained on base 000000000000" in await served.refused(9, "run")


async def test_a_model_server_that_is_away_or_serves_another_model_is_said(
    served: CommandLine, model: FakeOpenAIServer, closed_port: int
) -> None:
    away = await served.refused(10, "run", model__base_url=f"http://127.0.0.1:{closed_port}/v1")
    assert "the model server cannot be used" in away
    assert "no model named mia" in await served.refused(10, "run", model__model="mia")
    model.first_tokens = {"sam": {"b": -1.0, "z": -5.0}}
    assert "the bare base model answers" in await served.refused(10, "run")


async def test_a_broken_settings_file_is_named_with_the_line(
    understudy: CommandLine, state_dir: Path
) -> None:
    file = state_dir / "my.toml"
    file.write_text("partitions = 4\nturns = [[\n")
    said = await understudy.refused(2, "kill", config=str(file))
    assert str(file) in said
    assert "line " in said or "end of document" in said


async def test_a_settings_file_that_is_no_text_or_a_folder_or_missing_is_refused(
    understudy: CommandLine, state_dir: Path
) -> None:
    binary = state_dir / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for file in (binary, state_dir, state_dir / "nowhere.toml"):
        assert str(file) in await understudy.line(2, "status", config=str(file))


async def test_an_unknown_setting_in_the_file_is_named_with_the_one_that_was_meant(
    understudy: CommandLine, state_dir: Path
) -> None:
    file = state_dir / "my.toml"
    file.write_text("[turns]\npuase_seconds = 2\n")
    said = await understudy.refused(2, "status", config=str(file))
    assert said == f"there is no setting turns.puase_seconds (in {file}): did you mean turns.pause_seconds?"


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("kill_word", "did you mean kill_words?"),
        ("dashboard__prot", "did you mean dashboard.port?"),
        ("zzz", "remove it"),
    ],
)
async def test_an_unknown_setting_in_the_environment_is_named(
    understudy: CommandLine, variable: str, meant: str
) -> None:
    said = await understudy.line(2, "status", **{variable: "1"})
    assert f"(in UNDERSTUDY_{variable.upper()}): {meant}" in said


async def test_a_setting_out_of_range_is_named_with_its_range(understudy: CommandLine) -> None:
    said = await understudy.refused(2, "status", dashboard__port="70000")
    assert said == (
        "the setting dashboard.port must be less than or equal to 65535: correct UNDERSTUDY_DASHBOARD__PORT"
    )


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        (("kill", "chat"), 2, "'chat' is no scope: write everywhere"),
        (("kill", "chat:nowhere"), 2, "is no scope"),
        (("kill", "somewhere"), 2, "is no scope"),
        (("resume", "account:a/b"), 2, "is no scope"),
        (("kill", "chat:local/nowhere"), 2, "no chat known so far is in chat:local/nowhere"),
        (("kill", "account:discrod"), 2, "no chat known so far is in account:discrod"),
        (("chats", "enable", "friends"), 2, "write messenger/chat-id"),
        (("chats", "set", "local/nowhere", "--mode", "auto"), 2, "there is no chat local/nowhere"),
        (("chats", "set", "local/nowhere", "--mode", "loud"), 2, "'shadow', 'manual', 'auto'"),
        (("chats", "set", "local/nowhere", "--probability", "2"), 2, "a probability is from 0 to 1"),
        (("drafts", "approve", "nothing"), 6, "there is no such draft"),
        (("drafts", "reject", "nothing"), 6, "there is no such draft"),
        (("drafts", "reject"), 2, "name drafts by their ids"),
        (("--log-level", "loud", "status"), 2, "correct --log-level"),
        (("understand",), 2, "No such command 'understand'"),
        (("status", "--yaml"), 2, "No such option: --yaml"),
    ],
)
async def test_a_wrong_call_is_refused_with_what_to_write_instead(
    understudy: CommandLine, call: tuple[str, ...], code: int, words: str
) -> None:
    assert words in await understudy.line(code, *call)


async def test_a_kill_of_a_chat_nobody_knows_yet_stands_all_the_same(understudy: CommandLine) -> None:
    await understudy.refused(2, "kill", "chat:local/later")
    assert [kill["scope"] for kill in (await understudy("status", "--json")).json()["kills"]] == [
        "chat:local/later"
    ]


async def test_a_link_to_a_service_that_does_not_run_is_refused(understudy: CommandLine) -> None:
    ended = await understudy("link")
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 1
    assert "no service runs" in ended.err
    assert "--demo link" in ended.err
