"""The guard at the door: every request passes here, before the API, the pages and their websocket.

It checks in order: the host that was asked for (a foreign name that points at this machine must not get in, which
is DNS rebinding), where the request comes from (another site must not act with the visitor's cookie), and who it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.dashboard.access import Visit, access_to, let_in
from bot.dashboard.address import is_wildcard
from bot.dashboard.cookie import SessionCookie, is_https
from bot.dashboard.headers import add_security_headers
from bot.dashboard.sign_in import Key, KeyKind, SignIn
from bot.dashboard.sign_in_page import away_page, bounce_page, lost_page
from bot.errors import StoreAway
from bot.people import Person, Role

_log = structlog.get_logger()
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LONGEST_BODY: Final = 1_000_000


class _BodyTooLong(Exception):
    """A request brings more than anything here needs."""


class Guard:
    """ASGI middleware around everything that the dashboard serves."""

    def __init__(self, app: ASGIApp, sign_in: SignIn, hosts: Sequence[str], cookie: SessionCookie) -> None:
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
        host = _name(Headers(scope=scope).get("host", ""))

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                add_security_headers(MutableHeaders(scope=message), scope, host)
            await send(message)

        try:
            refusal = await self._refusal(scope, host)
            if refusal is not None:
                await _answer(refusal, scope, receive, answer)
                return
            await self._app(scope, _bounded(scope, receive), answer)
        except Exception as error:  # noqa: BLE001 - the last place where anything can be caught
            # Whoever logs the whole of a foreign error logs what it quotes; its type and place are enough here.
            _log.warning("dashboard.failed", error=type(error).__name__, place=_place(error))
            if scope["type"] != "http" or started:
                return
            wants_json = scope["path"].startswith("/api/")
            await _answer(_failed(error, wants_json=wants_json), scope, receive, answer)

    async def _refusal(self, scope: Scope, host: str) -> Response | None:
        headers, path = Headers(scope=scope), str(scope["path"])
        if host not in self._hosts:
            return _refused(400, "host", "this address is not one that the dashboard answers to")
        access = access_to(path)
        if access is None:
            return lost_page()
        if (length := headers.get("content-length", "")).isdecimal() and int(length) > _LONGEST_BODY:
            return _too_long()
        key = self._key(scope, headers)
        # A cookie is sent by the browser whoever asks it to; a token only by whoever knows it.
        by_browser = access.role is None or (key is not None and key.kind is KeyKind.SESSION)
        if by_browser and not _may_cross(scope, headers):
            return _refused(403, "cross_site", "this request does not come from the dashboard's own page")
        return None if access.role is None else await self._not_let_in(scope, headers, key, access.role)

    async def _not_let_in(
        self, scope: Scope, headers: Headers, key: Key | None, role: Role
    ) -> Response | None:
        path = str(scope["path"])
        kills = path == "/api/v1/kills" and _is_unsafe(scope)
        person = await self._person(key, in_haste=kills)
        if key is None or person is None:
            return _signed_out(scope, headers)
        if person.role.rank < role.rank:
            return _refused(
                403, "not_allowed", f"only {'an' if role is Role.OWNER else 'a'} {role} may do this"
            )
        if key.kind is KeyKind.TOKEN and not path.startswith("/api/"):
            return _refused(403, "not_allowed", "a token opens the API alone")
        let_in(scope, Visit(person, key))
        return None

    async def _person(self, key: Key | None, *, in_haste: bool) -> Person | None:
        if key is None:
            return None
        return await (self._sign_in.person_in_haste(key) if in_haste else self._sign_in.person_of(key))

    def _key(self, scope: Scope, headers: Headers) -> Key | None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return Key(KeyKind.TOKEN, token.strip())
        session = self._cookie.read(scope)
        return Key(KeyKind.SESSION, session) if session else None


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """Stop reading a body that never ends."""
    if scope["type"] != "http":
        return receive
    left = _LONGEST_BODY

    async def bounded() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise _BodyTooLong
        return message

    return bounded


def _name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_unsafe(scope: Scope) -> bool:
    return scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS


def _may_cross(scope: Scope, headers: Headers) -> bool:
    """Whether a browser may send this request, seeing what page it comes from."""
    unsafe = _is_unsafe(scope)
    live = unsafe or str(scope["path"]).startswith("/_nicegui_ws/")
    return not live or _is_ours(scope, headers, strict=unsafe)


def _is_ours(scope: Scope, headers: Headers, *, strict: bool) -> bool:
    """Whether a browser says that one of our own pages asks; `strict` needs it to say so."""
    origin = headers.get("origin")
    if origin is not None:
        try:
            asker = urlsplit(origin)
        except ValueError:
            return False
        # Behind TLS, a page that came without may have been written by anybody on the way.
        schemes = {"https"} if is_https(scope) else {"http", "https"}
        return asker.scheme in schemes and asker.netloc.lower() == headers.get("host", "").lower()
    site = headers.get("sec-fetch-site")
    return site == "same-origin" or (site in {None, "none"} and not strict)


def _signed_out(scope: Scope, headers: Headers) -> Response:
    path = str(scope["path"])
    if path.startswith(("/api/v1", "/_nicegui")):
        answer = _refused(
            401,
            "signed_out",
            "nobody is signed in: `understudy link` (of the demo: `understudy --demo link`) gives one",
        )
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    crossing = headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") == "navigate"
    if crossing and not _is_unsafe(scope):
        # The strict cookie is not sent when a link on another site leads here; coming again from here, it is.
        return bounce_page()
    return RedirectResponse("/sign-in", 303)


def _too_long() -> Response:
    return _refused(413, "too_long", f"a request has at most {_LONGEST_BODY} bytes")


def _refused(status: int, code: str, text: str) -> Response:
    return JSONResponse({"error": code, "message": text}, status)


def _failed(error: Exception, *, wants_json: bool) -> Response:
    if isinstance(error, StoreAway):
        return _refused(503, "store_away", str(error)) if wants_json else away_page()
    if isinstance(error, _BodyTooLong):
        return _too_long()
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
