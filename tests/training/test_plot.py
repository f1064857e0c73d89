"""The loss as a picture and in the terminal: both show where it was, and neither needs a display."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from training.plot import MOST, draw_plot, thin, write_plot
from training.record import Point

pytestmark = pytest.mark.train

FALLING = (
    Point(0, 0.0, held_out=4.0),
    *(Point(step, step / 50, loss=4.0 - 3.0 * step / 100) for step in range(1, 101)),
    Point(50, 1.0, held_out=2.6),
    Point(100, 2.0, held_out=1.5),
)


def test_the_picture_is_a_png_that_holds_both_curves(tmp_path: Path) -> None:
    from PIL import Image

    path = write_plot(FALLING, tmp_path, "sam")
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        colours = {pixel for _, pixel in picture.convert("RGB").getcolors(2**24) or []}
    # Matplotlib's first two colours: the curves themselves, not only their axes.
    assert {(31, 119, 180), (255, 127, 14)} <= colours


def test_the_terminal_shows_a_falling_line_and_each_held_out_loss() -> None:
    lines = draw_plot(FALLING, width=60, height=14).splitlines()
    canvas = [line.partition("│")[2] if "┤" not in line else line.partition("┤")[2] for line in lines[1:-3]]
    marks = [(row, line.index("o")) for row, line in enumerate(canvas) if "o" in line]
    assert len(marks) == 3
    assert marks == sorted(marks), "lower at the right: the loss fell"
    first = [
        min((column for column, sign in enumerate(line) if sign not in " o│"), default=99) for line in canvas
    ]
    assert first[0] < 10
    assert first[-1] > 40
    assert all("\x1b" not in line for line in lines)


def test_nothing_noted_is_an_empty_plot(tmp_path: Path) -> None:
    assert "o held out" in draw_plot((), width=40, height=8)
    assert write_plot((), tmp_path).stat().st_size > 0


def test_long_curves_are_thinned_to_means_and_keep_their_end() -> None:
    draw = random.Random(1)
    steps = [float(step) for step in range(1, 1002)]
    values = [draw.random() for _ in steps]
    some, means = thin(steps, values)
    assert len(some) <= MOST
    assert some[-1] == steps[-1]
    assert some[0] == 3.0
    assert means[0] == pytest.approx(sum(values[:3]) / 3)
    assert thin([1.0, 2.0], [5.0, 6.0]) == ([1.0, 2.0], [5.0, 6.0])
