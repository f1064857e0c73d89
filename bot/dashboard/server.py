"""The dashboard's server: one FastAPI application with the API and the pages, in the service's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator, Sequence
from importlib.resources import files
from types import TracebackType
from typing import Final, Self

import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from bot.app import Office, Service
from bot.dashboard.address import announce, url_of
from bot.dashboard.api import add_error_handlers, api_router
from bot.dashboard.api_docs import api_docs_page
from bot.dashboard.guard import Guard, allowed_hosts, visit_of
from bot.dashboard.nicegui_host import NiceGuiHost
from bot.dashboard.pages import FRIENDS, Pages
from bot.dashboard.sign_in import SESSION_SECONDS, SignIn
from bot.dashboard.sign_in_page import refused_link_page, sign_in_page
from bot.dashboard.snapshot import Snapshots
from bot.dashboard.switch import Switch
from bot.errors import BotError, PortTaken, SettingsInvalid, StoreAway
from bot.people import Person
from chat.message import Author

_log = structlog.get_logger()
_CLOSE_SECONDS: Final = 3.0


class Dashboard:
    """Serves the dashboard; used with `async with`, which takes the port, and `run`, which serves until cancelled.

    Works without a service, too: then people see and steer what the store knows. `hosts` are further names by
    which the dashboard may be asked for; `friends` are who a visitor may type as in a local room.
    Raises PortTaken, and SettingsInvalid for a host that cannot be listened on.
    """

    def __init__(
        self,
        office: Office,
        service: Service | None = None,
        *,
        hosts: Sequence[str] = (),
        friends: Sequence[Author] = FRIENDS,
    ) -> None:
        self._office = office
        self._service = service
        self._hosts = hosts
        self._friends = friends
        self._socket: socket.socket | None = None
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._nicegui = NiceGuiHost()
        self._switch = Switch(office.desk)
        self._snapshots = Snapshots(office)
        self.sign_in = SignIn(office.store)

    @property
    def port(self) -> int:
        """The port, also where the settings said 0."""
        if self._socket is None:
            raise RuntimeError("the dashboard is not open")
        return int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        return url_of(self._office.settings.dashboard, self.port)

    async def link(self, person: Person) -> str:
        """Give an address that signs a person in, once. Raises StoreAway."""
        return f"{self.url}/sign-in?token={await self.sign_in.mint(person)}"

    async def __aenter__(self) -> Self:
        settings = self._office.settings.dashboard
        self._socket = _bind(settings.host, settings.port)
        try:
            config = uvicorn.Config(
                self._app(),
                # Tokens stand in addresses, so no address may stand in a log.
                access_log=False,
                log_config=None,
                log_level="critical",
                lifespan="on",
                timeout_graceful_shutdown=1,
                ws_max_size=1_000_000,
                server_header=False,
            )
            self._server = _Server(config)
        except BaseException:
            self._socket.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._switch.close()
        await self._stop()
        if self._socket is not None:
            self._socket.close()

    async def run(self) -> None:
        """Serve until cancelled."""
        if self._server is None or self._socket is None:
            raise RuntimeError("the dashboard is not open")
        server = self._server
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._snapshots.run())
            serving = self._serving = asyncio.create_task(server.serve(sockets=[self._socket]))
            _log.info("dashboard.open", port=self.port)
            try:
                with contextlib.suppress(StoreAway):
                    await announce(self._office.store, self.url)
                await asyncio.shield(serving)
                raise RuntimeError("the dashboard's server ended by itself")
            finally:
                watching.cancel()
                # First the pages, which would keep their websockets, then the server with its lifespan.
                await self._nicegui.hang_up()
                await self._stop()

    async def _stop(self) -> None:
        """Stop what still runs. Called again at the end: `run` may be cancelled once more while it closes."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await asyncio.wait({self._serving}, timeout=_CLOSE_SECONDS)
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
        await self._nicegui.close()

    def _app(self) -> FastAPI:
        app = FastAPI(
            title="Understudy",
            summary="Watch and steer the stand-in.",
            docs_url=None,
            redoc_url=None,
            openapi_url="/api/openapi.json",
        )
        add_error_handlers(app)
        app.include_router(api_router(self._office, self._switch))
        cookie = f"understudy-{self.port}"
        self._add_doors(app, cookie)

        @app.get("/api/docs", include_in_schema=False)
        async def docs() -> HTMLResponse:
            return api_docs_page(app.openapi())

        @app.api_route(
            "/api/{rest:path}",
            methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            include_in_schema=False,
        )
        async def unknown() -> JSONResponse:
            return JSONResponse(
                {"error": "unknown", "message": "there is no such path or method: see /api/docs"}, 404
            )

        assets = files("bot.dashboard") / "assets"
        app.mount("/assets", StaticFiles(directory=str(assets)))
        pages = Pages(self._office, self._service, self._snapshots, self._switch, self.sign_in, self._friends)
        self._nicegui.mount(app, "/", pages.board)
        hosts = allowed_hosts(self._office.settings.dashboard.host, self._hosts)
        app.add_middleware(Guard, sign_in=self.sign_in, hosts=hosts, cookie=cookie)
        return app

    def _add_doors(self, app: FastAPI, cookie: str) -> None:
        @app.get("/sign-in", include_in_schema=False)
        async def sign_in(request: Request, token: str = "") -> Response:
            if not token:
                return sign_in_page()
            # A browser that only looks ahead must not use the link up.
            ahead = "prefetch" in request.headers.get("sec-purpose", "")
            session = None if ahead else await self.sign_in.redeem(token)
            if session is None:
                return refused_link_page()
            answer = RedirectResponse("/", 303)
            answer.set_cookie(
                cookie,
                session,
                max_age=SESSION_SECONDS,
                httponly=True,
                samesite="strict",
                secure=request.url.scheme == "https",
            )
            return answer

        @app.post("/sign-out", include_in_schema=False)
        async def sign_out(request: Request) -> Response:
            await self.sign_in.sign_out(visit_of(request.scope).session)
            answer = RedirectResponse("/sign-in", 303)
            answer.delete_cookie(cookie, httponly=True, samesite="strict")
            return answer


class _Server(uvicorn.Server):
    """uvicorn as a part of a program: signals are the program's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, or give up quietly: uvicorn would leave by sys.exit, and take the event loop along.

        That happens when the dashboard is cancelled while it is only just starting.
        """
        try:
            await super().startup(sockets=sockets)
        except SystemExit:
            self.should_exit = True


def _bind(host: str, port: int) -> socket.socket:
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            host.strip("[]") or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise SettingsInvalid(
            f"the setting dashboard.host cannot be used: {host} ({error.strerror})"
        ) from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(256)
    except OSError as error:
        listener.close()
        raise _not_bound(host, port, error) from None
    listener.setblocking(False)
    return listener


def _not_bound(host: str, port: int, error: OSError) -> BotError:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(
            f"port {port} on {host} is in use: stop what uses it, or set UNDERSTUDY_DASHBOARD__PORT (0: any free one)"
        )
    if error.errno == errno.EACCES:
        return PortTaken(
            f"this user may not use port {port}: set UNDERSTUDY_DASHBOARD__PORT to one above 1023"
        )
    return SettingsInvalid(f"the setting dashboard.host cannot be used: {host} ({error.strerror})")
