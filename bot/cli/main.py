"""The program: its options, its verbs, and how errors end."""

from __future__ import annotations

import asyncio
import errno
import signal
import sys
import traceback
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from bot.cli import (
    chats,
    consent,
    dataset,
    discord,
    doctor,
    drafts,
    evaluation,
    forget,
    hosted,
    imports,
    people,
    persona,
    records,
    reveal,
    rules,
    service,
    switch,
    training,
    tuning,
)
from bot.cli.screen import say_error
from bot.cli.wishes import Wishes
from bot.errors import BotError
from bot.messengers.base import Wires
from chat.errors import ChatError
from inference.errors import EngineError, InferenceError, PersonaError
from training.errors import Interrupted, TrainingBroke, TrainingError

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    help="A model trained on your own messages stands in for you in your group chats, while you hold the switch.",
)


@app.callback()
def _options(
    context: typer.Context,
    state_dir: Annotated[
        Path | None,
        typer.Option(help="Where the embedded Redis keeps its data.", envvar="UNDERSTUDY_STATE_DIR"),
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Speak to the demo instead of the service.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an error.")] = False,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
    context.obj = Wishes(state_dir, demo, debug, log_level, _run, wires=context.obj)


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run a verb's work to its end; SIGTERM ends it as Ctrl-C does."""

    async def guarded() -> None:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await work

    try:
        asyncio.run(guarded())
    except asyncio.CancelledError:
        raise typer.Exit(143) from None


service.add_to(app)
switch.add_to(app)
drafts.add_to(app)
records.add_to(app)
rules.add_to(app)
chats.add_to(app)
discord.add_to(app)
people.add_to(app)
imports.add_to(app)
dataset.add_to(app)
evaluation.add_to(app)
hosted.add_to(app)
training.add_to(app)
tuning.add_to(app)
persona.add_to(app)
consent.add_to(app)
reveal.add_to(app)
forget.add_to(app)
doctor.add_to(app)


_FULL: Final = (
    "the disk is full, or no more may be written to it: make room and run it again; what was there is kept"
)
_LOCKED: Final = (
    "a file or a folder may not be read or written: see whom the state folder and what you name belong to"
)
_IN_THE_WAY: Final = (
    "a file lies where a folder must be, or the other way round: choose another place (--debug: which)"
)
_DISK: Final = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _FULL),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _LOCKED),
    **dict.fromkeys((errno.ENOTDIR, errno.EISDIR, errno.EEXIST), _IN_THE_WAY),
}


def main(wires: Wires | None = None) -> None:
    """Run the command line; every error is one line, and `--debug` adds the trace.

    `wires` is what connections to messengers run over; None: their libraries' own.
    """
    try:
        # Not standalone: typer would draw a box around a wrong word, of four lines.
        ended = app(prog_name="understudy", standalone_mode=False, obj=wires)
    except KeyboardInterrupt:
        sys.exit(130)
    except typer.Abort:
        sys.exit(1)
    except typer.TyperException as error:
        _end(
            f"{error.format_message().replace('Value error, ', '')} (`understudy --help` lists what there is)",
            error.exit_code,
        )
    except Exception as error:  # noqa: BLE001 - the last place where one can be caught
        known = _known(error)
        if known is not None:
            _end(str(known), _exit_code(known))
        if isinstance(error, OSError) and error.errno in _DISK:
            _end(_DISK[error.errno], 1)
        # A fault of ours. Its own words may quote a message, so only its kind is said unasked.
        _end(
            f"a fault in the program ({type(error).__name__}): run it with --debug for the trace, and tell us",
            1,
        )
    else:
        sys.exit(ended if isinstance(ended, int) else 0)


def _end(text: str, exit_code: int) -> None:
    if "--debug" in sys.argv:
        traceback.print_exc()
    say_error(text)
    sys.exit(exit_code)


def _known(error: BaseException) -> Exception | None:
    """Find the error of ours in what was raised; several tasks that failed together come as a group."""
    if isinstance(error, BaseExceptionGroup):
        return next((known for inner in error.exceptions if (known := _known(inner))), None)
    if isinstance(error, BotError | InferenceError | ChatError | TrainingError):
        return error
    return None


def _exit_code(error: Exception) -> int:
    if isinstance(error, BotError):
        return error.exit_code
    if isinstance(error, Interrupted):
        return 130
    if isinstance(error, TrainingBroke):
        return 11
    if isinstance(error, PersonaError):
        return 9
    if isinstance(error, EngineError):
        return 10
    return 1


if __name__ == "__main__":
    main()
