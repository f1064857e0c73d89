"""The report as one HTML file: nothing in it is loaded from anywhere, and every text is shown as text."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from training.dataset.report import Figure, Report

_STYLE: Final = """
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1,h2{line-height:1.2}table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left}
pre{white-space:pre-wrap;overflow-wrap:anywhere;border-left:3px solid #8888;padding-left:.8rem}
.warning{border-left:4px solid #c60;padding:.2rem .8rem}figure{display:inline-block;vertical-align:top;
margin:0 1rem 1rem 0}
svg text{fill:currentColor;font-size:12px}svg rect{fill:#3b7ddd}figcaption{font-weight:600}small{font-weight:400}
"""
_WIDTH, _NAME, _LINE = 420, 150, 20


def page(report: Report) -> str:
    """Write the page."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    title = escape(f"Dataset {report.title}")
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    # Were something to get past the escaping, a browser would neither run nor load it.
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{_STYLE}</style></head>'
    yield f"<body><h1>{title}</h1>"
    yield from (f'<p class="warning">{escape(warning)}</p>' for warning in report.warnings)
    yield "<table>"
    yield from (f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in report.numbers)
    yield "</table><h2>The messages</h2>"
    yield from (_figure(figure) for figure in report.figures if any(count for _, count in figure.bars))
    yield "<h2>What the filters took</h2>"
    if report.taken:
        yield "<table><tr><th>filter</th><th>chat</th><th>messages</th></tr>"
        for kind, chat, count in report.taken:
            yield f"<tr><td>{escape(kind)}</td><td>{escape(chat)}</td><td>{count:,}</td></tr>"
        yield "</table>"
    else:
        yield "<p>Nothing.</p>"
    yield "<h2>Examples, drawn at random</h2>"
    yield from (f"<pre>{escape(example)}</pre>" for example in report.examples)
    yield "</body></html>"


def _figure(figure: Figure) -> str:
    highest = max(count for _, count in figure.bars)
    bars = []
    for place, (name, count) in enumerate(figure.bars):
        y, width = place * _LINE, round((_WIDTH - _NAME - 70) * count / highest, 1)
        shown = name if len(name) <= 20 else f"{name[:19]}…"
        bars.append(
            f'<text x="{_NAME - 6}" y="{y + 14}" text-anchor="end">{escape(shown)}</text>'
            f'<rect x="{_NAME}" y="{y + 3}" width="{width}" height="{_LINE - 6}"/>'
            f'<text x="{_NAME + width + 5}" y="{y + 14}">{count:,}</text>'
        )
    note = f" <small>{escape(figure.note)}</small>" if figure.note else ""
    height = _LINE * len(figure.bars)
    return (
        f"<figure><figcaption>{escape(figure.title)}{note}</figcaption>"
        f'<svg role="img" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}">'
        f"{''.join(bars)}</svg></figure>"
    )
