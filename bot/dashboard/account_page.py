"""The page about oneself: a password to come back with, and for owners, who else may come in."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Final

from starlette.responses import HTMLResponse

from bot.accounts import Account
from bot.dashboard.sign_in_page import door_page
from bot.passwords import LONGEST, SHORTEST
from bot.people import Role

_CURRENT: Final = (
    "<label>Current password "
    "<input name='current' type='password' autocomplete='current-password' required></label>"
)
_PASSWORD: Final = (
    "<form method='post' action='/account/password'>{current}"
    "<label>New password <input name='password' type='password' autocomplete='new-password' required "
    f"minlength='{SHORTEST}' maxlength='{LONGEST}'></label>"
    "<button class='u-button u-primary'>Set the password</button></form>"
)
_EVERYBODY: Final = (
    "<h2>Who may come in</h2><ul>{people}</ul>"
    "<form method='post' action='/account/sign-everybody-out'>"
    "<button class='u-button u-danger'>Sign everybody out</button></form>"
    "<p class='u-soft'>You, too. <code>understudy people</code> adds and removes people.</p>"
)


def account_page(
    account: Account, everybody: Sequence[Account] = (), problem: str = "", status: int = 200
) -> HTMLResponse:
    """Show somebody's own account; `everybody` is for an owner to see."""
    parts = [f"<p>{_line(account)}</p>"]
    if problem:
        parts.append(f"<p class='u-problem' role='alert'>{html.escape(problem)}</p>")
    why = (
        "You have a password."
        if account.has_password
        else "Set a password, so that you can come back without a link."
    )
    parts.append(f"<p class='u-soft'>{why} Setting one signs you out elsewhere.</p>")
    parts.append(_PASSWORD.format(current=_CURRENT if account.has_password else ""))
    if account.role is Role.OWNER:
        people = "".join(f"<li>{_line(other)}</li>" for other in everybody)
        parts.append(_EVERYBODY.format(people=people))
    parts.append("<p><a href='/'>To the chats</a></p>")
    return door_page("Your account", "".join(parts), status)


def _line(account: Account) -> str:
    return f"<b>{html.escape(account.name)}</b> <span class='u-soft'>{account.role}</span>"
