"""`doctor`: look at everything the service needs, and say what to do about what is missing."""

from __future__ import annotations

import platform
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Final

import typer
from rich.console import Console

from bot.app import open_office, open_service
from bot.cli.wishes import wishes
from bot.errors import BotError
from bot.settings import Settings
from inference.errors import InferenceError
from inference.persona import load_persona

_FAILED: Final = 1


def doctor(context: typer.Context) -> None:
    """Check settings, state folder, Redis, persona, model and port; exit 1 if something is wrong."""
    asked = wishes(context)
    settings = asked.settings(quiet="error")
    asked.run(_doctor(settings))


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(doctor)


async def _doctor(settings: Settings) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}", style="dim"
    )
    checks: tuple[tuple[str, Callable[[Settings], Awaitable[str]]], ...] = (
        ("store", _store),
        ("persona", _persona),
        ("model", _model),
        ("port", _port),
    )
    failed = False
    for name, check in checks:
        try:
            found = await check(settings)
        except (BotError, InferenceError) as error:
            failed = True
            console.print(f"[bold red]wrong[/bold red]  {name}: ", end="")
            console.print(str(error), markup=False)
        else:
            console.print(f"[green]fine[/green]   {name}: ", end="")
            console.print(found, markup=False)
    if failed:
        sys.exit(_FAILED)


async def _store(settings: Settings) -> str:
    async with open_office(settings) as office:
        info = await office.store.ask("info", "server")
        version = info.get("valkey_version") or info["redis_version"]
        kind = (
            f"embedded, data in {settings.state_dir}" if office.store.embedded else "of UNDERSTUDY_REDIS_URL"
        )
        kills = await office.kill_switch.kills()
        killed = f"; KILLED: {', '.join(str(kill.scope) for kill in kills)}" if kills else ""
        return f"version {version}, {kind}{killed}"


async def _persona(settings: Settings) -> str:
    persona = await load_persona(settings.persona)
    return f"{persona.prompt.name}, fingerprint {persona.fingerprint[:12]}, in {settings.persona}"


async def _model(settings: Settings) -> str:
    async with open_office(settings) as office, open_service(office, connectors=[]) as service:
        return f"{settings.model.engine} answers as {service.persona.prompt.name}"


async def _port(settings: Settings) -> str:
    host, port = settings.dashboard.host, settings.dashboard.port
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BotError(
                f"{host}:{port} cannot be used ({error.strerror}): a dashboard may be running"
            ) from error
    return f"{host}:{port} is free"
