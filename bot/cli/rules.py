"""`rules`: the two chains of rules in their order, with how often each said what."""

from __future__ import annotations

import json
from typing import Annotated, Final

import typer

from bot.app import open_office
from bot.cli.screen import say, show_table
from bot.cli.wishes import wishes
from bot.rulebook import KEPT_DAYS, RulebookEntry
from bot.settings import Settings
from safety.verdict import Outcome

_QUESTIONS: Final = {
    "gate": "May this turn be answered? Asked in this order, until one says no:",
    "draft": "May this text leave? Asked of each try:",
}


def rules(
    context: typer.Context,
    days: Annotated[
        int, typer.Option(min=1, max=KEPT_DAYS, help="Count that many days, today included.")
    ] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON document.")] = False,
) -> None:
    """Show the rules that decide, in their order, and how often each said what."""
    asked = wishes(context)
    asked.run(_rules(asked.settings(quiet="warning"), days, as_json=as_json))


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(rules)


async def _rules(settings: Settings, days: int, *, as_json: bool) -> None:
    async with open_office(settings) as office:
        entries = await office.rulebook.read(days)
    if as_json:
        document = {"days": days, "rules": [_for_programs(entry) for entry in entries]}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    for chain, question in _QUESTIONS.items():
        say(question, "bold")
        rows = [_row(entry) for entry in entries if entry.chain == chain]
        show_table(("rule", "state", "said", "does"), rows)
    say(
        f"Verdicts of {'today' if days == 1 else f'the last {days} days'}. The setting rules.off names rules to skip."
    )


def _row(entry: RulebookEntry) -> tuple[str, ...]:
    state = ("on" if entry.on else "OFF") if entry.optional else "always"
    said = [f"{outcome.value} {entry.verdicts[outcome]}" for outcome in Outcome if entry.verdicts[outcome]]
    return entry.name, state, "\n".join(said), entry.does


def _for_programs(entry: RulebookEntry) -> dict[str, object]:
    return {
        "chain": entry.chain,
        "rule": entry.name,
        "does": entry.does,
        "on": entry.on,
        "optional": entry.optional,
        "verdicts": {outcome.value: entry.verdicts[outcome] for outcome in Outcome},
    }
