"""The dashboard's server: one FastAPI application with the API and the pages, in the service's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from importlib.resources import files
from types import TracebackType
from typing import Final, Self

import structlog
import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.staticfiles import StaticFiles

from bot.accounts import Account, Accounts
from bot.app import Office, Service
from bot.dashboard.access import Viewer
from bot.dashboard.address import announce, link_to, url_of
from bot.dashboard.api import ERRORS, add_error_handlers, api_router
from bot.dashboard.api_docs import api_docs_page
from bot.dashboard.api_people import people_router
from bot.dashboard.cookie import SessionCookie
from bot.dashboard.door import Door
from bot.dashboard.guard import Guard, allowed_hosts
from bot.dashboard.listening import listen, tls_of
from bot.dashboard.nicegui_host import NiceGuiHost
from bot.dashboard.pages import FRIENDS, Pages
from bot.dashboard.sign_in import SignIn
from bot.dashboard.snapshot import Snapshots
from bot.dashboard.switch import Switch
from bot.errors import StoreAway
from bot.people import HOUSE, Person
from bot.tries import Tries
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
        self.app: FastAPI | None = None
        self._nicegui = NiceGuiHost()
        self._switch = Switch(office.desk)
        self._snapshots = Snapshots(office)
        self.accounts = Accounts(office.store, office.clock)
        self.sign_in = SignIn(office.store, office.clock)

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
        """Give an address that signs a person in, once, whether or not they were added before. Raises StoreAway."""
        return await self._link_of(await self.accounts.add(HOUSE, person.name, person.role))

    async def _link_of(self, account: Account) -> str:
        return link_to(self.url, await self.sign_in.mint(account))

    async def __aenter__(self) -> Self:
        settings = self._office.settings.dashboard
        tls = tls_of(settings)
        self._socket = listen(settings)
        try:
            self.app = self._app()
            config = uvicorn.Config(
                self.app,
                # Tokens stand in addresses, so no address may stand in a log.
                access_log=False,
                log_config=None,
                log_level="critical",
                lifespan="on",
                timeout_graceful_shutdown=1,
                ws_max_size=1_000_000,
                server_header=False,
                # By itself uvicorn would believe whatever runs on this machine.
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies),
                ssl_context_factory=None if tls is None else lambda *_: tls,
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
            openapi_url=None,
        )
        add_error_handlers(app)
        app.include_router(api_router(self._office, self._switch))
        app.include_router(people_router(self.accounts, self.sign_in, self._link_of, ERRORS))
        settings, cookie = self._office.settings.dashboard, SessionCookie(self.port)
        tries = Tries(self._office.store, self._office.clock, settings.sign_in)
        Door(self.accounts, self.sign_in, tries, cookie).add_to(app)

        @app.get("/api/openapi.json", include_in_schema=False)
        async def document(_: Viewer) -> JSONResponse:
            return JSONResponse(app.openapi())

        @app.get("/api/docs", include_in_schema=False)
        async def docs(_: Viewer) -> HTMLResponse:
            return api_docs_page(app.openapi())

        @app.api_route(
            "/api/{rest:path}",
            methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            include_in_schema=False,
        )
        async def unknown(_: Viewer) -> JSONResponse:
            return JSONResponse(
                {"error": "unknown", "message": "there is no such path or method: see /api/docs"}, 404
            )

        assets = files("bot.dashboard") / "assets"
        app.mount("/assets", StaticFiles(directory=str(assets)))
        pages = Pages(self._office, self._service, self._snapshots, self._switch, self.sign_in, self._friends)
        self._nicegui.mount(app, "/", pages.board)
        hosts = allowed_hosts(settings.host, self._hosts)
        app.add_middleware(Guard, sign_in=self.sign_in, hosts=hosts, cookie=cookie)
        return app


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
