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
    "<pre><code>understudy link</code></pre>"
    "<p class='u-soft'>Of the demo: <code>understudy --demo link</code></p>"
    "<p class='u-soft'>A link works once, and only for a short while.</p>"
)
_FORM: Final = (
    "<form method='post' action='/sign-in'>"
    "<label>Name <input name='name' autocomplete='username' required maxlength='100'></label>"
    "<label>Password <input name='password' type='password' autocomplete='current-password' required></label>"
    "<button class='u-button u-primary'>Sign in</button></form>"
)


def door_page(title: str, body: str, status: int = 200, head: str = "") -> HTMLResponse:
    """Make a page out of its title and its HTML; what people wrote must be escaped already."""
    text = _PAGE.substitute(title=html.escape(title), body=body, head=head)
    return HTMLResponse(text, status)


def sign_in_page(*, passwords: bool, problem: str = "", status: int = 200) -> HTMLResponse:
    """For somebody without a session; `passwords` says whether anybody has one to sign in with."""
    said = f"<p class='u-problem' role='alert'>{html.escape(problem)}</p>" if problem else ""
    return door_page("You are signed out", said + (_FORM if passwords else "") + _HOW, status)


def link_page(token: str) -> HTMLResponse:
    """For somebody with a link. It takes a press: chats and mail programs open links by themselves, to preview them."""
    form = (
        "<form method='post' action='/sign-in'>"
        f"<input type='hidden' name='token' value='{html.escape(token, quote=True)}'>"
        "<button class='u-button u-primary' autofocus>Sign in</button></form>"
        "<p class='u-soft'>The link works once: pressing the button uses it up.</p>"
    )
    return door_page("Come in", form)


def refused_link_page() -> HTMLResponse:
    """For a link that was used before, is too old, or never was one."""
    why = "<p>It was used before, it is too old, or a part of it is missing.</p>"
    return door_page("This link does not work", why + _HOW, 401)


def lost_page() -> HTMLResponse:
    """For a path that nothing is at."""
    return door_page("There is nothing here", '<p><a href="/">To the chats</a></p>', 404)


def away_page() -> HTMLResponse:
    """For the time in which Redis is away."""
    why = (
        "<p>Redis cannot be reached. Nothing is sent until it is back.</p>"
        "<p class='u-soft'>This page looks again every few seconds.</p>"
    )
    return door_page("Redis is away", why, 503, '<meta http-equiv="refresh" content="3">\n')


def bounce_page() -> HTMLResponse:
    """Leads a visitor from another site in once more, now from here, with the cookie."""
    again = '<meta http-equiv="refresh" content="0">\n'
    return door_page("One moment", '<p><a href="/">To the chats</a></p>', 200, again)
