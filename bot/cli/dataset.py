"""`dataset`: from imported chats to what a model is trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli import dataset_report
from bot.cli.screen import say, say_error, show_table
from bot.cli.wishes import wishes

group = typer.Typer(help="Datasets: chats become what a model is trained on.", invoke_without_command=True)


@group.callback()
def _without_verb(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@group.command()
def build(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Exports to read at once, instead of the imported chats.", show_default=False),
    ] = None,
    recipe: Annotated[str, typer.Option(help="A preset's name, or a recipe's file.")] = "turns",
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="An option of the recipe: gap_hours=3, 'split.leaks=\"drop\"'. Repeatable."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder for it.", show_default="datasets/RECIPE of the state, with --as RECIPE-NAME"
        ),
    ] = None,
    form: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="openai, text, prompt-completion, sharegpt or parquet. Repeatable.",
            show_default="what trainers expect of the recipe's rows",
        ),
    ] = None,
    me: Annotated[str, typer.Option(help="With exports: your name as they write it.")] = "",
    learned: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="NAME",
            help="Learn to write as this person, who agreed to be imitated.",
            show_default="you",
        ),
    ] = "",
    prepare: Annotated[
        Path | None,
        typer.Option(help="A TOML file: filters, moderation, situational facts, pseudonyms, who agreed."),
    ] = None,
    as_it_is: Annotated[
        bool, typer.Option("--as-it-is", help="Everybody in it agreed, and nothing is to be taken out.")
    ] = False,
) -> None:
    """Make a dataset of the imported chats, with what you and those who agreed wrote (see `understudy consent`).

    The recipe is kept with it, and each file is read back.
    """
    # Tables take a moment to load, and no other verb needs them.
    from bot.cli.building import Building  # noqa: PLC0415

    settings = wishes(context).settings(quiet="warning")
    building = Building(settings, tuple(paths or ()), me, learned)
    name = Path(recipe).stem if recipe.endswith(".toml") else recipe
    if learned:
        name += "-" + "".join(sign if sign.isalnum() else "-" for sign in learned.casefold())
    building.run(
        recipe,
        change or (),
        out or settings.state_dir / "datasets" / name,
        form or (),
        prepare,
        as_it_is=as_it_is,
    )


@group.command()
def presets(
    name: Annotated[str, typer.Argument(help="One of them: print it as a file to change.")] = "",
) -> None:
    """List the recipes that there are, or print one with all its options."""
    from training.dataset.cookbook import PRESETS, read_recipe, recipe_to_toml  # noqa: PLC0415

    if not name:
        rows = [(preset, kind.summary(), kind.source) for preset, kind in PRESETS.items()]
        show_table(("recipe", "what a row is", "after"), rows)
    elif name in PRESETS:
        say(recipe_to_toml(read_recipe(name)).rstrip("\n"))
    else:
        say_error(f"there is no preset {name}; there are {', '.join(PRESETS)}")
        raise typer.Exit(2)


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    dataset_report.add_to(group)
    app.add_typer(group, name="dataset")
