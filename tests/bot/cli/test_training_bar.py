"""What is shown while a training runs: on a terminal a bar, in a log ten lines."""

from __future__ import annotations

import io

from rich.console import Console

from bot.cli.training_bar import TrainingBar, describe
from training.record import Progress


def test_loss_speed_and_time_left_are_told_as_far_as_they_are_known() -> None:
    assert describe(Progress(1, 10, 2.5)) == "loss 2.500"
    assert (
        describe(Progress(5, 10, 1.25, tokens_per_second=12345.6, seconds_left=3725.0, held_out=1.5))
        == "loss 1.250, held out 1.500, 12,346 tokens/s, 1 h 02 min left"
    )
    assert describe(Progress(5, 10, 1.0, seconds_left=65.4)).endswith("1 min 05 s left")
    assert describe(Progress(5, 10, 1.0, seconds_left=0.0)).endswith("0 s left")


def test_a_log_gets_a_line_a_tenth_and_no_control_characters() -> None:
    out = io.StringIO()
    with TrainingBar(Console(file=out, width=200)) as bar:
        for step in range(1, 1001):
            bar(Progress(step, 1000, 1.0))
    lines = out.getvalue().splitlines()
    assert len(lines) == 11
    assert lines[0] == "training: 1 of 1000, loss 1.000"
    assert lines[-1].startswith("training: 1000 of 1000")
    assert "\x1b" not in out.getvalue()


def test_a_terminal_gets_a_bar_that_is_taken_away_at_the_end() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120)
    with TrainingBar(console, "sam") as bar:
        bar(Progress(30, 60, 0.75, tokens_per_second=900, seconds_left=90))
        bar._bars.refresh()
    said = out.getvalue()
    assert "sam" in said
    assert "30/60" in said
    assert "loss 0.750, 900 tokens/s, 1 min 30 s left" in said
    assert said.rstrip().endswith("\x1b[2K"), "the last thing is that the line is wiped"
