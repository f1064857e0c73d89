"""`discord setup` in a process of its own, against a fake Discord, with and without a terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import stat
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.bot.cli.command import ROOT, CommandLine, staying
from tests.bot.messengers.discord.server import Place
from tests.bot.playground import until
from tests.fakes.discord.permissions import Intent, Permission
from tests.fakes.discord.server import fake_discord

MODULE = "tests.fakes.discord.command"
# To its last space: what is typed before that is shown, and thrown away.
ASKED = "Token (it is not shown): "


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with fake_discord() as fake:
        place = Place(fake)
        place.bot.public, place.bot.owner = False, place.olivia
        yield place
        assert fake.violations == []


@pytest.fixture
def setup(state_dir: Path, place: Place) -> CommandLine:
    """The command line on the fake, without a token, in a folder where it may write its settings."""
    certificate = state_dir / "discord.pem"
    place.fake.write_authority(certificate)
    led = {"FAKE_DISCORD": f"{place.fake.port}:{certificate}"}
    return CommandLine(state_dir / "state", led, module=MODULE)


def with_token(setup: CommandLine, place: Place) -> CommandLine:
    settings = {
        "UNDERSTUDY_DISCORD__TOKEN": place.bot.token,
        "UNDERSTUDY_DISCORD__OWNER": str(place.olivia.id),
    }
    return CommandLine(setup.state_dir, {**setup.environment, **settings}, module=MODULE)


async def test_a_bot_that_lacks_nothing_is_told_which_chats_there_are(
    setup: CommandLine, place: Place
) -> None:
    ended = await with_token(setup, place)("discord", "setup")
    assert (ended.code, ended.err) == (0, "")
    assert "fine   token: Discord knows it, as stand-in" in ended.out
    assert f"client_id={place.bot.application}&" in ended.out
    assert f'understudy chats enable {place.key} --title "general in Friends"' in ended.out
    assert place.bot.token not in ended.out


async def test_what_is_missing_is_a_line_each_and_exit_1(setup: CommandLine, place: Place) -> None:
    understudy = with_token(setup, place)
    place.bot.allowed = Intent(0)
    place.fake.deny(place.channel, place.bot.user, Permission.SEND_MESSAGES)
    await understudy("chats", "enable", str(place.key), "--title", "general")
    ended = await understudy("discord", "setup")
    assert (ended.code, ended.err) == (1, "")
    wrong = [line for line in ended.out.splitlines() if line.startswith("wrong ")]
    assert len(wrong) == 2
    assert "Message Content Intent" in wrong[0]
    assert wrong[1].startswith(f"wrong  {place.key} (general in Friends): the bot's role lacks Send Messages")
    # The chats are named for whom it is new alone.
    assert "chats enable" not in ended.out


async def test_each_end_has_its_code_and_its_line(setup: CommandLine, place: Place) -> None:
    assert "UNDERSTUDY_DISCORD__TOKEN" in await setup.refused(2, "discord", "setup")
    understudy = with_token(setup, place)
    place.fake.play("GET", "/users/@me", status=503, times=99)
    assert "503" in await understudy.refused(12, "discord", "setup")
    place.fake.plays.clear()
    place.fake.bots.clear()
    line = await understudy.refused(2, "discord", "setup")
    assert "does not know this token" in line
    assert place.bot.token not in line


async def test_the_doctor_looks_at_discord(setup: CommandLine, place: Place) -> None:
    assert "fine   discord: off" in (await setup("doctor")).out
    await setup("chats", "enable", str(place.key), "--title", "general")
    ended = await setup("doctor")
    assert ended.code == 1
    assert "wrong  discord: discord.token is not set, so its chats are not heard" in ended.out
    await setup("chats", "disable", str(place.key), "--yes")
    understudy = with_token(setup, place)
    assert "fine   discord: Discord knows it, as stand-in" in (await understudy("doctor")).out
    place.bot.allowed = Intent(0)
    del place.guild.members[place.bot.user.id]
    ended = await understudy("doctor")
    (line,) = (line for line in ended.out.splitlines() if " discord: " in line)
    assert line.startswith("wrong  discord: message content: the intent is off")
    assert line.endswith("(and 1 more: `understudy discord setup`)")
    assert ended.code == 1


class Terminal:
    """A person at a terminal, who types when asked, and what they see."""

    def __init__(self, handle: int, process: asyncio.subprocess.Process) -> None:
        self.seen = ""
        self._read_to = 0
        self._handle = handle
        self._process = process

    async def answer(self, question: str, text: str) -> None:
        """Wait until something is asked, after what was asked before, and type."""
        async with asyncio.timeout(60):
            while (at := self.seen.find(question, self._read_to)) < 0:
                assert await self._read(), self.seen
        self._read_to = at + len(question)
        os.write(self._handle, f"{text}\n".encode())

    async def end(self) -> int:
        async with asyncio.timeout(60):
            while await self._read():
                pass
            return await self._process.wait()

    async def _read(self) -> bool:
        try:
            found = await asyncio.to_thread(os.read, self._handle, 65536)
        except OSError:  # the other end is closed
            return False
        self.seen += found.decode()
        return bool(found)


def _own_terminal() -> None:
    """Make the terminal the process's own, for that is where a hidden answer is read."""
    os.setsid()
    os.close(os.open(os.ttyname(1), os.O_RDWR))


@asynccontextmanager
async def at_a_terminal(understudy: CommandLine, *arguments: str) -> AsyncIterator[Terminal]:
    mine, theirs = pty.openpty()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("UNDERSTUDY_")},
        **understudy.environment,
        "PYTHONPATH": str(ROOT),
        "UNDERSTUDY_STATE_DIR": str(understudy.state_dir),
        "TERM": "dumb",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", understudy.module, *arguments),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        cwd=understudy.state_dir.parent,
        preexec_fn=_own_terminal,
    )
    os.close(theirs)
    try:
        yield Terminal(mine, process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(mine)


async def test_who_has_no_token_is_asked_for_it_and_it_is_kept_where_nobody_else_can_read(
    setup: CommandLine, place: Place
) -> None:
    file = setup.state_dir.parent / "understudy.toml"
    file.write_text(
        '# mine\npersona_aliases = ["Sammy"]\n\n[discord] # here\nmarkdown = "keep"\n\n[kill]\nreach = "chat"\n'
    )
    file.chmod(0o644)
    async with at_a_terminal(setup, "discord", "setup") as terminal:
        await terminal.answer(ASKED, place.bot.token)
        await terminal.answer("Write the token into", "y")
        await terminal.answer("Is that you?", "y")
        assert await terminal.end() == 0
    assert "Reset Token" in terminal.seen
    assert place.bot.token not in terminal.seen
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text(encoding="utf-8")
    assert "# mine" in text
    assert tomllib.loads(text) == {
        "persona_aliases": ["Sammy"],
        "discord": {"markdown": "keep", "token": place.bot.token, "owner": str(place.olivia.id)},
        "kill": {"reach": "chat"},
    }
    again = await setup("discord", "setup", config=str(file))
    assert (again.code, again.err) == (0, "")
    assert "discord.owner is empty" not in again.out

    file.chmod(0o644)
    opened = await setup("discord", "setup", config=str(file))
    assert opened.code == 1
    assert "others on this machine may read the token: chmod 600" in opened.out


async def test_who_says_no_keeps_the_token_to_themselves(setup: CommandLine, place: Place) -> None:
    async with at_a_terminal(setup, "discord", "setup") as terminal:
        await terminal.answer(ASKED, place.bot.token)
        await terminal.answer("Write the token into", "n")
        assert await terminal.end() == 0
    assert "UNDERSTUDY_DISCORD__TOKEN" in terminal.seen
    assert not (setup.state_dir.parent / "understudy.toml").exists()


@pytest.mark.parametrize("typed", ["not known", "Bot {token}", "unknown-to-discord"])
async def test_a_wrong_token_that_is_typed_is_neither_shown_nor_kept(
    setup: CommandLine, place: Place, typed: str
) -> None:
    async with at_a_terminal(setup, "discord", "setup") as terminal:
        await terminal.answer(ASKED, typed.format(token=place.bot.token))
        assert await terminal.end() == 2
    assert place.bot.token not in terminal.seen
    assert typed not in terminal.seen
    assert terminal.seen.strip().splitlines()[-1].startswith("understudy: ")
    assert not (setup.state_dir.parent / "understudy.toml").exists()


async def test_what_is_wrong_while_it_runs_stands_in_status_until_it_is_mended(
    setup: CommandLine, served: CommandLine, place: Place
) -> None:
    with_model = CommandLine(setup.state_dir, {**served.environment, **setup.environment}, module=MODULE)
    understudy = with_token(with_model, place)
    await understudy("chats", "enable", str(place.key), "--title", "general")
    place.fake.deny(place.channel, place.bot.user, Permission.SEND_MESSAGES)

    async def said(line: str) -> bool:
        return line in (await understudy("status")).out

    async with staying(await understudy.start("run")):
        lacking = f"TROUBLE {place.key} (general): the bot's role lacks Send Messages there"
        await until(lambda: said(lacking), 60)
        assert "persona sam, model up" in (await understudy("status")).out

        place.fake.deny(place.channel, place.bot.user, Permission(0))

        async def mended() -> bool:
            return not await said("TROUBLE")

        await until(mended, 60)

        place.fake.bots.clear()
        place.fake.invalidate(resumable=False)
        await until(lambda: said("TROUBLE discord: Discord does not know this token"), 60)
        found = (await understudy("status", "--json")).json()
        assert list(found["troubles"]) == ["discord"]
        assert place.bot.token not in str(found)
        # Of what runs, the doctor says what keeps it away.
        assert "wrong  discord: " in (await understudy("doctor")).out
