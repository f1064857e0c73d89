"""`tune`: search for the settings that give the best persona."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.training import quiet_libraries
from bot.cli.wishes import wishes
from training.errors import ExtraMissing


def tune(
    context: typer.Context,
    dataset: Annotated[Path, typer.Argument(help="The folder that `dataset build` made.")],
    base: Annotated[str, typer.Option(help="The base model: a Hugging Face folder, or its name on the hub.")],
    trials: Annotated[int, typer.Option(min=1, help="Results that the study is to have at the end.")] = 20,
    study: Annotated[
        Path | None,
        typer.Option(
            help="The study's file; run again, it goes on. Several processes may work on one.",
            show_default="DATASET.study.db",
        ),
    ] = None,
    search: Annotated[
        list[str] | None,
        typer.Option(
            help="What may vary: rank=8,16, learning_rate=1e-5..1e-3, recipe.gap_hours=3,6. Repeatable.",
            show_default="rank, alpha, dropout, learning rate, epochs, targets, packing",
        ),
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting that does not vary: batch=2, rank=16. Repeatable."),
    ] = None,
    preset: Annotated[
        str,
        typer.Option(help="Settings to begin with: a preset's name, or a file.", show_default="the base's"),
    ] = "",
    revision: Annotated[str, typer.Option(help="With a name on the hub: commit, branch or tag.")] = "",
    answers: Annotated[int, typer.Option(min=1, help="Answers that a trial's score is made of.")] = 120,
    sampling: Annotated[
        list[str] | None,
        typer.Option(help="How answers are drawn, in trials and by the persona; as for `train`. Repeatable."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Draw the same again. For one process alone.", show_default="none")
    ] = None,
    me: Annotated[
        str, typer.Option(help="Who the model is told it is.", show_default="the owner's name in the chats")
    ] = "",
    exports: Annotated[
        list[Path] | None,
        typer.Option("--export", help="With recipe options: an export, instead of the imported chats."),
    ] = None,
    learned: Annotated[
        str, typer.Option("--as", metavar="NAME", help="With recipe options: as for `dataset build`.")
    ] = "",
    prepare: Annotated[Path | None, typer.Option(help="With recipe options: as for `dataset build`.")] = None,
    as_it_is: Annotated[
        bool, typer.Option("--as-it-is", help="With recipe options: as for `dataset build`.")
    ] = False,
) -> None:
    """Search for the settings that give the best persona score, and show the command that trains with them.

    Killed at any point, it goes on when it is called again: the trial that died is tried again.
    """
    settings = wishes(context).settings(quiet="warning")
    try:
        # A mistake is told before the seconds that torch takes to load.
        from training.space import Space  # noqa: PLC0415 - tables, for few verbs

        space = Space.read(search or (), change or ())
        quiet_libraries(offline=Path(base).is_dir())
        from bot.cli.tuning_run import Asked, Rebuilding, TuningRun  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            f"{error.name} is missing: install the extra `train` (pip install 'understudy[train]')"
        ) from None
    asked = Asked(
        dataset=dataset,
        base=base,
        revision=revision,
        study=study or dataset.with_name(f"{dataset.name}.study.db"),
        space=space,
        fixed=tuple(change or ()),
        preset=preset,
        answers=answers,
        sampling=tuple(sampling or ()),
        seed=seed,
        me=me,
    )
    rebuilding = Rebuilding(settings, tuple(exports or ()), me, learned, prepare, as_it_is=as_it_is)
    TuningRun(asked, rebuilding).run(trials)


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(tune)
