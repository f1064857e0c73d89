"""The headers that every answer carries, whatever answered."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import Scope

from bot.dashboard.cookie import is_https

_POLICY: Final = (
    "default-src 'self'; {scripts}; style-src 'self'{styles}; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# The board's framework evaluates its templates in the browser, hence the two unsafe words; all else needs no script.
_BOARD: Final = _POLICY.format(
    scripts="script-src 'self' 'unsafe-inline' 'unsafe-eval'", styles=" 'unsafe-inline'"
)
_ELSEWHERE: Final = _POLICY.format(scripts="script-src 'none'", styles="")
_ALWAYS: Final = {
    # Not `no-referrer`: a form of ours would then be posted with the origin `null`.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_HALF_A_YEAR: Final = "max-age=15552000"
_MAY_BE_KEPT: Final = ("/assets/", "/_nicegui/")


def add_security_headers(headers: MutableHeaders, scope: Scope, host: str) -> None:
    """Add to an answer what tells a browser to be careful with it; `host` is the name it was asked for by."""
    path = str(scope["path"])
    headers["Content-Security-Policy"] = _BOARD if path == "/" else _ELSEWHERE
    for name, text in _ALWAYS.items():
        headers[name] = text
    if not path.startswith(_MAY_BE_KEPT):
        headers["Cache-Control"] = "no-store"
    # A browser would keep it for every port of that name, and on `localhost` other people's programs have theirs.
    if is_https(scope) and host != "localhost":
        headers["Strict-Transport-Security"] = _HALF_A_YEAR
