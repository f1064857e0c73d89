"""`forget`: take a person out of everything that is stored, and prove that nothing is left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.app import open_office
from bot.cli.screen import say, say_error
from bot.cli.wishes import owner, wishes
from bot.forgetting import Forgetting
from bot.settings import Settings

if TYPE_CHECKING:
    from safety.traces import Traces


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(forget)


def forget(
    context: typer.Context,
    person: Annotated[str, typer.Argument(help="Their name, as people.toml or the chats have it.")],
    id_: Annotated[
        list[str] | None, typer.Option("--id", help="A further id of theirs, on any messenger. Repeatable.")
    ] = None,
    persona: Annotated[
        list[Path] | None, typer.Option(help="A further persona's folder to look through. Repeatable.")
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Change nothing: say what is left, and leave with 1 if anything is."),
    ] = False,
) -> None:
    """Take a person out of imports, datasets, Redis and personas' indexes; then look whether anything is left.

    An adapter that learned from them cannot forget: those that must be trained again are listed.
    """
    asked = wishes(context)
    settings = asked.settings(quiet="warning")
    from bot.cli.personas import Shelf  # noqa: PLC0415 - see `_run`

    folders = list(dict.fromkeys([*(persona or []), *Shelf(settings).found(())]))
    left: list[int] = []
    asked.run(_run(settings, person, id_ or [], folders, left, check=check))
    if left:
        raise typer.Exit(1)


async def _run(
    settings: Settings, person: str, ids: list[str], personas: list[Path], left: list[int], *, check: bool
) -> None:
    # Tables take a moment to load, and no other verb needs them.
    from training.forgetting import (  # noqa: PLC0415
        forget_in_files,
        left_in_files,
        to_retrain,
        traces_of,
    )
    from training.hosted.record import Records  # noqa: PLC0415

    state = settings.state_dir
    traces: Traces = traces_of(person, state, ids)
    async with open_office(settings) as office:
        store = Forgetting(office.store, office.clock, office.desk.chats, office.consents)
        if not check:
            retrain = list(to_retrain(traces, state, personas))
            for line in (
                *forget_in_files(traces, state, personas),
                *await store.forget(traces, owner().name),
            ):
                say(f"taken out of {line}")
            for line in retrain:
                say(f"! {line}", "yellow")
        places = {one.place: one.count for one in left_in_files(traces, state, personas)}
        places |= await store.left(traces)
    for place, count in places.items():
        say_error(f"still in {place}: {count}")
    left += places.values()
    for job in Records(state).outdated():
        left.append(1)
        say_error(
            f"may still be at {job.base_url}, where a model learned from them: `understudy hosted forget {job.id}`"
        )
    if not places:
        say("Nothing of them is left in what is stored here.")
