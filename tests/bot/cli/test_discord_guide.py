"""docs/discord.md is played as it stands there, from a new bot to its first answer; and names all that there is."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from bot.messengers.discord.settings import DiscordSettings
from bot.settings import Settings
from tests.bot.cli.command import ROOT, CommandLine, Ended, said, staying
from tests.bot.cli.test_discord import ASKED, MODULE, at_a_terminal
from tests.bot.messengers.discord.server import Place
from tests.bot.playground import until
from tests.fakes.discord.server import fake_discord

GUIDE: Final = (ROOT / "docs" / "discord.md").read_text(encoding="utf-8")
CHANNEL, DRAFT = "discord/1092837465564738291", "5b13cd0a9e7f2468"


def part(title: str) -> str:
    return GUIDE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[str]:
    """The first cell of each line of a part's table."""
    return re.findall(r"^\| (`.*?) \|", part(title), re.MULTILINE)


def commands(text: str) -> list[list[str]]:
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert all(line.startswith("$ ") for line in lines)
    return [shlex.split(line.removeprefix("$ "), comments=True) for line in lines]


class Newcomer:
    """Somebody who types what the guide says, in an empty folder, and does on Discord what it says there."""

    def __init__(self, understudy: CommandLine, place: Place) -> None:
        self.understudy = understudy
        self.place = place
        self.outs: dict[str, str] = {}

    async def type(self, words: list[str], staying_on: AsyncExitStack) -> None:
        name, *verb = [self._real(word) for word in words]
        assert name == "understudy"
        match verb:
            case ["discord", "setup"]:
                await self._set_up()
            case ["run"]:
                process = await staying_on.enter_async_context(staying(await self._start()))
                await said(process, "/sign-in?token=")
                await self._is_asked()
            case _:
                ended = await self._call(*verb)
                assert (ended.code, ended.err) == (0, ""), verb
                self.outs[" ".join(verb[:2])] = ended.out

    async def _set_up(self) -> None:
        place = self.place
        # Nobody has let it in yet.
        member = place.guild.members.pop(place.bot.user.id)
        async with at_a_terminal(self.understudy, "discord", "setup") as terminal:
            await terminal.answer(ASKED, place.bot.token)
            await terminal.answer("Write the token into", "y")
            await terminal.answer("Is that you?", "y")
            assert await terminal.end() == 1
        assert f"client_id={place.bot.application}&" in terminal.seen
        assert "the bot is in none: open the invite link below" in " ".join(terminal.seen.split())
        place.guild.members[place.bot.user.id] = member
        again = await self._call("discord", "setup")
        assert again.code == 0
        assert f'understudy chats enable {place.key} --title "general in Friends"' in again.out

    async def _is_asked(self) -> None:
        await until(self._connected, 60)
        (question,) = re.findall(r"Have somebody write \*(.*?)\*", " ".join(GUIDE.split()))
        self.place.fake.say(self.place.channel, self.place.mia, question)
        await until(self._drafts, 60)

    async def _connected(self) -> bool:
        return bool(self.place.fake.open_connections)

    async def _drafts(self) -> Any:  # noqa: ANN401
        return json.loads((await self._call("drafts", "--json")).out)

    async def answered(self) -> None:
        async def posted() -> list[str]:
            return self.place.said()

        await until(posted, 60)

    def _real(self, word: str) -> str:
        return word.replace(CHANNEL, str(self.place.key))

    async def _call(self, *verb: str) -> Ended:
        if DRAFT in verb:
            (draft,) = await self._drafts()
            verb = tuple(word.replace(DRAFT, draft["id"]) for word in verb)
        return await self.understudy(*verb, config=str(self._settings))

    async def _start(self) -> asyncio.subprocess.Process:
        return await self.understudy.start("run", config=str(self._settings))

    @property
    def _settings(self) -> Path:
        return self.understudy.state_dir.parent / "understudy.toml"


@pytest.mark.timeout(300)
async def test_a_newcomer_who_follows_the_guide_has_a_bot_that_talks(
    state_dir: Path, served: CommandLine
) -> None:
    async with fake_discord() as fake, AsyncExitStack() as stack:
        place = Place(fake)
        place.bot.public, place.bot.owner = False, place.olivia
        certificate = state_dir / "discord.pem"
        fake.write_authority(certificate)
        environment = {**served.environment, "FAKE_DISCORD": f"{fake.port}:{certificate}"}
        newcomer = Newcomer(CommandLine(state_dir / "state", environment, module=MODULE), place)
        told = commands(part("From nothing to a bot that talks"))
        assert [words[1] for words in told] == [
            "discord",
            "chats",
            "run",
            "drafts",
            "drafts",
            "chats",
            "status",
        ]
        for words in told:
            await newcomer.type(words, stack)
        await newcomer.answered()
        assert newcomer.outs["drafts approve"].strip()
        assert " auto," in newcomer.outs["chats set"]
        assert "persona sam, model up" in newcomer.outs["status"]
        assert "TROUBLE" not in newcomer.outs["status"]
        (group,) = place.bot.commands[None]
        named = {name for row in rows("Commands") for name in re.findall(r"^`(\w+)", row)}
        assert {option["name"] for option in group["options"]} == named
        assert fake.violations == []


def test_every_setting_stands_in_the_guide_and_in_the_example() -> None:
    described = {name for row in rows("Settings") for name in re.findall(r"`(\w+)`", row)}
    assert described - {"[discord]"} == set(DiscordSettings.model_fields)
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    shown = set(re.findall(r"^#UNDERSTUDY_DISCORD__(\w+)=", example, re.MULTILINE))
    assert {name.lower() for name in shown} == set(DiscordSettings.model_fields)


def test_every_variable_that_the_guide_names_is_a_setting() -> None:
    for name in re.findall(r"UNDERSTUDY_([A-Z_]+)", GUIDE):
        table, _, field = name.lower().partition("__")
        assert table in Settings.model_fields, name
        inner = getattr(Settings.model_fields[table].annotation, "model_fields", {})
        assert not field or field in inner, name


def test_every_event_of_the_log_that_the_guide_names_is_one() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "bot").rglob("*.py"))
    named = re.findall(r"`((?:discord|messenger|bubble|message|kill_word)\.[a-z_]+)`", GUIDE)
    scripts = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "bot").rglob("*.lua"))
    assert len(named) > 3
    assert [event for event in named if f'"{event}"' not in sources + scripts] == []


def test_every_picture_and_every_link_leads_somewhere() -> None:
    folder = ROOT / "docs"
    titles = re.findall(r"^## (.*)$", GUIDE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    for target in re.findall(r"\]\(([^)]+)\)", GUIDE):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif not target.startswith("https://"):
            assert (folder / target.partition("#")[0]).is_file(), target


def test_the_readme_says_nothing_of_discord_that_the_guide_does_not() -> None:
    readme = (
        (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Discord\n")[2].partition("\n## ")[0]
    )
    (block,) = re.findall(r"```\n(.*?)```", readme, re.DOTALL)
    told = commands(part("From nothing to a bot that talks"))
    typed = [shlex.split(line, comments=True) for line in block.splitlines()]
    assert len(typed) > 1
    assert [words for words in typed if words not in told] == []
