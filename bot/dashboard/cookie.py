"""The cookie that holds a browser's session."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from bot.dashboard.sign_in import SESSION_SECONDS


def is_https(scope: Scope) -> bool:
    """Whether a request came over TLS, to us or to a proxy that the settings trust."""
    return scope["scheme"] in {"https", "wss"}


class SessionCookie:
    """Named by the port, for the demo and a service may be open in one browser, and ports share cookies.

    Over TLS it has the prefix `__Host-`, which a page that was served without TLS or from another host cannot set.
    """

    def __init__(self, port: int) -> None:
        self._name = f"understudy-{port}"

    def name(self, scope: Scope) -> str:
        """Give its name for a request."""
        return f"__Host-{self._name}" if is_https(scope) else self._name

    def read(self, scope: Scope) -> str:
        """Give the session that a request names, or an empty text."""
        try:
            morsel = SimpleCookie(Headers(scope=scope).get("cookie", "")).get(self.name(scope))
        except CookieError:
            morsel = None
        return morsel.value if morsel else ""

    def set(self, response: Response, scope: Scope, session: str) -> None:
        """Hand a session to a browser."""
        response.set_cookie(
            self.name(scope),
            session,
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="strict",
            secure=is_https(scope),
        )

    def delete(self, response: Response, scope: Scope) -> None:
        """Have a browser forget it."""
        response.delete_cookie(self.name(scope), httponly=True, samesite="strict", secure=is_https(scope))
