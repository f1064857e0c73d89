"""From an export to an answer in a chat, by a model that never was on this machine; in processes of their own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from pydantic import SecretStr

from bot.app import open_office
from bot.cli.doctor import _doctor
from bot.cli.hosted_speaking import speak, stop
from bot.cli.personas import Shelf
from bot.errors import HostNotAgreed, SettingsInvalid
from bot.hosted_settings import HostedSettings
from bot.settings import Settings
from safety.consent import How, Purpose
from safety.mode import Mode
from tests.bot.cli.command import CommandLine, said, staying
from tests.bot.playground import MIA, Playground, until
from tests.fakes.hosted.persona import MODEL, hosted_persona
from tests.fakes.hosted.rules import Fault
from tests.fakes.hosted.server import BASES, KEY, FakeHost, fake_host
from tests.fakes.persona import write_persona

QUESTION, ANSWER = "Sam, does the axolotl come along?", "quokka smile"


@pytest.fixture
async def fake() -> AsyncIterator[FakeHost]:
    async with fake_host() as host:
        yield host


@pytest.fixture
def hosted(state_dir: Path, fake: FakeHost) -> CommandLine:
    settings = {
        "HOSTED__BASE_URL": fake.base_url,
        "HOSTED__API_KEY": KEY,
        "HOSTED__MODEL": BASES[0],
        "HOSTED__POLL_SECONDS": "0.05",
        "HOSTED__BACKOFF_SECONDS": "0.05",
        "DASHBOARD__PORT": "0",
        "TURNS__PAUSE_SECONDS": "0.05",
    }
    return CommandLine(state_dir, {f"UNDERSTUDY_{name}": value for name, value in settings.items()})


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Forty days of talk between two, as WhatsApp writes it."""
    lines = [
        f"{day:02}/{month:02}/2024, 10:0{minute} - {name}: {text} {month}{day}"
        for month in (3, 4)
        for day in range(1, 21)
        for minute, name, text in (
            (1, "Leo", "what is it today"),
            (2, "Sam", f"{day * 7919} for {month * day}"),
        )
    ]
    path = tmp_path / "WhatsApp Chat with Leo.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


async def done(line: CommandLine, *arguments: str, **settings: str) -> str:
    ended = await line(*arguments, **settings)
    assert ended.code == 0, ended.err
    return ended.out


@pytest.mark.timeout(400)  # nine processes, one after another
async def test_from_an_export_to_an_approved_answer_in_a_chat_and_to_silence(
    hosted: CommandLine, fake: FakeHost, export: Path
) -> None:
    dataset = hosted.state_dir / "datasets" / "turns"
    await done(hosted, "dataset", "build", str(export), "--me", "Sam", "--as-it-is")
    told = await done(hosted, "hosted", "train", str(dataset), "--yes-send", fake.name)
    (folder,) = (hosted.state_dir / "personas").iterdir()
    assert f"sam stands in {folder}" in told
    hosted = replace(hosted, environment={**hosted.environment, "UNDERSTUDY_PERSONA": str(folder)})
    # Nobody agreed yet that chats go there.
    before = fake.connections
    assert "`understudy hosted speak`" in await hosted.line(13, "run")
    words = await done(hosted, "hosted", "speak", "--yes-send", fake.name)
    assert f"It goes to {fake.name}" in words
    assert fake.connections == before
    async with open_office(Settings(state_dir=hosted.state_dir)) as office:
        room = Playground(office)
        await room.open(Mode.MANUAL)
        await office.consents.grant(room.key, MIA, Purpose.HOSTED, How.OWNER, "olivia")
        async with staying(await hosted.start("run")) as process:
            await said(process, "/sign-in?token=")
            await room.say(QUESTION)
            await until(office.desk.drafts.waiting)
            (draft,) = await office.desk.drafts.waiting()
            assert await room.answers() == []
            await done(hosted, "drafts", "approve", draft.id)

            async def sent() -> bool:
                return await room.answers() == [ANSWER]

            await until(sent)
            shown = await done(hosted, "status")
            assert f"chats may be sent to {fake.name}" in shown
            assert "model up" in shown
    assert QUESTION in fake.chat.shown
    assert f"! sam in {folder} speaks as ft:" in await done(hosted, "hosted", "forget", "--yes")
    assert "nobody can speak as this persona any more" in await hosted.line(10, "run")


@pytest.fixture
async def persona(fake: FakeHost, state_dir: Path) -> Path:
    return (await hosted_persona(fake, state_dir / "personas" / "sam")).folder


@pytest.fixture
def settings(state_dir: Path, fake: FakeHost, persona: Path) -> Settings:
    hosted = HostedSettings(api_key=SecretStr(KEY))
    return Settings(state_dir=state_dir, persona=persona, hosted=hosted)


async def test_a_base_under_the_models_name_ends_the_command_with_one_line(
    hosted: CommandLine, fake: FakeHost, persona: Path, settings: Settings
) -> None:
    await speak(settings, "sam", [fake.name])
    fake.chat.answers_as[MODEL] = BASES[0]
    told = await hosted.line(10, "run", persona=str(persona))
    assert told.startswith(f"{fake.name}: the bare base model answers")


async def test_what_is_checked_of_a_persona_at_a_host(
    fake: FakeHost, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    before, shelf = fake.connections, Shelf(settings)
    with pytest.raises(HostNotAgreed):
        await shelf.check("sam", "llama_cpp")
    with pytest.raises(HostNotAgreed):
        await speak(settings, "sam", ["yes"])
    assert fake.connections == before
    await speak(settings, "sam", [fake.name.upper()])
    await shelf.check("sam", "llama_cpp")
    shelf.tell((), as_json=True)
    shelf.show("sam", as_json=False)
    shown = capsys.readouterr().out
    assert "the canary alone proves who answers" in shown
    assert f"answers, and nobody else, at {fake.name}" in shown
    assert f'"for": "{fake.name}"' in shown
    assert f'base.hosted.model = "{MODEL}"' in shown
    await stop(settings, "")
    with pytest.raises(HostNotAgreed):
        await shelf.check("sam", "llama_cpp")


async def test_the_doctor_says_what_is_wrong_with_a_host(
    fake: FakeHost, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    async def told() -> str:
        with contextlib.suppress(typer.Exit):
            await _doctor(settings, None)
        return capsys.readouterr().out

    assert "wrong  model: nobody agreed that chats are sent to" in await told()
    await speak(settings, "", [fake.name])
    assert (
        f"fine   model: {fake.name} answers as Sam; each answer sends messages of the chat there"
        in await told()
    )
    fake.chat.refusal = Fault("Incorrect API key provided", status=401)
    assert f"wrong  model: {fake.name} refuses the key (401)" in await told()


async def test_who_speaks_from_here_has_no_host_to_agree_to(settings: Settings, state_dir: Path) -> None:
    write_persona(state_dir / "own")
    with pytest.raises(SettingsInvalid, match="no host to agree to"):
        await speak(settings, str(state_dir / "own"), [])


async def test_there_is_nothing_to_write_gguf_from(hosted: CommandLine, persona: Path) -> None:
    assert "nothing here to write GGUF from" in await hosted.line(2, "persona", "export-gguf", str(persona))
