"""`python -m training persona`: make a persona from exports, in one call."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress as ProgressBar

from chat.errors import ChatError
from chat.exports.dates import DateOrder
from inference.errors import InferenceError
from inference.persona import Sampling
from inference.prompt import PromptFormat
from training.apprentice import Apprentice
from training.base import BaseFolder
from training.dataset.turns import Per, Turns
from training.errors import TrainingError
from training.gguf import NumberType
from training.lora import LoraSettings, Progress


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives the exit status: 0, 1 for an error that is told in one line, 2 for a wrong call."""
    options = _parser().parse_args(arguments)
    console = Console(stderr=True)
    try:
        apprentice = _apprentice(options)
        # In a log, and after an error, the bar would be one more line beside the one that counts.
        with ProgressBar(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("training", total=None)

            def show(progress: Progress) -> None:
                words = f"training, {progress.loss:.2f} nats a token"
                bar.update(task, completed=progress.step, total=progress.steps, description=words)

            persona = apprentice.persona(options.out, show)
    except (ChatError, TrainingError, InferenceError, ValueError) as error:
        console.print(_in_one_line(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    figures = persona.figures["training"]
    console.print(
        f"{persona.name} stands in {persona.folder}: held-out loss {figures['held_out_loss_before']:.3f} before, "
        f"{figures['held_out_loss_after']:.3f} after, fingerprint {persona.fingerprint[:12]}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    return 0


def _in_one_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        option = "-".join(str(part) for part in first["loc"]).replace("_", "-")
        return f"--{option}: {first['msg']}"
    return " ".join(str(error).split())


def _parser() -> argparse.ArgumentParser:
    lora, recipe, sampling, prompt = LoraSettings(), Turns(), Sampling(), PromptFormat(name="")
    parser = argparse.ArgumentParser(
        prog="python -m training", formatter_class=argparse.ArgumentDefaultsHelpFormatter, description=__doc__
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    add = verbs.add_parser(
        "persona",
        help="train an adapter and package it",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    ).add_argument
    add("--export", type=Path, action="append", required=True, help="a chat export; may be given again")
    add("--owner", required=True, help="your name as the exports write it")
    add("--base", type=Path, required=True, help="the base model's Hugging Face folder")
    add("--out", type=Path, required=True, help="the persona's folder")
    add("--name", default="", help="model name; made of the owner's by default")
    add("--date-order", type=DateOrder, choices=[DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST], default=None)
    add("--system", default=prompt.system)
    add("--history-messages", type=int, default=prompt.history_messages)
    add("--per", type=Per, choices=list(Per), default=recipe.per, help="what one example is made of")
    add(
        "--gap-hours",
        type=float,
        default=recipe.gap / timedelta(hours=1),
        help="silence that ends a conversation",
    )
    add("--held-out", type=float, default=recipe.held_out, help="share of conversations to measure on")
    add("--held-out-since", type=date.fromisoformat, help="measure on all from that day on (YYYY-MM-DD)")
    add("--rank", type=int, default=lora.rank)
    add("--alpha", type=float, default=lora.alpha)
    add("--dropout", type=float, default=lora.dropout)
    add("--epochs", type=int, default=lora.epochs)
    add("--batch", type=int, default=lora.batch)
    add("--learning-rate", type=float, default=lora.learning_rate)
    add("--max-length", type=int, default=lora.max_length, help="tokens of an example")
    add("--seed", type=int, default=lora.seed)
    add("--temperature", type=float, default=sampling.temperature)
    add("--top-p", type=float, default=sampling.top_p)
    add("--max-tokens", type=int, default=sampling.max_tokens, help="the longest answer")
    add("--numbers", type=NumberType, choices=list(NumberType), default=NumberType.F16)
    add("--with-base", action="store_true", help="copy the base's folder into the persona's")
    return parser


def _apprentice(options: argparse.Namespace) -> Apprentice:
    return Apprentice(
        base=BaseFolder(options.base),
        exports=tuple(options.export),
        prompt=PromptFormat(options.owner, options.system, options.history_messages),
        name=options.name,
        date_order=options.date_order,
        recipe=Turns(
            timedelta(hours=options.gap_hours), options.held_out, options.held_out_since, options.per
        ),
        lora=LoraSettings(
            rank=options.rank,
            alpha=options.alpha,
            dropout=options.dropout,
            epochs=options.epochs,
            batch=options.batch,
            learning_rate=options.learning_rate,
            max_length=options.max_length,
            seed=options.seed,
        ),
        sampling=Sampling(
            temperature=options.temperature, top_p=options.top_p, max_tokens=options.max_tokens
        ),
        numbers=options.numbers,
        with_base=options.with_base,
    )
