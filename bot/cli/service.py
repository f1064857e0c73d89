"""`run`, `demo` and `link`: what stays running, and how people get in.

The dashboard is imported where it is needed: NiceGUI takes most of a second, and `understudy kill` shall not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from bot.accounts import Accounts
from bot.app import open_office, open_service
from bot.cli.screen import say
from bot.cli.wishes import login_name, owner, wishes
from bot.demo.settings import demo_settings, prepare_room
from bot.errors import SettingsInvalid
from bot.kill_watch import heeding_signals
from bot.messengers.base import Wires
from bot.people import Person, Role
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.dashboard.server import Dashboard

DEMO_OWNER: Final = "you"


def run(context: typer.Context) -> None:
    """Run the service: connectors, worker, sender and dashboard, until Ctrl-C."""
    asked = wishes(context)
    asked.run(_run(asked.settings(), asked.wires))


def demo(
    context: typer.Context,
    headless: Annotated[
        bool, typer.Option("--headless", help="Play it in the terminal, without a browser.")
    ] = False,
    port: Annotated[int | None, typer.Option(help="Where the page listens; 0 takes a free port.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what was said in earlier demos.")] = False,
) -> None:
    """Open the demo: a group chat in which the sample persona, Sam, stands in."""
    asked = wishes(context)
    if headless:
        settings = asked.settings(quiet="error")
        with _throw_away_folder() as folder:
            asked.run(_headless(demo_settings(settings, folder)))
        return
    settings = asked.settings(quiet="warning")
    if not asked.demo:
        settings = demo_settings(settings)
    if port is not None:
        settings = settings.model_copy(
            update={"dashboard": settings.dashboard.model_copy(update={"port": port})}
        )
    if fresh:
        asked.run(_forget(settings))
    asked.run(_demo(settings))


def link(
    context: typer.Context,
    role: Annotated[
        Role | None, typer.Option(help="What the person may do; of somebody known, as it is.")
    ] = None,
    name: Annotated[str, typer.Option(help="Who it is for; you, unless said otherwise.")] = "",
) -> None:
    """Print a link that signs one person in, once."""
    asked = wishes(context)
    you = DEMO_OWNER if asked.demo else login_name()
    asked.run(_link(asked.settings(quiet="warning"), role, name, you))


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(run)
    app.command()(demo)
    app.command()(link)


async def _run(settings: Settings, wires: Wires | None) -> None:
    from bot.dashboard.server import Dashboard  # noqa: PLC0415 - see above

    # The dashboard before the model: a port that is taken is said before anything large is loaded.
    async with (
        open_office(settings) as office,
        heeding_signals(office.kill_switch),
        Dashboard(office, hosts=settings.dashboard.hosts) as dashboard,
        open_service(office, wires=wires) as service,
    ):
        await _welcome(dashboard)
        async with asyncio.TaskGroup() as group:
            group.create_task(service.run())
            group.create_task(dashboard.run())


async def _demo(settings: Settings) -> None:
    from bot.dashboard.server import Dashboard  # noqa: PLC0415 - see above
    from bot.demo.friends import Friends  # noqa: PLC0415 - see above

    async with open_office(settings) as office:
        await prepare_room(office)
        async with (
            heeding_signals(office.kill_switch),
            Dashboard(office, hosts=settings.dashboard.hosts) as dashboard,
            open_service(office) as service,
        ):
            link = await dashboard.link(Person(DEMO_OWNER, Role.OWNER))
            _announce(link, "The demo is open.", "--demo ")
            word = settings.kill_words[0]
            say(f"Type as any friend. Whoever says {word} silences Sam until you resume.")
            async with asyncio.TaskGroup() as group:
                group.create_task(service.run())
                group.create_task(dashboard.run())
                group.create_task(Friends(office.rooms, office.clock).run())


async def _forget(settings: Settings) -> None:
    if not settings.state_dir.exists():
        return
    async with open_office(settings) as office:
        if await office.attendance.present():
            raise SettingsInvalid("a demo is running: stop it before you forget what was said in it")
    shutil.rmtree(settings.state_dir, ignore_errors=True)


async def _headless(settings: Settings) -> None:
    from bot.demo.headless import HeadlessDemo  # noqa: PLC0415 - see above

    console = Console(highlight=False, soft_wrap=True)
    async with open_office(settings) as office, open_service(office) as service:
        await prepare_room(office)
        console.print(
            f"persona {service.persona.prompt.name}, fingerprint {service.persona.fingerprint[:12]}"
        )
        running = asyncio.create_task(service.run())
        playing = asyncio.create_task(HeadlessDemo(office, service, console).play())
        try:
            # A service that dies must end the demo, not leave it waiting.
            await asyncio.wait({running, playing}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            await playing
        finally:
            for task in (playing, running):
                task.cancel()
            await asyncio.gather(playing, running, return_exceptions=True)


async def _link(settings: Settings, role: Role | None, name: str, you: str) -> None:
    from bot.dashboard.address import sign_in_link  # noqa: PLC0415 - see above

    async with open_office(settings) as office:
        if not await office.attendance.present():
            raise SettingsInvalid(
                "no service runs on this state folder: start one (`understudy run`), or ask for the demo's link "
                "(`understudy --demo link`)"
            )
        accounts = Accounts(office.store, office.clock)
        if not name and role in {None, Role.OWNER}:
            account = await accounts.add(owner(), you, Role.OWNER)
        elif role is None:
            account = await accounts.get(name)
        else:
            account = await accounts.add(owner(), name or role.value, role)
        link = await sign_in_link(office.store, office.clock, settings.dashboard, account)
        Console(soft_wrap=True, highlight=False).print(link, markup=False)


async def _welcome(dashboard: Dashboard) -> None:
    """Let the first owner in; whoever has been in knows how to come back, and a link in a log is one too many."""
    known = await dashboard.accounts.all()
    if any(account.role is Role.OWNER and account.seen_at for account in known):
        say("\nThe service is running.", "bold green")
        say(f"  {dashboard.url}\n")
        say("A link to sign in with: `understudy link`. Stop with Ctrl-C.\n", "dim")
        return
    _announce(await dashboard.link(Person(login_name(), Role.OWNER)), "The service is running.")


def _announce(link: str, what: str, flag: str = "") -> None:
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"\n[bold green]{what}[/bold green] Open this link; it works once:\n\n  {link}\n")
    console.print(f"Another link: `understudy {flag}link`. Stop with Ctrl-C.\n", style="dim")


@contextlib.contextmanager
def _throw_away_folder() -> Iterator[Path]:
    # Short, because a socket's path must be; and not the demo's own, which somebody may have open.
    folder = Path(tempfile.mkdtemp(prefix="understudy-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
