"""`train`: from a dataset to a persona."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.wishes import wishes
from training.errors import ExtraMissing


def _show_presets(wanted: bool) -> None:
    if wanted:
        from bot.cli.preset_table import show_presets  # noqa: PLC0415 - for this option alone

        show_presets()
        raise typer.Exit


def train(
    context: typer.Context,
    dataset: Annotated[Path, typer.Argument(help="The folder that `dataset build` made.")],
    base: Annotated[str, typer.Option(help="The base model: a Hugging Face folder, or its name on the hub.")],
    out: Annotated[Path, typer.Option(help="The persona's folder.")],
    preset: Annotated[
        str,
        typer.Option(help="Settings to begin with: a preset's name, or a file.", show_default="the base's"),
    ] = "",
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting over the preset's: rank=32, packing=true. Repeatable."),
    ] = None,
    name: Annotated[
        str, typer.Option(help="The persona's model name.", show_default="made of the owner's")
    ] = "",
    me: Annotated[
        str, typer.Option(help="Who the model is told it is.", show_default="the owner's name in the chats")
    ] = "",
    method: Annotated[str, typer.Option(help="qlora, lora or full.", show_default="the preset's")] = "",
    revision: Annotated[str, typer.Option(help="With a name on the hub: commit, branch or tag.")] = "",
    numbers: Annotated[
        str, typer.Option(help="How the GGUF stores matrices: f32, f16, q8_0 or q4_0.")
    ] = "f16",
    sampling: Annotated[
        list[str] | None,
        typer.Option(
            help="A published starting point (`understudy persona sampling`), or temperature=0.4. Repeatable."
        ),
    ] = None,
    with_base: Annotated[
        bool, typer.Option("--with-base", help="Copy the base's folder into the persona's.")
    ] = False,
    work: Annotated[
        Path | None, typer.Option(help="Where checkpoints are kept.", show_default="OUT.training")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin anew, whatever an interrupted training has left.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be trained, and the memory it needs.")
    ] = False,
    _presets: Annotated[
        bool,
        typer.Option(
            "--presets",
            help="List the presets, with the memory that each needs.",
            callback=_show_presets,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Train a persona on a dataset, and package it. Interrupted, it goes on when the same is asked for again."""
    state = wishes(context).settings(quiet="warning").state_dir
    try:
        # Tables and templates take a moment, and no other verb needs them.
        from bot.cli.training_plan import Asked, plan_of  # noqa: PLC0415

        # A mistake is told before the seconds that torch takes to load.
        plan = plan_of(
            Asked(
                dataset=dataset,
                base=base,
                out=out,
                work=work,
                revision=revision,
                preset=preset,
                changes=tuple(change or ()),
                method=method,
                name=name,
                me=me,
                numbers=numbers,
                sampling=tuple(sampling or ()),
                with_base=with_base,
            )
        )
        quiet_libraries(offline=True)
        from bot.cli.training_run import TrainingRun  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            f"{error.name} is missing: install the extra `train` (pip install 'understudy[train]')"
        ) from None
    TrainingRun(plan, state).run(fresh=fresh, dry_run=dry_run)


def quiet_libraries(*, offline: bool) -> None:
    """Have training's libraries say nothing that nobody who trains could act on. Before they are imported.

    `offline` keeps them from the network: a base that is here needs nothing from there.
    """
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    # It looks for kernels that it can do without.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(train)
