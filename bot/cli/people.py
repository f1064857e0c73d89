"""`people`: who may sign in to the dashboard and the API, and which programs may."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console

from bot.accounts import Account, Accounts
from bot.app import Office, open_office
from bot.cli.screen import say, show_table
from bot.cli.wishes import owner, wishes
from bot.errors import SettingsInvalid
from bot.people import Role
from bot.settings import Settings

group = typer.Typer(help="People: who may sign in, and in which role.", invoke_without_command=True)

_NAME = Annotated[str, typer.Argument(help="As `understudy people` shows it.")]
_JSON = Annotated[bool, typer.Option("--json", help="For programs: one JSON document.")]
_DAY = 86_400


@group.callback()
def _without_verb(context: typer.Context, as_json: _JSON = False) -> None:
    if context.invoked_subcommand is None:
        listed(context, as_json=as_json)


@group.command("list")
def listed(context: typer.Context, as_json: _JSON = False) -> None:
    """List who may sign in."""
    asked = wishes(context)
    asked.run(_list(asked.settings(quiet="warning"), as_json=as_json))


@group.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The name that will stand in the journal.")],
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.VIEWER,
) -> None:
    """Add somebody, or change their role; prints a link that signs them in, once."""
    asked = wishes(context)
    asked.run(_add(asked.settings(quiet="warning"), name, role))


@group.command()
def remove(context: typer.Context, name: _NAME) -> None:
    """Take somebody's access away, with sessions, links and tokens, at once."""
    asked = wishes(context)
    asked.run(_remove(asked.settings(quiet="warning"), name))


@group.command()
def password(
    context: typer.Context,
    name: _NAME,
    take_away: Annotated[
        bool, typer.Option("--remove", help="Take the password away; links still work.")
    ] = False,
) -> None:
    """Set somebody's password, asked for without showing it; ends their sessions."""
    asked = wishes(context)
    settings = asked.settings(quiet="warning")
    wanted = None if take_away else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    asked.run(_password(settings, name, wanted))


@group.command("sign-out")
def sign_out(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="As `understudy people` shows it.")] = "",
    everybody: Annotated[bool, typer.Option("--all", help="Everybody.")] = False,
    tokens: Annotated[bool, typer.Option("--tokens", help="With --all: revoke every token, too.")] = False,
) -> None:
    """End somebody's sessions and open links, or everybody's."""
    if bool(name) == everybody or (tokens and not everybody):
        raise SettingsInvalid("say who: a name, or --all")
    asked = wishes(context)
    asked.run(_sign_out(asked.settings(quiet="warning"), name or None, tokens=tokens))


@group.command()
def token(
    context: typer.Context,
    name: _NAME,
    role: Annotated[Role, typer.Option(help="What it may do: never more than its person.")] = Role.VIEWER,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it holds.")] = 90,
) -> None:
    """Print a token with which a program uses the API in somebody's name. It is shown this once."""
    asked = wishes(context)
    asked.run(_token(asked.settings(quiet="warning"), name, role, days))


@group.command()
def tokens(context: typer.Context, as_json: _JSON = False) -> None:
    """List the tokens of programs, by id."""
    asked = wishes(context)
    asked.run(_tokens(asked.settings(quiet="warning"), as_json=as_json))


@group.command()
def revoke(
    context: typer.Context,
    token_id: Annotated[str, typer.Argument(help="As `understudy people tokens` shows it.")],
) -> None:
    """Take a program's token away."""
    asked = wishes(context)
    asked.run(_revoke(asked.settings(quiet="warning"), token_id))


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(group, name="people")


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Office, Accounts]]:
    async with open_office(settings) as office:
        yield office, Accounts(office.store, office.clock)


async def _list(settings: Settings, *, as_json: bool) -> None:
    async with _opened(settings) as (_, accounts):
        found = await accounts.all()
    if as_json:
        typer.echo(json.dumps([_as_json(account) for account in found], ensure_ascii=False, indent=2))
    elif not found:
        say("Nobody may sign in yet: `understudy people add NAME --role owner`, or start `understudy run`.")
    else:
        rows = [
            (
                account.name,
                account.role.value,
                "yes" if account.has_password else "no",
                _minute(account.seen_at) if account.seen_at else "never",
            )
            for account in found
        ]
        show_table(("name", "role", "password", "signed in last"), rows)


async def _add(settings: Settings, name: str, role: Role) -> None:
    from bot.dashboard.address import sign_in_link  # noqa: PLC0415 - the dashboard is slow to import

    async with _opened(settings) as (office, accounts):
        account = await accounts.add(owner(), name, role)
        say(f"{account.name} is {account.role.value}.", "bold green")
        if await office.attendance.present():
            link = await sign_in_link(office.store, office.clock, settings.dashboard, account)
            say("This link signs them in, once, within a quarter of an hour:")
            _show_secret(link)
        else:
            say(f"When the service runs, `understudy link --name '{account.name}'` gives a link for them.")


async def _remove(settings: Settings, name: str) -> None:
    async with _opened(settings) as (_, accounts):
        await accounts.remove(owner(), name)
        say(f"{name} may not sign in any more.")


async def _password(settings: Settings, name: str, wanted: str | None) -> None:
    async with _opened(settings) as (_, accounts):
        account = await accounts.set_password(owner(), name, wanted)
        say(f"{account.name} {'has a' if account.has_password else 'has no'} password now.")


async def _sign_out(settings: Settings, name: str | None, *, tokens: bool) -> None:
    from bot.dashboard.sign_in import SignIn  # noqa: PLC0415 - the dashboard is slow to import

    async with _opened(settings) as (office, accounts):
        await accounts.sign_out(owner(), name)
        if tokens:
            sign_in = SignIn(office.store, office.clock)
            for found in await sign_in.tokens():
                await sign_in.revoke(owner(), found.id)
        say(f"{name or 'Everybody'} is signed out.")


async def _token(settings: Settings, name: str, role: Role, days: int) -> None:
    from bot.dashboard.sign_in import SignIn  # noqa: PLC0415 - the dashboard is slow to import

    async with _opened(settings) as (office, accounts):
        account = await accounts.get(name)
        _show_secret(await SignIn(office.store, office.clock).mint_token(owner(), account, role, days * _DAY))


async def _tokens(settings: Settings, *, as_json: bool) -> None:
    from bot.dashboard.sign_in import SignIn  # noqa: PLC0415 - the dashboard is slow to import

    async with _opened(settings) as (office, _):
        found = await SignIn(office.store, office.clock).tokens()
    if as_json:
        typer.echo(
            json.dumps(
                [dataclasses.asdict(token) for token in found], default=str, ensure_ascii=False, indent=2
            )
        )
    elif not found:
        say("No program has a token.")
    else:
        rows = [
            (token.id, token.name, token.role.value, _minute(token.made_at), _minute(token.expires_at))
            for token in found
        ]
        show_table(("id", "whose", "role", "made", "expires"), rows)


async def _revoke(settings: Settings, token_id: str) -> None:
    from bot.dashboard.sign_in import SignIn  # noqa: PLC0415 - the dashboard is slow to import

    async with _opened(settings) as (office, _):
        await SignIn(office.store, office.clock).revoke(owner(), token_id)
        say(f"Token {token_id} opens nothing any more.")


def _show_secret(text: str) -> None:
    """On a line of its own, for another program to take."""
    Console(soft_wrap=True, highlight=False).print(text, markup=False)


def _as_json(account: Account) -> dict[str, object]:
    return {
        "name": account.name,
        "role": account.role.value,
        "has_password": account.has_password,
        "added_at": account.added_at.isoformat(),
        "seen_at": account.seen_at.isoformat() if account.seen_at else None,
    }


def _minute(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}"
