"""Plots of a report as SVG: estimates with their intervals, and shares side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from training.evaluation.estimate import Estimate

SERIES: Final = ("persona", "person", "base", "others")
"""Who is shown; each has a colour and a sign of its own, since not everybody tells colours apart."""

_NAME, _PLOT, _END, _LINE, _STEP = 130, 460, 70, 14, 10


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot: its name, and an estimate for each of those shown."""

    name: str
    estimates: Sequence[tuple[str, Estimate]]


def legend(shown: Sequence[tuple[str, str]]) -> str:
    """Say whose sign is whose: series and words."""
    marks = "".join(
        f'<span><svg width="16" height="12" aria-hidden="true">{_sign(series, 8, 6)}</svg> {escape(words)}</span>'
        for series, words in shown
    )
    return f'<p class="legend">{marks}</p>'


def intervals(title: str, lines: Sequence[Line], highest: float = 1.0) -> str:
    """Each estimate as a sign on a whisker, from 0 to `highest`, with its value behind it."""
    body: list[str] = []
    y = 8
    for line in lines:
        middle = y + _LINE * len(line.estimates) / 2
        body.append(
            f'<text x="{_NAME - 8}" y="{middle + 4:.1f}" text-anchor="end">{escape(line.name)}</text>'
        )
        for series, estimate in line.estimates:
            low, at, high = (
                _NAME + _PLOT * min(max(value / highest, 0.0), 1.0)
                for value in (estimate.low, estimate.value, estimate.high)
            )
            centre = y + _LINE / 2
            body.append(
                f'<g class="{series}"><title>{escape(series)}: {estimate}</title>'
                f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{centre}" y2="{centre}"/>{_sign(series, at, centre)}</g>'
                f'<text class="value" x="{_NAME + _PLOT + 8}" y="{centre + 4}">{estimate.value:.2f}</text>'
            )
            y += _LINE
        y += _STEP
        body.append(f'<line class="rule" x1="{_NAME}" x2="{_NAME + _PLOT}" y1="{y - 5}" y2="{y - 5}"/>')
    body += _axis(y, highest)
    return _figure(title, body, y + 20)


def bars(title: str, names: Sequence[str], shown: Sequence[tuple[str, Sequence[float]]]) -> str:
    """Shares side by side: for each name a bar of each series."""
    highest = max((max(values, default=0.0) for _, values in shown), default=0.0) or 1.0
    body: list[str] = []
    y = 8
    for place, name in enumerate(names):
        middle = y + _LINE * len(shown) / 2
        body.append(f'<text x="{_NAME - 8}" y="{middle + 4:.1f}" text-anchor="end">{escape(name)}</text>')
        for series, values in shown:
            width = _PLOT * values[place] / highest
            body.append(
                f'<rect class="{series}" x="{_NAME}" y="{y + 2}" width="{width:.1f}" height="{_LINE - 3}"/>'
                f'<text class="value" x="{_NAME + width + 6:.1f}" y="{y + 11}">{values[place]:.1%}</text>'
            )
            y += _LINE
        y += _STEP
    return _figure(title, body, y)


def scale(estimate: Estimate) -> str:
    """The score on its way from 0 to 100."""
    x = [10 + 6.0 * value for value in (estimate.low, estimate.value, estimate.high)]
    ticks = "".join(
        f'<line class="rule" x1="{10 + 6 * tick}" x2="{10 + 6 * tick}" y1="12" y2="34"/>'
        f'<text class="value" x="{10 + 6 * tick}" y="48" text-anchor="middle">{tick}</text>'
        for tick in range(0, 101, 20)
    )
    return (
        f'<svg role="img" aria-label="the score between 0 and 100" width="100%" viewBox="0 0 640 52">{ticks}'
        f'<rect class="track" x="10" y="18" width="600" height="10" rx="5"/>'
        f'<rect class="persona" x="{x[0]:.1f}" y="18" width="{max(x[2] - x[0], 2):.1f}" height="10" rx="5" '
        'opacity=".45"/>'
        f'<circle class="persona" cx="{x[1]:.1f}" cy="23" r="8"/></svg>'
    )


def _axis(y: float, highest: float) -> Iterator[str]:
    for step in range(6):
        x = _NAME + _PLOT * step / 5
        yield f'<text class="value" x="{x}" y="{y + 12}" text-anchor="middle">{highest * step / 5:g}</text>'


def _figure(title: str, body: Sequence[str], height: float) -> str:
    width = _NAME + _PLOT + _END
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg role="img" aria-label="{escape(title)}" width="{width}" height="{height:.0f}" '
        f'viewBox="0 0 {width} {height:.0f}">{"".join(body)}</svg></figure>'
    )


def _sign(series: str, x: float, y: float) -> str:
    if series == "person":
        return f'<rect class="person" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"/>'
    if series == "base":
        points = f"{x:.1f},{y - 5:.1f} {x + 5:.1f},{y + 4:.1f} {x - 5:.1f},{y + 4:.1f}"
        return f'<polygon class="base" points="{points}"/>'
    if series == "others":
        points = f"{x:.1f},{y - 5:.1f} {x + 5:.1f},{y:.1f} {x:.1f},{y + 5:.1f} {x - 5:.1f},{y:.1f}"
        return f'<polygon class="others" points="{points}"/>'
    return f'<circle class="persona" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
