"""Takes the pictures of README.md and docs/discord.md anew: `python -m tests.pictures` (`make pictures`).

Needs Chromium. They show what a person would see: the command line and the dashboard are the real ones, Sam is on
llama.cpp, and Discord is the fake of the tests.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Page, async_playwright
from rich.console import Console
from rich.text import Text

from bot.app import Office, open_office, open_service
from bot.cli.service import DEMO_OWNER
from bot.dashboard.server import Dashboard
from bot.demo.friends import Friends
from bot.demo.script import CHAT, LEO, MIA, NORA, Line
from bot.demo.settings import demo_settings, prepare_room
from bot.drafts import ApprovalSettings, Draft
from bot.people import Person, Role
from bot.settings import SAMPLE_PERSONA, DashboardSettings, Settings
from chat.message import Chat, ChatKey
from safety.mode import Mode
from tests.bot.cli.command import ROOT, CommandLine
from tests.bot.dashboard.conftest import ARGUMENTS, chromium, visiting
from tests.bot.messengers.discord.server import Place, key_of
from tests.bot.messengers.discord.steered import answer_to
from tests.bot.playground import OWNER, until
from tests.fakes.discord.client import soon
from tests.fakes.discord.permissions import Intent, Permission
from tests.fakes.discord.server import fake_discord
from tests.fakes.discord.world import User

DOCS: Final = ROOT / "docs"
_PAGE: Final = """<html><style>
body {{ margin: 0; padding: 22px 26px; background: #16181d; display: inline-block; }}
pre {{ margin: 0; font: 15px/1.55 "DejaVu Sans Mono", monospace; color: #d8dbe2; white-space: pre-wrap; width: 118ch; }}
</style><pre>{code}</pre></html>"""
_DEMO: Final = (
    (
        Line(LEO, "it's raining again", 1),
        Line(NORA, "perfect weather for a movie", 2),
        Line(LEO, "Sam, movie night at my place on friday?", 2),
    ),
    (Line(NORA, "and who brings the drinks?", 1), Line(LEO, "Sam, do you remember the barbecue?", 2)),
)
_COLOURS: Final = {"fine": "#7fd18b", "advice": "#e5c07b", "wrong": "bold #ff7b72"}


@asynccontextmanager
async def town() -> AsyncIterator[Place]:
    """Friends' server."""
    async with fake_discord() as fake:
        place = Place(fake)
        place.bot.user.name, place.bot.public, place.bot.owner = "sam-stand-in", False, place.olivia
        yield place


async def demo_picture(browser: Browser, folder: Path, to: Path) -> None:
    """The demo: friends talk, Sam has answered, and in manual mode a draft of his waits."""
    settings = demo_settings(Settings(persona=SAMPLE_PERSONA), folder / "demo").model_copy(
        update={"dashboard": DashboardSettings(port=0), "drafts": ApprovalSettings(candidates=3)}
    )
    async with (
        open_office(settings) as office,
        Dashboard(office) as dashboard,
        open_service(office) as service,
        asyncio.TaskGroup() as group,
    ):
        await prepare_room(office)
        running = [group.create_task(service.run()), group.create_task(dashboard.run())]
        friends, you = Friends(office.rooms, office.clock, ()), Person(DEMO_OWNER, Role.OWNER)
        for scene in _DEMO:
            await friends.play(scene)
            await _at_rest(office)
        for draft in await office.desk.drafts.waiting():
            # Whatever he promised.
            await office.desk.reject(you, draft.id, "too eager")
        await office.desk.set_mode(you, CHAT.key, Mode.MANUAL)
        await friends.play((Line(MIA, "Sam, pizza or sushi?", 1),))
        await _drafts(office, CHAT.key, 1)
        async with visiting(browser, dashboard, you) as page:
            await _shot(page, CHAT.key, to / "demo.png")
        for task in running:
            task.cancel()


async def _at_rest(office: Office) -> None:
    """Wait until nothing in the demo's room waits or is on its way."""

    async def rests() -> bool:
        state = await office.desk.chats.get(CHAT.key)
        return state.waiting == state.leaving == 0

    # What was said is taken up only after a pause.
    await asyncio.sleep(5)
    await until(rests, 60)
    await asyncio.sleep(1)


async def setup_picture(browser: Browser, folder: Path, to: Path) -> None:
    """What `understudy discord setup` says of a new bot whose intent was forgotten."""
    async with town() as place:
        place.fake.text(place.guild, "books")
        place.bot.allowed = Intent(0)
        certificate = folder / "discord.pem"
        place.fake.write_authority(certificate)
        environment = {
            "FAKE_DISCORD": f"{place.fake.port}:{certificate}",
            "UNDERSTUDY_DISCORD__TOKEN": place.bot.token,
            "UNDERSTUDY_DISCORD__OWNER": str(place.olivia.id),
        }
        understudy = CommandLine(folder / "setup", environment, module="tests.fakes.discord.command")
        ended = await understudy("discord", "setup")
    said = Console(file=StringIO(), record=True, width=200)
    said.print(Text("$ understudy discord setup", style="bold"))
    for line in ended.out.splitlines():
        said.print(Text(line, style=_COLOURS.get(line.partition(" ")[0], "")))
    page = await browser.new_page(viewport={"width": 1200, "height": 400}, device_scale_factor=2)
    await page.set_content(said.export_html(inline_styles=True, code_format=_PAGE))
    await page.locator("body").screenshot(path=to / "discord-setup.png")


async def dashboard_picture(browser: Browser, folder: Path, to: Path) -> None:
    """A draft of Sam's that waits for its moderator, and a channel in which the bot may not write."""
    settings = demo_settings(Settings(persona=SAMPLE_PERSONA), folder / "run").model_copy(
        update={"dashboard": DashboardSettings(port=0)}
    )
    async with town() as place:
        discord = place.settings()
        async with (
            open_office(settings.model_copy(update={"discord": discord})) as office,
            Dashboard(office) as dashboard,
            open_service(office, wires=place.fake.connector) as service,
            asyncio.TaskGroup() as group,
        ):
            running = [group.create_task(service.run())]
            await soon(lambda: place.fake.open_connections and place.bot.commands.get(None))
            await _talk(place, office)
            # Only now: its start takes seconds, and a command is answered within three.
            running.append(group.create_task(dashboard.run()))
            async with visiting(browser, dashboard, OWNER, 1360, 800) as page:
                await _shot(page, place.key, to / "discord-dashboard.png")
            for task in running:
                task.cancel()


async def _talk(place: Place, office: Office) -> None:
    fake, leo = place.fake, place.fake.person("leo", "Leo")
    place.role("friends", leo)
    books = fake.text(place.guild, "books")
    tents = fake.thread(place.channel, "tents")
    direct = fake.direct(place.bot.user, place.mia)
    for channel in (place.channel, books, tents):
        await answer_to(fake.command(place.bot, channel, place.olivia, "understudy enable"))
    await office.desk.enable(OWNER, Chat(key_of(direct), "Mia (direct messages)"))
    fake.deny(books, place.bot.user, Permission.SEND_MESSAGES)
    sam = f"<@{place.bot.user.id}>"
    await _said(place, (place.mia, "anyone up for a barbecue on saturday?"), (leo, f"{sam} cats or dogs?"))
    (draft,) = await _drafts(office, place.key, 1)
    await office.desk.approve(OWNER, draft.id)
    await soon(lambda: len(place.said()) > len(draft.bubbles), 60)
    await _said(place, (leo, "haha"), (place.mia, "we need food"), (place.mia, f"{sam} pizza or sushi?"))
    fake.say(direct, place.mia, "are you awake?")
    await _drafts(office, place.key, 1)


async def _said(place: Place, *lines: tuple[User, str]) -> None:
    for author, text in lines:
        place.fake.say(place.channel, author, text)
        await asyncio.sleep(0.4)


async def _drafts(office: Office, chat: ChatKey, count: int) -> list[Draft]:
    async def found() -> list[Draft]:
        return [draft for draft in await office.desk.drafts.waiting() if draft.chat == chat]

    async def enough() -> bool:
        return len(await found()) >= count

    await until(enough, 60)
    return await found()


async def _shot(page: Page, chat: ChatKey, to: Path) -> None:
    await page.goto(f"{page.url.partition('?')[0]}?chat={chat}")
    await page.get_by_role("button", name="Approve").first.wait_for()
    await page.wait_for_timeout(1500)
    await page.screenshot(path=to)


async def take(to: Path) -> None:
    """Put the pictures into a folder."""
    folder = Path(tempfile.mkdtemp(prefix="u-pictures-"))
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
            await demo_picture(browser, folder, to)
            await setup_picture(browser, folder, to)
            await dashboard_picture(browser, folder, to)
            await browser.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(take(DOCS))
