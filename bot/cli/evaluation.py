"""`evaluate` and `ask`: how good a persona is, and what its model guesses about the chats."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.wishes import wishes
from bot.errors import SettingsInvalid

_PERSONA = typer.Argument(
    help="The persona's folder, or its name among those of the state folder.", show_default=False
)
_DATASET = typer.Option(
    help="The dataset that it was trained on.", show_default="found in the state folder by its fingerprint"
)
_BASE = typer.Option(
    help="The base model's folder.", show_default="base in the persona's folder, or where it was trained on"
)
_SERVER = typer.Option(
    help="A server that serves it, such as http://127.0.0.1:8000, instead of llama.cpp here."
)
_KEY = typer.Option(help="The server's API key.", envvar="UNDERSTUDY_MODEL__API_KEY", show_default=False)
_TORCH = typer.Option("--torch", help="Speak with PyTorch in this process, instead of llama.cpp.")
_SEED = typer.Option(help="Draws the cases and the answers.")


def evaluate(
    context: typer.Context,
    persona: Annotated[str, _PERSONA],
    dataset: Annotated[Path | None, _DATASET] = None,
    base: Annotated[Path | None, _BASE] = None,
    generations: Annotated[int, typer.Option(min=20, help="How many answers to generate.")] = 500,
    seed: Annotated[int, _SEED] = 0,
    sweep: Annotated[
        bool,
        typer.Option("--sweep", help="First look for the best sampling, and write it into persona.toml."),
    ] = False,
    trials: Annotated[int, typer.Option(min=2, help="How many samplings --sweep tries.")] = 24,
    out: Annotated[
        Path | None,
        typer.Option(help="Where the report goes.", show_default="evaluations/NAME-FINGERPRINT of the state"),
    ] = None,
    server: Annotated[str, _SERVER] = "",
    api_key: Annotated[str, _KEY] = "",
    torch: Annotated[bool, _TORCH] = False,
    abreast: Annotated[
        int,
        typer.Option(
            min=1, help="Answers asked for at a time. One by one they are the same again, to the letter."
        ),
    ] = 4,
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: the figures of evaluation.json.")
    ] = False,
) -> None:
    """Measure a persona on what its dataset holds out. The report quotes your chats: it is yours alone."""
    asked = wishes(context)
    settings = asked.settings(quiet="warning")
    with _extra():
        from bot.cli.evaluating import Evaluating, Source  # noqa: PLC0415
        from bot.cli.personas import Shelf  # noqa: PLC0415

    source = Source(
        Shelf(settings).folder(persona),
        settings.state_dir,
        dataset,
        base,
        server,
        api_key,
        here=torch,
        abreast=abreast,
    )
    work = Evaluating(source, generations, seed, out, as_json=as_json)
    asked.run(work.run(trials if sweep else 0))


def ask(
    context: typer.Context,
    persona: Annotated[str, _PERSONA],
    question: Annotated[str, typer.Argument(help="Your own question.", show_default=False)] = "",
    about: Annotated[
        str,
        typer.Option(help="`published`: the questions that others asked their models.", show_default=False),
    ] = "",
    dataset: Annotated[Path | None, _DATASET] = None,
    base: Annotated[Path | None, _BASE] = None,
    seed: Annotated[int, _SEED] = 0,
    server: Annotated[str, _SERVER] = "",
    api_key: Annotated[str, _KEY] = "",
    torch: Annotated[bool, _TORCH] = False,
) -> None:
    """Ask the model about the chats, with and without what it learned. What it says is a guess."""
    if about not in {"", "published"}:
        raise SettingsInvalid(f"there are no questions called {about}: `--about published`, or ask your own")
    asked = wishes(context)
    settings = asked.settings(quiet="warning")
    with _extra():
        from bot.cli.evaluating import Source, guess  # noqa: PLC0415
        from bot.cli.personas import Shelf  # noqa: PLC0415
        from training.evaluation.ask import QUESTIONS  # noqa: PLC0415

    questions = ((question,) if question else ()) + (QUESTIONS if about or not question else ())
    source = Source(
        Shelf(settings).folder(persona),
        settings.state_dir,
        dataset,
        base,
        server,
        api_key,
        here=torch,
        abreast=1,
    )
    asked.run(guess(source, questions, seed))


@contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingsInvalid(
            f"{error.name} is missing: install the extra `train` (pip install 'understudy[train]')"
        ) from None


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(evaluate)
    app.command()(ask)
