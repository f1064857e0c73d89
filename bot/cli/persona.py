"""`persona`: the personas that are there, one of them, and what may be done with its folder."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.screen import say
from bot.cli.training import quiet_libraries
from bot.cli.wishes import wishes
from bot.errors import SettingsInvalid
from inference.persona import read_manifest

group = typer.Typer(
    help="Personas: list, show, check, convert and describe them.", invoke_without_command=True
)
_Which = Annotated[
    str,
    typer.Argument(
        help="Its folder, or its name among those of the state folder.", show_default="the one set"
    ),
]


@group.callback()
def _without_verb(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@group.command("list")
def list_personas(
    context: typer.Context,
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folders to look in.", show_default="`personas` of the state folder, and the one set"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List the personas that are found, with their score, size and the engines that can serve them."""
    from bot.cli.personas import Shelf  # noqa: PLC0415 - no other verb needs it

    Shelf(wishes(context).settings(quiet="warning")).tell(folders or (), as_json=as_json)


@group.command()
def show(
    context: typer.Context,
    persona: _Which = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show what a persona is made of. Its files are not read; `check` does that."""
    from bot.cli.personas import Shelf  # noqa: PLC0415

    Shelf(wishes(context).settings(quiet="warning")).show(persona, as_json=as_json)


@group.command()
def check(
    context: typer.Context,
    persona: _Which = "",
    engine: Annotated[
        str,
        typer.Option(help="Ask the canary of: llama_cpp, openai, or none.", show_default="the engine set"),
    ] = "",
) -> None:
    """Prove a persona: weights and template by hash, the fingerprint, and the canary asked of the model server."""
    from bot.cli.personas import Shelf  # noqa: PLC0415

    asked = wishes(context)
    settings = asked.settings(quiet="warning")
    if engine not in {"", "llama_cpp", "openai", "none"}:
        raise SettingsInvalid(f"there is no engine {engine!r}: choose one of llama_cpp, openai and none")
    asked.run(Shelf(settings).check(persona, engine or settings.model.engine))


@group.command()
def sampling(
    context: typer.Context,
    persona: _Which = "",
    name: Annotated[str, typer.Option("--named", help="A published starting point.")] = "",
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="A value: temperature=0.7, 'stop=[\"###\"]'. Repeatable."),
    ] = None,
) -> None:
    """Show a persona's sampling and the published starting points, or give it another.

    It is another persona then: the fingerprint changes, and its evaluation is gone.
    """
    from bot.cli.personas import Shelf  # noqa: PLC0415

    Shelf(wishes(context).settings(quiet="warning")).sampling(persona, name, tuple(change or ()))


@group.command("export-gguf")
def export_gguf(
    context: typer.Context,
    persona: _Which = "",
    numbers: Annotated[str, typer.Option(help="How matrices are stored: f32, f16, q8_0 or q4_0.")] = "q8_0",
    base: Annotated[
        Path | None,
        typer.Option(
            help="The base's Hugging Face folder.",
            show_default="base/ of the persona's, or where it was trained on",
        ),
    ] = None,
) -> None:
    """Write a persona's GGUF files anew, checked against PyTorch, with other numbers or for the first time.

    It is another persona then: the fingerprint changes, and its evaluation is gone. Needs the extra `train`.
    """
    from bot.cli.personas import Shelf  # noqa: PLC0415

    settings = wishes(context).settings(quiet="warning")
    folder = Shelf(settings).folder(persona)
    if read_manifest(folder).base.hosted is not None:
        raise SettingsInvalid(
            "a host has the weights of this persona: there is nothing here to write GGUF from"
        )
    if numbers not in {"f32", "f16", "q8_0", "q4_0"}:
        raise SettingsInvalid(f"there are no numbers {numbers!r}: choose one of f32, f16, q8_0 and q4_0")
    quiet_libraries(offline=True)
    try:
        from training.base import BaseFolder  # noqa: PLC0415 - torch takes seconds
        from training.gguf import NumberType  # noqa: PLC0415
        from training.package import export_gguf as export  # noqa: PLC0415
        from training.places import noted_base  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SettingsInvalid(
            f"writing GGUF needs {error.name}: install it with pip install 'understudy[train]'"
        ) from None
    if base is None and not (folder / "base").is_dir():
        base = noted_base(settings.state_dir, read_manifest(folder))
    made = asyncio.run(export(folder, NumberType(numbers), BaseFolder(base) if base else None))
    figures = made.figures["agreement"]
    say(
        f"{made.name} stands in {folder} in {numbers}: off by {figures['worst']:.3f} nats at worst, "
        f"{figures['allowed']['worst']:g} are allowed; fingerprint {made.fingerprint[:12]}, to be evaluated anew"
    )


@group.command()
def card(
    context: typer.Context,
    persona: _Which = "",
    out: Annotated[Path | None, typer.Option(help="The file for it.", show_default="the terminal")] = None,
) -> None:
    """Write a persona's model card in Markdown: what it was made of, in counts alone, and what it is for."""
    from bot.cli.personas import Shelf  # noqa: PLC0415

    Shelf(wishes(context).settings(quiet="warning")).card(persona, out)


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(group, name="persona")
