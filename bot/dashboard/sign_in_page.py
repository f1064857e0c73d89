"""The few pages for people who are not in: signing in, a link that does not work, a lost path, Redis away."""

from __future__ import annotations

import html
from string import Template
from typing import Final

from starlette.responses import HTMLResponse

_PAGE: Final = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
$head<title>$title · Understudy</title>
<link rel="icon" href="/assets/understudy.svg">
<link rel="stylesheet" href="/assets/dashboard.css">
</head>
<body class="u-door">
<main>
<img src="/assets/understudy.svg" alt="" width="56" height="56">
<h1>$title</h1>
$body
</main>
</body>
</html>
"""
)
_HOW: Final = (
    "<p>On the machine where Understudy runs, this gives you a new link:</p>"
    "<pre><code>understudy link\nunderstudy --demo link   (of the demo)</code></pre>"
    "<p class='u-soft'>A link works once, and only for a short while.</p>"
)


def _page(title: str, body: str, status: int = 200, head: str = "") -> HTMLResponse:
    text = _PAGE.substitute(title=html.escape(title), body=body, head=head)
    return HTMLResponse(text, status, {"Cache-Control": "no-store"})


def sign_in_page() -> HTMLResponse:
    """For somebody without a session."""
    return _page("You are signed out", _HOW)


def refused_link_page() -> HTMLResponse:
    """For a link that was used before, is too old, or never was one."""
    why = "<p>It was used before, it is too old, or a part of it is missing.</p>"
    return _page("This link does not work", why + _HOW, 401)


def lost_page() -> HTMLResponse:
    """For a path that nothing is at."""
    return _page("There is nothing here", '<p><a href="/">To the chats</a></p>', 404)


def away_page() -> HTMLResponse:
    """For the time in which Redis is away."""
    why = (
        "<p>Redis cannot be reached. Nothing is sent until it is back.</p>"
        "<p class='u-soft'>This page looks again every few seconds.</p>"
    )
    return _page("Redis is away", why, 503, '<meta http-equiv="refresh" content="3">\n')


def bounce_page() -> HTMLResponse:
    """Leads a visitor from another site in once more, now from here, with the cookie."""
    again = '<meta http-equiv="refresh" content="0">\n'
    return _page("One moment", '<p><a href="/">To the chats</a></p>', 200, again)
