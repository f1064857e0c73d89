"""`doctor`: look at everything the service needs, and say what to do about what is missing."""

from __future__ import annotations

import asyncio
import platform
import socket
from collections.abc import Awaitable, Callable
from typing import Final

import typer

from bot.app import open_office, open_service
from bot.cli.screen import say
from bot.cli.wishes import wishes
from bot.errors import BotError, MessengerAway, PortTaken, SettingsInvalid
from bot.messengers.base import Wires
from bot.settings import Settings
from inference.errors import InferenceError
from inference.host import host_name
from inference.persona import load_persona
from safety.moderation.backend import open_classifier
from safety.moderation.classifier import Sample
from safety.moderation.errors import ModerationError

_FAILED: Final = 1


def doctor(context: typer.Context) -> None:
    """Check settings, state folder, Redis, persona, model, Discord and port; exit 1 if something is wrong."""
    asked = wishes(context)
    settings = asked.settings(quiet="error")
    asked.run(_doctor(settings, asked.wires))


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(doctor)


async def _doctor(settings: Settings, wires: Wires | None) -> None:
    say(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}", "dim")
    checks: tuple[tuple[str, Callable[[Settings], Awaitable[str]]], ...] = (
        ("store", _store),
        ("persona", _persona),
        ("model", _model),
        ("moderation", _moderation),
        ("discord", lambda settings: _discord(settings, wires)),
        ("port", _port),
    )
    failed = False
    for name, check in checks:
        try:
            found = await check(settings)
        except (BotError, InferenceError, ModerationError) as error:
            failed = True
            say(f"wrong  {name}: {error}", "bold red")
        else:
            say(f"fine   {name}: {found}", "green")
    if failed:
        raise typer.Exit(_FAILED)


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
        hosted = service.persona.base.hosted
        where = host_name(hosted.base_url) if hosted else settings.model.engine
        sent = "; each answer sends messages of the chat there" if hosted else ""
        return f"{where} answers as {service.persona.prompt.name}{sent}"


async def _moderation(settings: Settings) -> str:
    if "moderation" in settings.rules.off:
        return "off (rules.off): no classifier judges what is written"
    async with open_classifier(settings.rules.moderation) as classifier:
        scores = await classifier.classify(Sample(("Hello there!",)))
    return f"{scores.backend} answers as {scores.model}"


async def _discord(settings: Settings, wires: Wires | None) -> str:
    async with open_office(settings) as office:
        chats = [state.chat for state in await office.desk.chats.all()]
    if not settings.discord.token.get_secret_value():
        if any(chat.key.messenger == "discord" for chat in chats):
            raise SettingsInvalid(
                "discord.token is not set, so its chats are not heard: `understudy discord setup`"
            )
        return "off (discord.token is not set)"
    # Only here: discord.py takes most of a second.
    from bot.messengers.discord.checkup import check_up  # noqa: PLC0415

    report = await check_up(settings.discord, chats, wires)
    if report.wrong:
        first, *others = report.wrong
        more = f" (and {len(others)} more: `understudy discord setup`)" if others else ""
        raise MessengerAway(f"{first.about}: {first.line}{more}")
    return report.findings[0].line


async def _port(settings: Settings) -> str:
    host, port = settings.dashboard.host, settings.dashboard.port
    problem = await asyncio.to_thread(_why_not, host, port)
    if problem is None:
        return f"{host}:{port} is free"
    if await _is_ours(settings):
        return f"{host}:{port} is used by the service that runs"
    raise PortTaken(
        f"{host}:{port} cannot be used ({problem}): stop what uses it, or set UNDERSTUDY_DASHBOARD__PORT to another"
    )


def _why_not(host: str, port: int) -> str | None:
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            host.strip("[]") or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error.strerror or type(error).__name__
    return None


async def _is_ours(settings: Settings) -> bool:
    try:
        async with open_office(settings) as office:
            from bot.dashboard.address import announced  # noqa: PLC0415 - NiceGUI's package is slow to import

            where = await announced(office.store) or ""
            return bool(await office.attendance.present()) and where.endswith(f":{settings.dashboard.port}")
    except BotError:
        return False
