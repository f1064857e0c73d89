"""The guard at the door: every request passes here, before the API, the pages and their websocket.

It checks in order: the host that was asked for (a foreign name that points at this machine must not get in, which
is DNS rebinding), where the request comes from (another site must not act with the visitor's cookie), and who it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.dashboard.address import is_wildcard
from bot.dashboard.sign_in import SignIn
from bot.dashboard.sign_in_page import away_page, bounce_page, lost_page
from bot.errors import StoreAway
from bot.people import Person

_log = structlog.get_logger()
_VISIT: Final = "understudy.visit"
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN_PATHS: Final = frozenset({"/sign-in", "/favicon.ico"})
_OPEN_FOLDERS: Final = ("/assets/", "/_nicegui/")
_KNOWN_PATHS: Final = frozenset({"/", "/sign-out", *_OPEN_PATHS})
_KNOWN_FOLDERS: Final = ("/api/", "/_nicegui_ws/", *_OPEN_FOLDERS)

# The pages' framework evaluates its templates in the browser, hence the two unsafe words; nothing else may be loaded.
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    # Not `no-referrer`: a form of ours would then be posted with the origin `null`.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """Who a request is by, and the session that says so."""

    person: Person
    session: str


def visit_of(scope: Scope) -> Visit:
    """Give the visit that the guard let in."""
    visit = scope[_VISIT]
    if not isinstance(visit, Visit):
        raise TypeError("a request came past the guard")
    return visit


class Guard:
    """ASGI middleware around everything that the dashboard serves."""

    def __init__(self, app: ASGIApp, sign_in: SignIn, hosts: Sequence[str], cookie: str) -> None:
        self._app = app
        self._sign_in = sign_in
        self._hosts = frozenset(host.lower() for host in hosts)
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, text in _HEADERS.items():
                    headers.setdefault(name, text)
                if not scope["path"].startswith(_OPEN_FOLDERS):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        try:
            refusal = await self._refusal(scope)
            if refusal is not None:
                await _answer(refusal, scope, receive, answer)
                return
            await self._app(scope, receive, answer)
        except Exception as error:  # noqa: BLE001 - the last place where anything can be caught
            # Whoever logs the whole of a foreign error logs what it quotes; its type and place are enough here.
            _log.warning("dashboard.failed", error=type(error).__name__, place=_place(error))
            if scope["type"] != "http" or started:
                return
            wants_json = scope["path"].startswith("/api/")
            await _answer(_failed(error, wants_json=wants_json), scope, receive, answer)

    async def _refusal(self, scope: Scope) -> Response | None:
        headers, path = Headers(scope=scope), str(scope["path"])
        if not _names(headers.get("host", ""), self._hosts):
            return _refused(400, "host", "this address is not one that the dashboard answers to")
        if path not in _KNOWN_PATHS and not path.startswith(_KNOWN_FOLDERS):
            return lost_page()
        if path in _OPEN_PATHS or path.startswith(_OPEN_FOLDERS):
            return None
        session, by_cookie = self._session(headers)
        live = scope["type"] == "websocket" or path.startswith("/_nicegui_ws/")
        unsafe = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
        if (by_cookie or not session) and (live or unsafe) and not _is_ours(headers, strict=unsafe):
            return _refused(403, "cross_site", "this request does not come from the dashboard's own page")
        kills = path == "/api/v1/kills" and not live and unsafe
        if not session:
            person = None
        elif kills:
            person = await self._sign_in.person_in_haste(session)
        else:
            person = await self._sign_in.person_of(session)
        if person is None:
            return _signed_out(headers, path)
        scope[_VISIT] = Visit(person, session)
        return None

    def _session(self, headers: Headers) -> tuple[str, bool]:
        """The session that a request names, and whether a browser added it by itself."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return token.strip(), False
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            morsel = None
        return (morsel.value if morsel else ""), True


def _names(host: str, allowed: frozenset[str]) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name.lower() in allowed


def _is_ours(headers: Headers, *, strict: bool) -> bool:
    """Whether a browser says that one of our own pages asks; `strict` needs it to say so."""
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
    site = headers.get("sec-fetch-site")
    return site == "same-origin" or (site in {None, "none"} and not strict)


def _signed_out(headers: Headers, path: str) -> Response:
    if path.startswith(("/api/v1", "/_nicegui_ws/")):
        return _refused(
            401,
            "signed_out",
            "nobody is signed in: `understudy link` (of the demo: `understudy --demo link`) gives one",
        )
    if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") == "navigate":
        # The strict cookie is not sent when a link on another site leads here; coming again from here, it is.
        return bounce_page()
    return RedirectResponse("/sign-in", 303)


def _refused(status: int, code: str, text: str) -> Response:
    return JSONResponse({"error": code, "message": text}, status)


def _failed(error: Exception, *, wants_json: bool) -> Response:
    if isinstance(error, StoreAway):
        return _refused(503, "store_away", str(error)) if wants_json else away_page()
    text = "something went wrong here; the log names the place"
    return _refused(500, "failed", text) if wants_json else Response(text, 500, media_type="text/plain")


async def _answer(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await response(scope, receive, send)
        return
    # Closing before accepting is how a websocket is refused; the server then answers 403.
    await send({"type": "websocket.close", "code": 1008})


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    code = trace.tb_frame.f_code
    return f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"


def allowed_hosts(host: str, more: Sequence[str] = ()) -> tuple[str, ...]:
    """The names by which the dashboard may be asked for: this machine's own, the configured one, and more."""
    names = {"localhost", "127.0.0.1", "::1", *more}
    if not is_wildcard(host):
        names.add(host.strip("[]"))
    return tuple(sorted(names))
