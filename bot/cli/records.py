"""`status` and `journal`: what is, and what was."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from typing import Annotated, Any

import typer

from bot.app import Office, open_office
from bot.cli.chats import key_of
from bot.cli.screen import clean, say, show_table
from bot.cli.wishes import wishes
from bot.journal_text import in_words
from bot.settings import Settings
from bot.troubles import troubles_of

_JSON = typer.Option("--json", help="For programs: one JSON document.")


def status(context: typer.Context, as_json: Annotated[bool, _JSON] = False) -> None:
    """Show what runs, which chats there are, and which kills are in force."""
    asked = wishes(context)
    asked.run(_status(asked.settings(quiet="warning"), as_json=as_json))


def journal(
    context: typer.Context,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many entries.")] = 30,
    chat: Annotated[str | None, typer.Option(help="Of one chat, messenger/chat-id.")] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Show what was decided and why, oldest first. `--json` has the whole entries, texts included."""
    asked = wishes(context)
    # Kills stand in every chat's journal: without this a mistyped chat would seem to have one.
    of = str(key_of(chat)) if chat else None
    asked.run(_journal(asked.settings(quiet="warning"), count, of, as_json=as_json))


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(status)
    app.command()(journal)


async def _status(settings: Settings, *, as_json: bool) -> None:
    async with open_office(settings) as office:
        found = await look(office)
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for kill in found["kills"]:
        say(f"KILLED {kill['scope']} by {kill['by']} at {_time(kill['at'])}: {kill['reason']}", "bold red")
    if found["owner_absent_since"]:
        say(
            f"NO SIGN OF THE OWNER since {_time(found['owner_seen'])}: "
            "auto is as manual until the owner does something",
            "bold yellow",
        )
    for service in found["services"]:
        model = (
            "model up"
            if service["model_alive"]
            else f"MODEL DOWN: {service['model_trouble'] or 'see the log'}"
        )
        say(f"service {service['name']} (pid {service['pid']}): persona {service['persona']}, {model}")
    for host in found["hosts"]:
        say(
            f"chats may be sent to {host['host']} for {host['model']}: agreed by {host['by']} at {_time(host['at'])}; "
            "`understudy hosted speak --stop` takes it back",
            "yellow",
        )
    titles = {chat["key"]: f" ({chat['title']})" for chat in found["chats"]}
    for place, line in found["troubles"].items():
        say(f"TROUBLE {place}{titles.get(place, '')}: {line}", "bold red")
    if not found["services"]:
        say("no service is running", "yellow")
    for chat in found["chats"]:
        if chat["unserved_seconds"]:
            say(
                f"{chat['key']}: its answer has waited {chat['unserved_seconds']} s for a process that hears the chat",
                "yellow",
            )
    columns = ("key", "title", "mode", "probability", "waiting", "leaving")
    if found["chats"]:
        rows = [tuple(str(chat[name]) for name in columns) for chat in found["chats"]]
        show_table(("chat", *columns[1:]), rows)
    waiting = found["drafts_waiting"]
    say(f"{waiting} draft{' waits' if waiting == 1 else 's wait'} for a moderator")


def _time(iso: str) -> str:
    return f"{datetime.fromisoformat(iso).astimezone():%Y-%m-%d %H:%M:%S}"


async def look(office: Office) -> dict[str, Any]:
    """Give what `status --json` shows. Raises StoreAway."""
    absence = await office.owner_watch.absence()
    services = await office.attendance.present()
    return {
        "owner_absent_since": absence and absence.since.isoformat(),
        "owner_seen": absence and absence.seen.isoformat(),
        "kills": [
            {"scope": str(kill.scope), "by": kill.by, "at": kill.at.isoformat(), "reason": kill.reason}
            for kill in await office.kill_switch.kills()
        ],
        "services": [dataclasses.asdict(presence) for presence in services],
        "troubles": troubles_of(services),
        "hosts": [
            {"host": one.host, "model": one.model, "by": one.by, "at": one.at.isoformat()}
            for one in await office.host_consents.all()
            if one.agreed
        ],
        "chats": [
            {
                "key": str(state.chat.key),
                "title": state.chat.title,
                "mode": state.policy.mode.value,
                "probability": state.policy.probability,
                "waiting": state.waiting,
                "leaving": state.leaving,
                "unserved_seconds": state.unserved_seconds,
            }
            for state in await office.desk.chats.all()
        ],
        "drafts_waiting": len(await office.desk.drafts.waiting()),
    }


async def _journal(settings: Settings, count: int, chat: str | None, *, as_json: bool) -> None:
    async with open_office(settings) as office:
        entries = await office.desk.journal.newest(count, chat)
    for entry in reversed(entries):
        if as_json:
            line = {
                "at": entry.at.isoformat(),
                "kind": entry.kind,
                "chat": entry.chat,
                "facts": dict(entry.facts),
            }
            typer.echo(json.dumps(line, ensure_ascii=False))
        else:
            typer.echo(f"{entry.at.astimezone():%Y-%m-%d %H:%M:%S}  {clean(in_words(entry))}")
