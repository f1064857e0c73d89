"""`consent`: the ledger of who agreed to what."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from bot.app import open_office
from bot.cli.chats import key_of
from bot.cli.screen import say
from bot.cli.wishes import owner, wishes
from bot.settings import Settings
from chat.message import Author, ChatKey
from safety.consent import ChatConsent, Entry, Purpose

EVERYWHERE = "everywhere"


class _Change(StrEnum):
    LIST = "list"
    GRANT = "grant"
    WITHDRAW = "withdraw"


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(consent)


def consent(
    context: typer.Context,
    change: Annotated[_Change, typer.Argument(help="What to do.")],
    chat: Annotated[
        str,
        typer.Argument(
            help="messenger/chat-id, such as local/friends; everywhere: what somebody told you, for all your exports."
        ),
    ],
    person: Annotated[
        str, typer.Argument(help="The person's id on the messenger; for everywhere, as people.toml has them.")
    ] = "",
    purpose: Annotated[
        Purpose,
        typer.Option(
            "--for",
            help="answered: kept, shown to the model and answered; trained: may stand in a dataset; "
            "imitated: may be the persona; hosted: may be sent to the host of a persona that was trained there.",
        ),
    ] = Purpose.ANSWERED,
    told: Annotated[
        str, typer.Option(help='For everywhere: how they said so, in your words: "on the phone".')
    ] = "",
    when: Annotated[
        datetime | None,
        typer.Option(help="For everywhere: the day they said so.", formats=["%Y-%m-%d"], show_default="now"),
    ] = None,
) -> None:
    """Who agreed to what in a chat, or in all exports: list it, write down a yes, or take it back.

    Taking back that somebody is answered removes what they said from the chat, and voids what was to answer it.
    """
    asked = wishes(context)
    if change is not _Change.LIST and not person:
        raise typer.BadParameter("name the person", param_hint="PERSON")
    settings = asked.settings(quiet="warning")
    if chat != EVERYWHERE:
        if told or when:
            raise typer.BadParameter(
                "--told and --when go with everywhere; a chat's ledger tells the time itself"
            )
        asked.run(_run(settings, change, key_of(chat), person, purpose))
        return
    # Tables take a moment to load, and what is said in one chat needs none.
    from bot.cli.told import list_told, write_told  # noqa: PLC0415

    if change is _Change.LIST:
        list_told(settings)
        return
    if purpose in {Purpose.ANSWERED, Purpose.HOSTED}:
        raise typer.BadParameter(
            "everywhere is for --for trained and --for imitated; who may be answered, and what a host may be shown, is "
            "settled chat by chat"
        )
    if not told:
        raise typer.BadParameter('say how they told you: --told "on the phone"')
    at = datetime.now(UTC) if when is None else when.astimezone()
    write_told(settings, person, purpose, agreed=change is _Change.GRANT, told=told, by=owner().name, at=at)


async def _run(settings: Settings, change: _Change, key: ChatKey, person: str, purpose: Purpose) -> None:
    async with open_office(settings) as office:
        if change is _Change.LIST:
            _show(key, await office.desk.consent(owner(), key))
            return
        agreed = change is _Change.GRANT
        # The ledger keeps the name under which the person was last written down.
        before = (await office.desk.consent(owner(), key)).entries.get((purpose, person))
        who = Author(person, before.name if before and before.name else person)
        await office.desk.agree(owner(), key, who, purpose, agreed=agreed)
        say(f"{key}: {person} {'may' if agreed else 'may not'} be {_done(purpose)}.")


def _show(key: ChatKey, ledger: ChatConsent) -> None:
    enabled = ledger.enabled
    say(f"{key}: {'enabled' if ledger.is_enabled else 'disabled'} {_how(enabled)}", "bold")
    say(f"    who is not listed {'may' if ledger.people.value == 'opt_out' else 'may not'} be answered")
    for (purpose, person), entry in sorted(ledger.entries.items()):
        name = f" ({entry.name})" if entry.name and entry.name != person else ""
        say(f"    {person}{name}: {'yes' if entry.agreed else 'no'} to being {_done(purpose)}, {_how(entry)}")


def _done(purpose: Purpose) -> str:
    return "sent to a persona's host" if purpose is Purpose.HOSTED else purpose.value


def _how(entry: Entry | None) -> str:
    return "" if entry is None else f"by {entry.by} ({entry.how.value}), {entry.at:%Y-%m-%d %H:%M} UTC"
