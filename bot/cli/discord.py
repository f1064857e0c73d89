"""`discord`: set the bot's account up, and see what it lacks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import typer
from pydantic import ValidationError

from bot.app import open_office
from bot.cli.screen import say
from bot.cli.settings_file import is_open, keep
from bot.cli.wishes import wishes
from bot.errors import SettingsInvalid
from bot.messengers.base import Wires
from bot.messengers.discord.settings import DiscordSettings
from bot.settings import Settings, settings_file

if TYPE_CHECKING:
    from bot.messengers.discord.checkup import Report

group = typer.Typer(help="Discord: set the bot's account up.", invoke_without_command=True)

_HOW_TO_BEGIN: Final = """\
1. Open https://discord.com/developers/applications, New Application, and give it the persona's name.
2. Under Bot: switch Message Content Intent on, and Public Bot off.
3. There, too: Reset Token, and copy it. It is the bot's password."""
_NO_TOKEN: Final = "discord.token is not set: call this in a terminal, or set UNDERSTUDY_DISCORD__TOKEN first"  # noqa: S105
_STYLES: Final = {"fine": "green", "advice": "yellow", "wrong": "bold red"}
_MOST_CHANNELS: Final = 20


@group.callback()
def _without_verb(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@group.command()
def setup(context: typer.Context) -> None:
    """Ask Discord what the bot may do, say what is missing, and print the invite link; exit 1 if something is wrong."""
    asked = wishes(context)
    settings = asked.settings(quiet="error")
    discord = settings.discord
    is_new = not discord.token.get_secret_value()
    if is_new:
        discord = _with_token(discord)
    reports: list[Report] = []
    asked.run(_check(settings, discord, asked.wires, reports.append))
    (report,) = reports
    wrong = [finding.line for finding in report.wrong]
    if is_new:
        _offer_to_keep(discord, report)
    elif is_open(settings_file(), "discord", "token"):
        wrong.append(f"others on this machine may read the token: chmod 600 {settings_file()}")
        say(f"wrong  {settings_file()}: {wrong[-1]}", _STYLES["wrong"])
    if wrong:
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(group, name="discord")


def _with_token(discord: DiscordSettings) -> DiscordSettings:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise SettingsInvalid(_NO_TOKEN)
    say(_HOW_TO_BEGIN)
    token = typer.prompt("Token (it is not shown)", hide_input=True).strip()
    try:
        return DiscordSettings.model_validate({**dict(discord), "token": token})
    except ValidationError:
        raise SettingsInvalid("that is no token: copy it alone, as the developer portal shows it") from None


async def _check(
    settings: Settings, discord: DiscordSettings, wires: Wires | None, found: Callable[[Report], None]
) -> None:
    # Only here: discord.py takes most of a second.
    from bot.messengers.discord.checkup import check_up  # noqa: PLC0415

    async with open_office(settings) as office:
        chats = [state.chat for state in await office.desk.chats.all()]
    report = await check_up(discord, chats, wires)
    _show(report, none_enabled=not any(chat.key.messenger == "discord" for chat in chats))
    found(report)


def _show(report: Report, *, none_enabled: bool) -> None:
    for finding in report.findings:
        say(f"{finding.grade:<6} {finding.about}: {finding.line}", _STYLES[finding.grade])
    say("\nInvite link (it asks for what the bot needs, and no more):")
    say(f"  {report.invite}")
    if none_enabled and report.channels:
        say("\nNo chat is enabled yet. Type /understudy enable in a channel, once the service runs, or:")
        for chat in report.channels[:_MOST_CHANNELS]:
            say(f'  understudy chats enable {chat.key} --title "{chat.title.replace(chr(34), chr(39))}"')
        if len(report.channels) > _MOST_CHANNELS:
            say(f"  and {len(report.channels) - _MOST_CHANNELS} more")


def _offer_to_keep(discord: DiscordSettings, report: Report) -> None:
    file = settings_file()
    if not typer.confirm(f"\nWrite the token into {file}, readable by you alone?", default=True):
        say("Then set UNDERSTUDY_DISCORD__TOKEN where the service runs.")
        return
    values = {"token": discord.token.get_secret_value()}
    owner = report.owner
    if owner is not None and not discord.owner:
        question = f"The application belongs to {owner.name} ({owner.id}). Is that you?"
        if typer.confirm(question, default=True):
            values["owner"] = owner.id
    keep(file, "discord", values)
    say(f"{file}: written.", "green")
