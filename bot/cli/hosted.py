"""`hosted`: train at an OpenAI-compatible fine-tuning API, speak as what came of it, and take everything back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bot.cli.screen import say, show_table
from bot.cli.wishes import wishes

if TYPE_CHECKING:
    from bot.cli.hosted_desk import HostedDesk

group = typer.Typer(
    help="Train at a hosted fine-tuning API, and speak as what came of it. Nothing leaves before you agreed to it.",
    invoke_without_command=True,
)

Job = Annotated[str, typer.Argument(help="A job of `understudy hosted jobs`.")]
BaseUrl = Annotated[
    str, typer.Option(help="The host, such as https://api.openai.com/v1.", show_default="hosted.base_url")
]
OnInterrupt = Annotated[
    Literal["ask", "cancel", "leave"],
    typer.Option(help="What Ctrl-C does with the job at the host, beside ending this command."),
]


@group.callback()
def _without_verb(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@group.command()
def train(
    context: typer.Context,
    dataset: Annotated[Path, typer.Argument(help="A dataset's folder, with files in OpenAI's format.")],
    base_url: BaseUrl = "",
    model: Annotated[
        str, typer.Option(help="Which of the host's models is trained.", show_default="hosted.model")
    ] = "",
    yes_send: Annotated[
        list[str] | None,
        typer.Option(help="Agree to what would leave, by naming each host that it goes to. Repeatable."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, max=50, help="By default the host decides.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, max=256, help="By default the host decides.")
    ] = None,
    learning_rate_multiplier: Annotated[
        float | None, typer.Option(min=0.0, help="By default the host decides.")
    ] = None,
    suffix: Annotated[
        str | None,
        typer.Option(help="Becomes part of the model's name; the host sees it. Up to 64 characters."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**31 - 1)] = None,
    validation: Annotated[
        bool, typer.Option("--validation/--no-validation", help="Send the validation side, too.")
    ] = True,
    on_interrupt: OnInterrupt = "ask",
) -> None:
    """Say what would leave, ask, moderate, upload, train, watch to the end, and make a persona of it."""
    desk = _desk(context, base_url)
    numbers = {
        "n_epochs": epochs,
        "batch_size": batch_size,
        "learning_rate_multiplier": learning_rate_multiplier,
    }
    asked = {
        "suffix": suffix,
        "seed": seed,
        "hyperparameters": {name: value for name, value in numbers.items() if value is not None},
    }
    job = desk.agree(
        dataset,
        model,
        tuple(yes_send or ()),
        {name: value for name, value in asked.items() if value not in (None, {})},
        validation=validation,
    )
    say(f"job {job}: `understudy hosted watch {job}` goes on with it should this end early")
    _finish(context, desk, job, on_interrupt)


@group.command()
def watch(
    context: typer.Context, job: Job, base_url: BaseUrl = "", on_interrupt: OnInterrupt = "ask"
) -> None:
    """Go on with a job where it was left, and watch it to its end."""
    _finish(context, _desk(context, base_url), job, on_interrupt)


@group.command()
def persona(
    context: typer.Context,
    job: Job,
    base_url: BaseUrl = "",
    out: Annotated[
        Path | None, typer.Option(help="Its folder.", show_default="in `personas` of the state folder")
    ] = None,
    name: Annotated[str, typer.Option(help="The persona's name.", show_default="from the dataset")] = "",
    me: Annotated[
        str, typer.Option(help="Who the model is told it is, where the chats know several names.")
    ] = "",
    sampling: Annotated[
        list[str] | None,
        typer.Option(help="A published starting point's name, or key=value. Repeatable."),
    ] = None,
) -> None:
    """Make a persona of a job's model, or make it anew: its canary is asked of the host."""
    from bot.cli.hosted_speaking import Wanted  # noqa: PLC0415 - see `_desk`

    wanted = Wanted(out, name, me, tuple(sampling or ()))
    wishes(context).run(_desk(context, base_url).persona(job, wanted))


@group.command()
def speak(
    context: typer.Context,
    persona: Annotated[
        str,
        typer.Argument(
            help="Its folder, or its name among those of the state folder.", show_default="the one set"
        ),
    ] = "",
    yes_send: Annotated[
        list[str] | None, typer.Option(help="Agree to what leaves, by naming the host.")
    ] = None,
    stop: Annotated[
        bool, typer.Option("--stop", help="Take it back; without a persona, for every host.")
    ] = False,
) -> None:
    """Say what leaves for each answer of a persona at a host, ask, and put it on record. Reaches nobody."""
    from bot.cli import hosted_speaking  # noqa: PLC0415 - see `_desk`

    asked = wishes(context)
    settings = asked.settings(quiet="warning")
    if stop:
        asked.run(hosted_speaking.stop(settings, persona))
    else:
        asked.run(hosted_speaking.speak(settings, persona, tuple(yes_send or ())))


@group.command()
def jobs(context: typer.Context) -> None:
    """List the jobs on record. Reaches nobody."""
    rows = _desk(context).rows()
    if not rows:
        say("there are none: `understudy hosted train` makes one")
        return
    show_table(("job", "begun", "host", "state", "dataset", "model"), rows)


@group.command()
def cancel(context: typer.Context, job: Job, base_url: BaseUrl = "") -> None:
    """Cancel a job at the host. What was uploaded stays there until it is forgotten."""
    wishes(context).run(_desk(context, base_url).cancel(job))


@group.command("list")
def list_(context: typer.Context, base_url: BaseUrl = "") -> None:
    """List the files and trained models at the host, and which of them are ours."""
    wishes(context).run(_desk(context, base_url).show())


@group.command()
def forget(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="One job.", show_default="all at this host")] = "",
    base_url: BaseUrl = "",
    unrecorded: Annotated[
        bool, typer.Option(help="Also what was uploaded by this program and is on no record here.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
) -> None:
    """Delete all files and models that came of our jobs, and look again whether they are gone."""
    left: list[str] = []
    wishes(context).run(_desk(context, base_url).forget(job, left, unrecorded=unrecorded, yes=yes))
    if left:
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(group, name="hosted")


def _desk(context: typer.Context, base_url: str = "") -> HostedDesk:
    # It brings the tables of datasets along, which no other verb needs.
    from bot.cli.hosted_desk import HostedDesk  # noqa: PLC0415

    settings = wishes(context).settings(quiet="warning")
    return HostedDesk(settings, base_url)


def _finish(
    context: typer.Context, desk: HostedDesk, job: str, on_interrupt: Literal["ask", "cancel", "leave"]
) -> None:
    try:
        wishes(context).run(desk.finish(job))
    except KeyboardInterrupt:
        stop = on_interrupt == "cancel"
        if on_interrupt == "ask" and sys.stdin.isatty():
            stop = typer.confirm("\nCancel the job at the host, too?", default=False)
        if stop:
            wishes(context).run(desk.cancel(job))
        else:
            say(
                f"whatever the host has begun goes on there: `understudy hosted watch {job}` comes back to it, "
                f"`understudy hosted cancel {job}` ends it"
            )
        raise
