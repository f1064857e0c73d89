"""The loss of a training as a plot: a picture beside the adapter, and characters in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from training.record import Point

PICTURE: Final = "loss.png"
"""The name of the picture beside the adapter."""

HELD_OUT: Final = "o"
"""What marks a held-out loss in the terminal."""

MOST: Final = 400
"""Points of a curve: beyond that, neighbours are drawn as their mean, or noise is all there is to see."""

Curve = tuple[list[float], list[float]]


def write_plot(points: Sequence[Point], folder: Path, title: str = "") -> Path:
    """Draw the loss over the steps into a PNG in this folder; gives its path."""
    # The object interface: pyplot would keep the figure in a global, and look for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - of the extra `train`
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(*thin(*losses(points)), label="training", linewidth=1)
    axes.plot(*held_out(points), "o-", label="held out")
    axes.set(xlabel="step", ylabel="loss, nats a token")
    axes.set_title(title, loc="left")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    path = folder / PICTURE
    figure.savefig(path, dpi=120)
    return path


def draw_plot(points: Sequence[Point], width: int = 72, height: int = 16) -> str:
    """Draw the loss over the steps in characters, without colours; `width` and `height` in cells."""
    import plotext  # noqa: PLC0415 - of the extra `train`

    # The library draws on one figure of its own; it is left as it was found.
    figure = plotext.figure
    figure.clear()
    try:
        figure.plot_size(width, height)
        training, measured = thin(*losses(points), most=2 * width), held_out(points)
        if training[0]:
            figure.draw(figure.signal(*training).lines())
        if measured[0]:
            figure.draw(figure.signal(*measured, marker=HELD_OUT))
        picture = str(figure.build().string(colorless=True)).rstrip("\n")
    finally:
        figure.clear()
    return f"{picture}\nloss in nats a token over steps: a line in training, {HELD_OUT} held out"


def losses(points: Sequence[Point]) -> Curve:
    """The steps at which a training loss was noted, and the losses."""
    noted = [(float(point.step), point.loss) for point in points if point.loss is not None]
    return [step for step, _ in noted], [loss for _, loss in noted]


def held_out(points: Sequence[Point]) -> Curve:
    """The steps at which the held-out loss was measured, and the losses."""
    noted = [(float(point.step), point.held_out) for point in points if point.held_out is not None]
    return [step for step, _ in noted], [loss for _, loss in noted]


def thin(steps: Sequence[float], values: Sequence[float], most: int = MOST) -> Curve:
    """No more than `most` points, each the mean of its neighbours at the last one's step."""
    size = max(1, -(-len(steps) // most))
    begins = range(0, len(steps), size)
    groups = [values[begin : begin + size] for begin in begins]
    return (
        [steps[min(begin + size, len(steps)) - 1] for begin in begins],
        [sum(group) / len(group) for group in groups],
    )
